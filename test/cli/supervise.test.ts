import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { describe, it, type TestContext } from 'node:test'

const SUPERVISE = new URL('../../src/cli/supervise.js', import.meta.url).href

/** A role that is ready at once, and ends when it is told. */
const ROLE = `
process.send({ ready: null })
process.on('SIGTERM', () => process.exit(0))
process.once('disconnect', () => process.exit(0))
`

/**
 * A process that supervises roles and nothing beside: it has `supervise`, `role(name)` and `say`. Resolves with its
 * exit code and what it said.
 */
async function supervising(t: TestContext, script: string, descriptors = 1_024): Promise<readonly unknown[]> {
  const dir = mkdtempSync(join(tmpdir(), 'supervise-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  writeFileSync(join(dir, 'role.mjs'), ROLE)
  writeFileSync(
    join(dir, 'supervisor.mjs'),
    `
import { closeSync, openSync } from 'node:fs'
import { serveUntilStopped, supervise } from ${JSON.stringify(SUPERVISE)}
const say = text => process.stdout.write(text + ' ')
const role = name =>
  ({ name, argv: [${JSON.stringify(join(dir, 'role.mjs'))}], node: [], env: {}, identity: null })
${script}
`,
  )
  const limited = `ulimit -n ${descriptors}; exec "$0" "$@"`
  const child = spawn('/bin/sh', ['-c', limited, process.execPath, join(dir, 'supervisor.mjs')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', chunk => {
    said += chunk
  })
  const [code] = await once(child, 'close')
  return [code, ...said.trim().split(' ')]
}

describe('a process that is told to stop', () => {
  it('says what went wrong with that, rather than to crash of it', async t => {
    const said = await supervising(
      t,
      `
const stopped = serveUntilStopped(null, () => Promise.reject(new Error('unwritten')))
process.kill(process.pid, 'SIGTERM')
const waiting = setInterval(() => undefined, 1_000)
await stopped.catch(error => say(error.message))
clearInterval(waiting)
`,
    )
    assert.deepEqual(said, [0, 'unwritten'])
  })

  it('stops in order where its terminal was closed', async t => {
    const said = await supervising(
      t,
      `
const stopped = serveUntilStopped(null, async () => say('stopped'))
process.kill(process.pid, 'SIGHUP')
const waiting = setInterval(() => undefined, 1_000)
await stopped
clearInterval(waiting)
`,
    )
    assert.deepEqual(said, [0, 'stopped'])
  })

  it('leaves the order to its supervisor, where the terminal tells both', async t => {
    const said = await supervising(
      t,
      `
process.send = () => true
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) process.on(signal, () => say(signal))
const stopped = serveUntilStopped(null, async () => say('stopped'))
const waiting = setInterval(() => undefined, 1_000)
process.once('SIGHUP', () => process.kill(process.pid, 'SIGINT'))
process.once('SIGINT', () => process.kill(process.pid, 'SIGTERM'))
process.kill(process.pid, 'SIGHUP')
await stopped
clearInterval(waiting)
`,
    )
    assert.deepEqual(said, [0, 'SIGHUP', 'SIGINT', 'SIGTERM', 'stopped'])
  })
})

describe('a supervisor', () => {
  it('starts its roles again where all of them end at once', async t => {
    const said = await supervising(
      t,
      `
const again = new Set()
const supervisor = supervise({
  graceMs: 1_000,
  onExit: () => undefined,
  onRestart: ({ name }) => {
    if (again.add(name).size === 2) supervisor.stop().then(() => say('stopped'))
  },
})
const keeper = await supervisor.start(role('keeper'))
const gate = await supervisor.start(role('gate'))
for (const { pid } of [keeper, gate]) process.kill(pid, 'SIGKILL')
`,
    )
    assert.deepEqual(said, [0, 'stopped'])
  })

  it('stops what runs, also where it couldn’t start it in between', async t => {
    const said = await supervising(
      t,
      `
const taken = []
const supervisor = supervise({
  graceMs: 1_000,
  onExit: (_role, how) => {
    if (how !== 'not started') return
    say('not-started')
    for (const descriptor of taken.splice(0)) closeSync(descriptor)
  },
  onRestart: () => void supervisor.stop().then(() => say('stopped')),
})
const { pid } = await supervisor.start(role('gate'))
try {
  for (;;) taken.push(openSync('/dev/null'))
} catch {
  process.kill(pid, 'SIGKILL')
}
`,
      64,
    )
    assert.deepEqual(said, [0, 'not-started', 'stopped'])
  })

  it('says how a role ended that did not come back either', async t => {
    const said = await supervising(
      t,
      `
const gone = ${JSON.stringify('process.send === undefined || process.exit(3)')}
const failing = { ...role('keeper') }
let ends = 0
const supervisor = supervise({
  graceMs: 1_000,
  onExit: (_role, how) => {
    say(how.replace(' ', '-'))
    if (++ends === 2) void supervisor.stop().then(() => say('stopped'))
    failing.argv = ['-e', gone]
  },
  onRestart: () => undefined,
})
const { pid } = await supervisor.start(failing)
process.kill(pid, 'SIGKILL')
`,
    )
    assert.deepEqual(said, [0, 'SIGKILL', 'exit-3', 'stopped'])
  })

  it('starts nothing more once it stops', async t => {
    const said = await supervising(
      t,
      `
const supervisor = supervise({ graceMs: 1_000, onExit: () => undefined, onRestart: () => undefined })
await supervisor.start(role('keeper'))
const stopped = supervisor.stop()
await supervisor.start(role('gate')).catch(error => say(error.code))
await stopped
`,
    )
    assert.deepEqual(said, [0, 'role_not_ready'])
  })
})
