import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { type Ended, MAIN, run, runCountersign } from './sidecar.js'

/** The last line that a first run prints. */
const LAST = 'Stop with Ctrl-C.'

/** Where there is no curl, a function of that name does what the pasted lines ask of it: `-s URL -H … -H … -d BODY`. */
const CURL = `command -v curl >/dev/null || curl() { ${process.execPath} -e '
  const [, url, , first, , second, , body] = process.argv.slice(1)
  const headers = [first, second].map(line => line.split(": "))
  fetch(url, { method: "POST", headers, body }).then(answer => answer.text()).then(text => console.log(text))
' -- "$@"; }`

test('the first run shows a grant and three commands, each of which does what it says', async story => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-first-run-'))
  const child = spawn(process.execPath, [MAIN, 'run', '--first-run', '.countersign'], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const gone = new Promise(resolve => child.once('exit', resolve))
  story.after(async () => {
    child.kill('SIGTERM')
    await gone
    await rm(folder, { recursive: true, force: true })
  })
  const logged = text(child.stderr)
  const screen: string[] = []
  for await (const line of createInterface(child.stdout)) {
    screen.push(line)
    if (line === LAST) break
  }
  if (screen.at(-1) !== LAST) assert.fail(`it did not come up:\n${screen.join('\n')}\n${await logged}`)

  /** The command below a heading, as somebody would paste it after the `export` line. */
  function pasted(heading: string): Promise<Ended> {
    const at = screen.indexOf(heading)
    assert.ok(at >= 0, `the screen has "${heading}":\n${screen.join('\n')}`)
    const exported = screen.find(line => line.trim().startsWith('export GRANT='))
    return run('/bin/sh', ['-c', `${CURL}\n${exported?.trim()}\n${screen[at + 2]?.trim()}`], folder)
  }

  await story.test('the first passes', async () => {
    const { code, out, err } = await pasted('1. This passes:')
    assert.equal(code, 0, err)
    assert.equal(typeof JSON.parse(out).data.project.name, 'string')
  })

  await story.test('the second is denied, and says why', async () => {
    const { out } = await pasted('2. This is denied:')
    const { data, errors } = JSON.parse(out)
    assert.equal(data, null)
    assert.match(errors[0].message, /^DENIED by policy, nothing was executed\. volumeDelete on volume /)
    assert.match(errors[0].message, /Receipt \d+\.$/)
  })

  await story.test('the third verifies the ledger with pinned keys', async () => {
    const { code, out, err } = await pasted('3. This verifies what was recorded:')
    assert.equal(code, 0, err)
    assert.match(out, /^SOUND/)
    assert.match(out, /keys +pinned/)
  })

  await story.test('Ctrl-C ends it with a closed ledger', async () => {
    child.kill('SIGINT')
    assert.equal(await gone, 0)
    const argv = ['receipts', 'list', '--in', '.countersign/ledger', '--limit', '1000', '--json']
    const { out } = await runCountersign(argv, folder)
    assert.equal(JSON.parse(out).entries.at(-1).type, 'close')
  })
})

test('the demo sees everything that it tells, and names the entry that was changed', async context => {
  const home = await mkdtemp(join(tmpdir(), 'countersign-demo-home-'))
  context.after(() => rm(home, { recursive: true, force: true }))
  const started = Date.now()
  const { code, out, err } = await runCountersign(['demo'], home)
  context.diagnostic(`${Date.now() - started} ms; the limit is 20,000 on a machine with nothing else to do`)
  assert.equal(code, 0, out + err)
  assert.ok(!out.includes('✗'))
  for (const said of [
    /DENIED by policy, nothing was executed\. volumeDelete/,
    /✓ A code freeze begins[\s\S]*the release is going out/,
    /✓ Maria, whom it works for, can’t agree to it/,
    /✓ Sam agrees, and the very same call passes\n {2}200/,
    /✓ It is halted, and goes on deleting\n.*it goes on deleting/,
    /The request carries a credential that is not its grant/,
    /A batch of GraphQL requests was sent/,
    /called with a query string/,
    /the volume and its three backups are still there/,
    /^SOUND: nothing was found/m,
    /decisions +replayed (\d+) of \1 \(\1 from their inputs, 0 from the receipt\), differing 0, not replayable 0/,
    /One byte of a copy is changed, in entry (\d+):\s+NOT SOUND[^!]*! entry \1:/,
    /All of it was observed/,
  ])
    assert.match(out, said)
})
