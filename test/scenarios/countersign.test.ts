import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { createKeyFile } from '../../src/cli/keyfile.js'
import { countersign } from '../cli/command-line.js'
import { type Invoices, invoicesPolicy, startInvoices } from './invoices.js'
import { eventually, type Sidecar, startSidecar } from './supervised-sidecar.js'

const MAIN = fileURLToPath(new URL('../../bin/main.js', import.meta.url))

interface Scene {
  readonly sidecar: Sidecar
  readonly invoices: Invoices
  readonly seen: readonly unknown[]
  readonly keys: { readonly jo: string; readonly max: string; readonly stranger: string }
  run(...argv: string[]): ReturnType<typeof countersign>
  ask(
    path?: string,
    prefer?: string,
    body?: object,
  ): Promise<{ status: number; text: string; approval: string; applied: string | null }>
}

/** A sidecar under a policy by which new invoices take two people. */
async function scene(t: TestContext): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-people-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = (name: string) => join(folder, `${name}.jwk`)
  const [jo, max] = [createKeyFile(file('jo')), createKeyFile(file('max'))]
  createKeyFile(file('stranger'))
  const invoices = await startInvoices(t)
  const policy = `${invoicesPolicy(invoices.address)}  - id: create-with-two-people
    hold: { api: billing, operations: ["POST /invoices"] }
    to: coder
    approvers: operators
    because: New invoices are read by two people first.
approvers:
  operators:
    keys: { jo: "${jo}", max: "${max}" }
    threshold: 2
    expires: 30m
`
  const sidecar = await startSidecar(t, { policy, billing: invoices.address })
  const authorization = `Bearer ${await sidecar.grant()}`
  return {
    sidecar,
    invoices,
    seen: invoices.seen,
    keys: { jo: file('jo'), max: file('max'), stranger: file('stranger') },
    run: (...argv) => countersign(...argv, '--config', sidecar.loaded.file),
    ask: async (path = '/invoices', prefer, body) => {
      const answer = await fetch(`${sidecar.url}/billing${path}`, {
        method: 'POST',
        headers: {
          authorization,
          ...(prefer === undefined ? {} : { prefer }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const text = await answer.text()
      const applied = answer.headers.get('preference-applied')
      return {
        status: answer.status,
        text,
        applied,
        approval: /approval ([0-9a-f-]{36})/.exec(text)?.[1] ?? '',
      }
    },
  }
}

test('a held call passes once two people have countersigned it, and the whole log verifies', async t => {
  const { run, ask, keys, seen, sidecar } = await scene(t)
  const held = await ask()
  assert.equal(held.status, 403)
  const { approvals } = JSON.parse((await run('approvals', 'list', '--json')).out)
  const [{ id, digest }] = approvals
  assert.equal(held.approval, id, 'the agent is told which approval it waits for')

  const first = await run('approve', id, '--key', keys.jo, '--digest', digest)
  assert.equal(first.code, 0, first.err)
  assert.match(first.out, /^Approved\. It still needs operators \(1 of 2\); approved by jo\.$/m)
  assert.equal((await ask()).status, 403)
  const waiting = await run('approvals', 'wait', id, '--timeout', '1')
  assert.equal(waiting.code, 1, 'one of two is not enough')

  const second = await run('approve', id, '--key', keys.max, '--digest', digest)
  assert.match(second.out, /^Approved\. The agent’s same call passes now, once\.$/m)
  assert.equal((await run('approvals', 'wait', id)).code, 0)
  assert.equal(seen.length, 0)
  assert.equal((await ask()).status, 200)
  assert.equal(seen.length, 1)
  assert.equal((await ask()).status, 403, 'once')
  const used = await run('approvals', 'wait', id)
  assert.deepEqual([used.code, used.out], [0, 'It was approved, and its call has passed.\n'])
  const never = await run('approvals', 'wait', id.slice(0, 8))
  assert.equal(never.code, 1)
  assert.equal(seen.length, 1)

  const verified = await run('receipts', 'verify')
  assert.equal(verified.code, 0, verified.out + verified.err)
  assert.match(verified.out, /^ +people +2 words signed as the policy asks, 0 not proven$/m)
  const receipts = await sidecar.entries()
  const steps = receipts.flatMap(entry =>
    entry.type === 'approval' && entry.data.id === id ? [[entry.data.state, entry.data.by]] : [],
  )
  assert.deepEqual(steps, [
    ['requested', undefined],
    ['approved', 'jo'],
    ['approved', 'max'],
    ['consumed', undefined],
  ])
})

test('a call that prefers to wait is answered once two people have countersigned it, and over a restart is held', async t => {
  const { run, ask, keys, seen, sidecar } = await scene(t)
  const pending = async () => {
    const { approvals } = JSON.parse((await run('approvals', 'list', '--json')).out)
    return approvals.at(-1) as { id: string; digest: string } | undefined
  }
  const answer = ask('/invoices', 'wait=60')
  const { id, digest } = await eventually('an approval', pending)
  for (const key of [keys.jo, keys.max]) {
    assert.equal(seen.length, 0)
    const signed = await run('approve', id, '--key', key, '--digest', digest)
    assert.equal(signed.code, 0, signed.err)
  }
  const { status, applied } = await answer
  assert.deepEqual([status, applied, seen.length], [200, 'wait=60', 1])
  const attempts = (await sidecar.entries()).flatMap(entry =>
    entry.type === 'attempt' ? [[entry.decision.effect, entry.approval]] : [],
  )
  assert.deepEqual(attempts, [
    ['hold', id],
    ['allow', id],
  ])

  const other = ask('/invoices', 'wait=60')
  const next = await eventually('another approval', async () => {
    const waiting = await pending()
    return waiting?.id === id ? undefined : waiting
  })
  // An answer that is behind that of the held call: from then on the gate waits.
  const behind = await fetch(`${sidecar.url}/billing/invoices/1`, {
    headers: { authorization: `Bearer ${await sidecar.grant()}` },
  })
  assert.equal(behind.status, 200)
  process.kill(sidecar.pid('keeper'), 'SIGKILL')
  const held = await other
  assert.deepEqual([held.status, held.approval], [403, next.id])
  await eventually('the keeper', () => sidecar.status().catch(() => undefined))
  assert.equal((await pending())?.id, next.id, 'the approval is still there')
  assert.equal(seen.length, 2, 'the first held call, and the read')
})

test('a rejected call stays refused, and the agent reads the person’s reason', async t => {
  const { run, ask, keys } = await scene(t)
  const { approval } = await ask()
  const { approvals } = JSON.parse((await run('approvals', 'list', '--json')).out)
  const said = ['--because', 'Not before the audit is over.', '--digest', approvals[0].digest]
  const rejected = await run('reject', approval, '--key', keys.jo, ...said)
  assert.equal(rejected.code, 0, rejected.err)
  const again = await ask()
  assert.equal(again.status, 403)
  assert.match(again.text, /approval_rejected/)
  assert.match(again.text, /Not before the audit is over/)
})

test('approving shows everything that is bound, and signs nothing that was not looked at', async t => {
  const { run, ask, keys } = await scene(t)
  const { approval } = await ask()
  const shown = await run('approvals', 'show', approval)
  assert.equal(shown.code, 0, shown.err)
  for (const line of [
    /^ {2}agent {8}coder in staging$/m,
    /^ {2}acting for {3}.+, who can’t approve it$/m,
    /^ {2}held by {6}create-with-two-people: New invoices are read by two people first\.$/m,
    /^ {2}operation {4}billing POST \/invoices$/m,
    /^ {2}class {8}create$/m,
    /^ {2}request {6}POST \/invoices/m,
  ])
    assert.match(shown.out, line)
  const unasked = await run('approve', approval, '--key', keys.jo)
  assert.equal(unasked.code, 2)
  assert.match(unasked.err, /no terminal to ask at/)
  const other = await run('approve', approval, '--key', keys.jo, '--digest', '00'.repeat(32))
  assert.match(other.err, /has another digest/)
  const stranger = await run(
    'approve',
    approval,
    '--key',
    keys.stranger,
    '--digest',
    JSON.parse((await run('approvals', 'show', approval, '--json')).out).approval.digest,
  )
  assert.match(stranger.err, /approver_unknown/)
})

test('attack: a person approves by digest what the card could not show to its end', async t => {
  const { run, ask, keys } = await scene(t)
  const note = `${'x'.repeat(3_000)} and drop the customer`
  const { approval } = await ask('/invoices', undefined, { note, last: true })
  const card = await run('approvals', 'show', approval)
  assert.match(card.out, /^ {2}argument {5}last = true$/m)
  assert.match(
    card.out,
    /^Not shown to the end: argument note \(3024 characters\)\. Show all of it with --whole\.$/m,
  )
  assert.doesNotMatch(card.out, /drop the customer/)
  assert.match((await run('approvals', 'show', approval, '--whole')).out, /drop the customer/)
  const { digest } = JSON.parse((await run('approvals', 'show', approval, '--json')).out).approval
  const approve = (...argv: string[]) =>
    run('approve', approval, '--key', keys.jo, '--digest', digest, ...argv)
  const unseen = await approve()
  assert.equal(unseen.code, 2)
  assert.match(unseen.err, /the card doesn’t show all of it\. Not shown to the end: argument note/)
  assert.match((await approve('--seen-whole', '00'.repeat(32))).err, /has another digest/)
  assert.match((await approve('--seen-whole', digest)).out, /^Approved\./m)
  const rejected = await run(
    ...(['reject', approval, '--key', keys.max, '--digest', digest, '--because', 'No.'] as const),
  )
  assert.equal(rejected.code, 0, 'to refuse it takes no look at all of it')
})

test('a halt that cuts ends what is under way in every gate, and both refuse the next request', async t => {
  const { sidecar, run, invoices } = await scene(t)
  const second = await anotherGate(t, sidecar)
  const started: ServerResponse[] = []
  invoices.answer = (_request, response) => {
    started.push(response)
    if (started.length === 1) response.writeHead(200, { 'content-type': 'text/plain' }).write('begun')
  }
  const authorization = `Bearer ${await sidecar.grant()}`
  const read = (url: string) => fetch(`${url}/billing/invoices/1`, { headers: { authorization } })
  const stream = await read(sidecar.url)
  const slow = read(second)
  await eventually('both requests upstream', () => (started.length === 2 ? true : undefined))
  const halted = await run('halt', '--all', '--cut', '--because', 'Everybody stops.', '--by', 'maria')
  assert.equal(halted.code, 0, halted.err)
  assert.match(halted.out, /^2 request\(s\) under way were broken off\.$/m)
  await assert.rejects(stream.text(), 'an answer that has begun is cut short')
  const refused = await slow
  assert.equal(refused.status, 403)
  assert.match(await refused.text(), /BROKEN OFF by a halt.*Everybody stops\./)
  for (const url of [sidecar.url, second]) assert.match(await (await read(url)).text(), /agent_halted/)
  const outcomes = await eventually('both outcomes', async () => {
    const found = (await sidecar.entries()).flatMap(entry => (entry.type === 'outcome' ? [entry.status] : []))
    return found.length === 2 ? found : undefined
  })
  assert.deepEqual(outcomes, ['aborted', 'aborted'])
})

/** A second gate before the same keeper, as a process of its own; answers where it listens. */
async function anotherGate(t: TestContext, { folder, loaded }: Sidecar): Promise<string> {
  const file = join(folder, 'second-gate.yaml')
  writeFileSync(file, stringify({ ...loaded.config, gate: { listen: '127.0.0.1:0' } }))
  const child = spawn(process.execPath, [MAIN, 'run', '--config', file, '--role', 'gate'], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  t.after(() => child.kill('SIGKILL'))
  const [{ ready }] = (await once(child, 'message')) as [{ ready: { main: string } }]
  return ready.main
}

test('a halted agent reads why, keeps no grant, and goes on only after a signed order and with a new one', async t => {
  const { run, sidecar } = await scene(t)
  const read = async (authorization: string) => {
    const answer = await fetch(`${sidecar.url}/billing/invoices/1`, { headers: { authorization } })
    return { status: answer.status, text: await answer.text() }
  }
  const before = `Bearer ${await sidecar.grant()}`
  assert.equal((await read(before)).status, 200)
  const halted = await run('halt', '--agent', 'coder', '--because', 'It goes on deleting.', '--by', 'maria')
  assert.equal(halted.code, 0, halted.err)
  const stopped = await read(before)
  assert.equal(stopped.status, 403)
  assert.match(stopped.text, /agent_halted/)
  assert.match(stopped.text, /Their reason: “It goes on deleting\.?”/)
  assert.match(
    (await run('status')).out,
    /^ {2}HALTED {6}agent coder, since .* by maria: It goes on deleting\.$/m,
  )
  await assert.rejects(sidecar.grant(), /grant_order_halted/)

  const resumed = await run(
    'resume',
    '--agent',
    'coder',
    '--because',
    'The task was withdrawn.',
    '--by',
    'jo',
  )
  assert.equal(resumed.code, 0, resumed.err)
  assert.equal((await read(before)).status, 401, 'its grant was revoked')
  const after = `Bearer ${await sidecar.grant()}`
  assert.equal((await read(after)).status, 200)
  const frozen = await run('freeze', '--because', 'The release goes out.', '--by', 'maria')
  assert.equal(frozen.code, 0, frozen.err)
  assert.equal((await read(after)).status, 200, 'a read passes')
  const answer = await fetch(`${sidecar.url}/billing/invoices`, {
    method: 'POST',
    headers: { authorization: after },
  })
  assert.match(await answer.text(), /frozen/)
  assert.equal((await run('thaw', '--because', 'It is out.')).code, 0)
  const verified = await run('receipts', 'verify')
  assert.equal(verified.code, 0, verified.out)
})
