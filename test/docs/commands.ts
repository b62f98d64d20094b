import { PassThrough } from 'node:stream'
import type { Command } from 'commander'
import { commandLine } from '../../src/cli/program.js'

const program = await commandLine({
  stdin: new PassThrough(),
  stdout: new PassThrough(),
  stderr: new PassThrough(),
  env: {},
  cwd: '/',
})

/** What the program would object to in a command line without `countersign` before it; null where it would run. */
export function objectionTo(words: readonly string[]): string | null {
  let command: Command = program
  let positionals = 0
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string
    if (word === '--') return null
    if (/^-./.test(word)) {
      const flag = word.replace(/=.*$/, '')
      if (flag === '--help' || flag === '--version') continue
      const option = command.options.find(each => each.long === flag || each.short === flag)
      if (option === undefined) return `${command.name()} has no option ${flag}`
      if (option.required && !word.includes('=')) i++
    } else if (command.commands.length > 0) {
      const next = command.commands.find(each => each.name() === word)
      if (next === undefined) return `${command.name()} has no command ${word}`
      command = next
    } else if (!command.registeredArguments.some(each => each.variadic)) {
      if (++positionals > command.registeredArguments.length)
        return `${command.name()} takes no argument ${word}`
    }
  }
  return null
}

/** Every command of the program, the root too. */
export function allCommands(from: Command = program): readonly Command[] {
  return [from, ...from.commands.flatMap(each => allCommands(each))]
}

/** The words of one shell line: quotes joined, comments and redirections left out. */
export function wordsOf(line: string): readonly string[] {
  const words = line.match(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g) ?? []
  const end = words.findIndex(word => /^(#|[<>|;]|2>)/.test(word))
  return (end < 0 ? words : words.slice(0, end)).map(word => word.replace(/['"]/g, ''))
}
