import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import type { Command } from 'commander'
import { commandLine } from '../../src/cli/program.js'

const io = {
  stdin: new PassThrough(),
  stdout: new PassThrough(),
  stderr: new PassThrough(),
  env: {},
  cwd: '/',
}
const whole = await commandLine(io)

test('a command line that names a command has it, with the help that the whole program gives', async () => {
  const groups = whole.commands.filter(each => each.commands.length > 0)
  assert.ok(groups.length >= 8)
  for (const group of groups)
    for (const command of group.commands) {
      const alone = await commandLine(io, group.name(), command.name())
      const found = named(named(alone, group.name()), command.name())
      assert.equal(found.helpInformation(), command.helpInformation(), `${group.name()} ${command.name()}`)
    }
})

test('a command line that names a group, or none, has all that there may be meant', async () => {
  const policy = named(whole, 'policy')
  for (const verb of [undefined, '--help', 'help', 'matrx']) {
    const narrowed = await commandLine(io, 'policy', verb)
    assert.deepEqual(names(named(narrowed, 'policy')), names(policy), verb)
  }
  assert.deepEqual(names(await commandLine(io, 'polcy', 'matrix')), names(whole))
})

function named(command: Command, name: string): Command {
  const found = command.commands.find(each => each.name() === name)
  assert.ok(found, name)
  return found
}

function names(command: Command): readonly string[] {
  return command.commands.map(each => each.name())
}
