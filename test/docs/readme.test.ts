import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { codesInSource } from './codes-in-source.js'
import { allCommands, objectionTo, wordsOf } from './commands.js'

const ROOT = new URL('../../../', import.meta.url)
const read = (file: string) => readFileSync(new URL(file, ROOT), 'utf8')
const PAGES = [
  ...readdirSync(ROOT).filter(file => file.endsWith('.md')),
  ...['docs', 'bench'].flatMap(folder =>
    readdirSync(new URL(`${folder}/`, ROOT))
      .filter(file => file.endsWith('.md'))
      .map(file => `${folder}/${file}`),
  ),
  'config/policy-repository/README.md',
]
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }

/** The single commands of a page's shell blocks and of its inline code. */
function commandsOf(text: string): readonly string[] {
  const blocks = [...text.matchAll(/^ *```sh\n([\s\S]*?)^ *```/gm)].map(match => match[1] as string)
  const inline = [...text.replace(/^ *```[\s\S]*?^ *```/gm, '').matchAll(/`([^`\n]+)`/g)].map(
    match => match[1] as string,
  )
  return [...blocks.flatMap(block => block.replaceAll('\\\n', ' ').split('\n')), ...inline]
    .flatMap(line => line.split(/ && /))
    .map(line => line.trim().replace(/^npx (?=countersign\b)/, ''))
}

/** Why a command of a page would not do what the page says; null where there is nothing to say. */
function wrongWith(command: string): string | null {
  const [program, ...words] = wordsOf(command)
  if (program === 'countersign') return words[0] === '…' ? null : objectionTo(words)
  if (program !== 'npm') return null
  const script = words[0] === 'run' ? words[1] : words[0]
  if (script === 'ci' || script === 'install' || script === 'pack' || script === 'link') return null
  return scripts[script ?? ''] === undefined ? `there is no script ${script}` : null
}

const slug = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')

describe('the pages', () => {
  it('were found, with their commands', () => {
    assert.ok(PAGES.length >= 7, PAGES.join(' '))
    const commands = PAGES.flatMap(page => commandsOf(read(page))).filter(line =>
      /^(countersign|npm) /.test(line),
    )
    assert.ok(commands.length > 40, `${commands.length} commands`)
  })

  for (const page of PAGES) {
    it(`${page} names only commands and options that there are`, () => {
      for (const command of commandsOf(read(page))) assert.equal(wrongWith(command), null, command)
    })

    it(`${page} names only source files that there are`, () => {
      for (const [, file] of read(page).matchAll(/`((?:src|config|scripts|deploy|test)\/[\w./-]+\.\w+)`/g))
        assert.ok(existsSync(new URL(file as string, ROOT)), `${page}: ${file}`)
    })

    it(`${page} links only to what is there`, () => {
      const links = [
        ...read(page)
          .replace(/^```[\s\S]*?^```/gm, '')
          .matchAll(/\]\(([^)\s]+)\)/g),
      ]
      for (const [, link] of links) {
        if (/^https?:/.test(link as string)) continue
        const [path, anchor] = (link as string).split('#')
        const target = path === '' ? new URL(page, ROOT) : new URL(path as string, new URL(page, ROOT))
        assert.ok(existsSync(target), `${page}: ${link}`)
        if (anchor === undefined) continue
        const headings = [...readFileSync(target, 'utf8').matchAll(/^#+ (.*)$/gm)].map(match =>
          slug(match[1] as string),
        )
        assert.ok(headings.includes(anchor), `${page}: ${link}`)
      }
    })
  }
})

describe('the program', () => {
  it('names only commands and options that there are in its own messages', () => {
    let seen = 0
    for (const text of codesInSource().literals) {
      for (const [, command] of text.matchAll(/`countersign ([^`]+)`/g)) {
        seen++
        assert.equal(objectionTo(wordsOf(command as string)), null, text)
      }
    }
    assert.ok(seen > 10, `saw ${seen}`)
  })

  it('gives every command a help with an example that it would run', () => {
    for (const command of allCommands()) {
      if (command.commands.length > 0) continue
      let help = ''
      command.configureOutput({ writeOut: text => (help += text) })
      command.outputHelp()
      const examples = [
        ...help.replaceAll('\\\n', ' ').matchAll(/^ {2}(?:.*[ (])?countersign (.+?)(?:\)")?$/gm),
      ]
      assert.ok(examples.length > 0, `${command.name()} has no example`)
      for (const [, example] of examples)
        for (const part of `countersign ${example}`.split(/ && /))
          if (part.startsWith('countersign ')) assert.equal(objectionTo(wordsOf(part).slice(1)), null, part)
    }
  })
})
