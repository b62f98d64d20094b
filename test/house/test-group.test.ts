import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'

const GROUP = new URL('../../scripts/test-group.js', import.meta.url).href
const PASSES = "test('passes', () => {})"

/** Runs the files, by their names, as one group under `node --test`; times in milliseconds. */
function run(t: TestContext, sources: Record<string, string>, fileMs = 60_000, openMs = 60_000) {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-group-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, source] of Object.entries(sources))
    writeFileSync(
      join(folder, name),
      `import { after, beforeEach, test } from 'node:test'\nimport assert from 'node:assert'\n${source}\n`,
    )
  const call = `runGroup(${JSON.stringify(Object.keys(sources))}, ${fileMs}, ${openMs})`
  writeFileSync(join(folder, 'group.mjs'), `import { runGroup } from '${GROUP}'\nawait ${call}\n`)
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--test', '--test-reporter=tap', 'group.mjs'],
    { cwd: folder, encoding: 'utf8', env: { PATH: process.env.PATH } },
  )
  return { status, told: stdout + stderr }
}

test('files of a group pass together, each under its name and with hooks of its own', t => {
  const hooked = `let calls = 0\nbeforeEach(() => { calls += 1 })\n${PASSES}
after(() => assert.equal(calls, 1))`
  const { status, told } = run(t, { 'a.test.mjs': hooked, 'b.test.mjs': hooked })
  assert.equal(status, 0, told)
  assert.match(told, /^# tests 2$/m)
  for (const name of ['a.test.mjs', 'b.test.mjs']) assert.match(told, new RegExp(`^# Subtest: ${name}$`, 'm'))
})

test('a failure says its file and line, and the files behind it still run', t => {
  const fails = "test('fails', () => assert.equal(1, 2))"
  const { status, told } = run(t, { 'a.test.mjs': fails, 'b.test.mjs': PASSES })
  assert.equal(status, 1)
  assert.match(told, /location: '.*a\.test\.mjs:3:1'/)
  assert.match(told, /^ +ok 1 - passes$/m)
})

test('a file that does not load fails under its name, and the files behind it still run', t => {
  const { status, told } = run(t, { 'a.test.mjs': "throw new Error('at once')", 'b.test.mjs': PASSES })
  assert.equal(status, 1)
  assert.match(told, /^not ok 1 - a\.test\.mjs$/m)
  assert.match(told, /^ok 2 - b\.test\.mjs$/m)
})

test('an error that nobody awaits fails the group', t => {
  const late = `test('late', async () => {
  setImmediate(() => { throw new Error('too late') })
  await new Promise(resolve => process.once('uncaughtException', resolve))
})`
  const { status, told } = run(t, { 'a.test.mjs': late, 'b.test.mjs': PASSES })
  assert.equal(status, 1)
  assert.match(told, /location: '.*a\.test\.mjs:3:1'/)
})

test('a file that never ends fails under its name, and the files behind it still run', t => {
  const open = 'const timer = setInterval(() => {}, 1_000)\nafter(() => clearInterval(timer))'
  const never = `${open}\ntest('never', () => new Promise(() => {}))`
  const { status, told } = run(t, { 'a.test.mjs': never, 'b.test.mjs': PASSES }, 200)
  assert.equal(status, 1)
  assert.match(told, /^not ok 1 - a\.test\.mjs$/m)
  assert.match(told, /timed out/)
  assert.match(told, /^ok 2 - b\.test\.mjs$/m)
})

test('a file that waits for nothing fails, and those that did not run are named', t => {
  const idle = "test('idle', () => new Promise(() => {}))"
  const { status, told } = run(t, { 'a.test.mjs': idle, 'b.test.mjs': PASSES }, 1_000)
  assert.equal(status, 1)
  assert.match(told, /not run to the end: a\.test\.mjs, b\.test\.mjs/)
})

test('attack: a test that ends the process does not pass for the files behind it', t => {
  const leaves = "test('leaves', () => process.exit(0))"
  const { status, told } = run(t, { 'a.test.mjs': leaves, 'b.test.mjs': PASSES })
  assert.equal(status, 1)
  assert.match(told, /not run to the end: a\.test\.mjs, b\.test\.mjs/)
})

test('what a file leaves open fails the group, and is said', t => {
  const open = `setInterval(() => {}, 1_000)\n${PASSES}`
  const { status, told } = run(t, { 'a.test.mjs': open }, 60_000, 200)
  assert.equal(status, 1)
  assert.match(told, /still open after a\.test\.mjs: .*Timeout/)
})
