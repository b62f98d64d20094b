import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { CountersignError, hex } from '../../src/canon/index.js'
import type { KeeperClient } from '../../src/gate/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { decodeEntry, type Entry, leafHash } from '../../src/receipt/index.js'
import { House, operation } from './keeper-fixture.js'
import { type Injection, noStrace, startUnder } from './strace.js'

/*
 * A keeper in a process of its own under load, in which one write, fsync or rename kills it or fails. Whatever was
 * answered is in the ledger that the next start finds, and that start needs nobody's help.
 * COUNTERSIGN_FAULTS_EVERY=1 tries every combination, 7 every seventh, the ordinary run a few.
 */
const EVERY = Number(process.env.COUNTERSIGN_FAULTS_EVERY ?? 0)
const KEEPER = fileURLToPath(new URL('./keeper-process.js', import.meta.url))
/** Most requests until the fault has shown; it shows long before. */
const LOAD = 3_000

/** Files of a ledger that was just made, and the calls on them that keep or lose it. */
const PLACES: readonly (readonly [name: string, call: string, path: string])[] = [
  ['the ledger’s log is written', 'write', 'ledger/000003.log'],
  ['the ledger’s log is synced', 'fdatasync', 'ledger/000003.log'],
  ['CURRENT is put in place', 'rename', 'ledger/000002.dbtmp'],
  ['the mark is written', 'write', 'mark/.high-water.json.new'],
  ['the mark is synced', 'fsync', 'mark/.high-water.json.new'],
  ['the mark is put in place', 'rename', 'mark/.high-water.json.new'],
  ['the mark’s folder is synced', 'fsync', 'mark'],
]
const FAULTS = ['kill', 'EIO', 'ENOSPC', 'EROFS'] as const

type Case = Omit<Injection, 'path'> & { readonly name: string; readonly file: string }

function* cases(): Generator<Case> {
  let number = 0
  for (const [name, call, file] of PLACES)
    for (const fault of FAULTS)
      for (const when of file.endsWith('.dbtmp') ? ['1'] : ['1', '2', '4', '9', '3+'])
        if (number++ % EVERY === 0) yield { name, call, file, fault, when }
}

/** One of each kind, at different moments. */
const FEW: readonly Case[] = [
  { ...place(0), fault: 'ENOSPC', when: '6+' },
  { ...place(1), fault: 'kill', when: '8' },
  { ...place(1), fault: 'EIO', when: '5' },
  { ...place(5), fault: 'kill', when: '3' },
]

function place(index: number) {
  const [name, call, file] = PLACES[index] as (typeof PLACES)[number]
  return { name, call, file }
}

/** What was answered, and what a stand-in for the upstream was sent for it. */
interface Answered {
  /** False where the keeper was never ready. */
  readonly started: boolean
  readonly acknowledged: { readonly seq: number; readonly leaf: string; readonly effect: 'allow' | 'deny' }[]
  /** Requests by the id of their attempt. */
  readonly upstream: Map<string, number>
  readonly refused: string[]
}

async function loadUntilItBreaks(house: House, client: KeeperClient, gone: () => boolean): Promise<Answered> {
  const answered: Answered = { started: true, acknowledged: [], upstream: new Map(), refused: [] }
  let left = LOAD
  const work = async (worker: number) => {
    while (left-- > 0 && !gone()) {
      const denied = (left + worker) % 3 === 0
      try {
        const asked = await client.admit({
          ...(await house.call(client)),
          ...operation(denied ? 'DELETE /invoices/{id}' : 'GET /invoices/{id}'),
        })
        assert.ok(asked.receipt !== null)
        answered.acknowledged.push({ ...asked.receipt, effect: denied ? 'deny' : 'allow' })
        if (asked.verdict.kind !== 'forward') continue
        const { attempt } = asked.verdict
        answered.upstream.set(attempt, (answered.upstream.get(attempt) ?? 0) + 1)
        await client.settle({
          attempt: asked.receipt.seq,
          status: 'completed',
          http: 200,
          upstreamId: null,
          bodySha256: null,
          responseSha256: null,
          responseBytes: 0,
        })
      } catch (error) {
        assert.ok(error instanceof CountersignError, String(error))
        answered.refused.push(error.code)
        if (answered.refused.length > 8) return
      }
    }
  }
  await Promise.all([1, 2, 3, 4].map(work))
  return answered
}

async function brokenRun(t: TestContext, fault: Case): Promise<{ house: House; answered: Answered }> {
  const seed = randomBytes(32)
  const house = await House.build(t, seed)
  const injection = { ...fault, path: join(house.folder, fault.file) }
  const keeper = startUnder(injection, [KEEPER, house.folder, seed.toString('hex')])
  const ended = once(keeper, 'exit')
  let running = true
  void ended.then(() => {
    running = false
  })
  const listening = await Promise.race([firstOutput(keeper), ended.then(() => false)])
  const nothing: Answered = { started: false, acknowledged: [], upstream: new Map(), refused: [] }
  if (!listening) return { house, answered: nothing }
  const client = await house.connect().catch(() => null)
  const answered = client === null ? nothing : await loadUntilItBreaks(house, client, () => !running)
  await client?.close()
  // strace ends with what it traces.
  if (running) for (const pid of await childrenOf(keeper)) process.kill(pid, 'SIGKILL')
  await ended
  return { house, answered }
}

async function firstOutput(child: ChildProcess): Promise<boolean> {
  await once(child.stdout as NodeJS.EventEmitter, 'data')
  return true
}

async function childrenOf({ pid }: ChildProcess): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return text.trim().split(' ').filter(Boolean).map(Number)
}

function assertKept(entries: readonly Entry[], leaves: readonly string[], answered: Answered): void {
  for (const { seq, leaf, effect } of answered.acknowledged) {
    const entry = entries[seq]
    assert.equal(leaves[seq], leaf, `entry ${seq} was answered and is not there`)
    assert.ok(entry?.type === 'attempt' && entry.decision.effect === effect)
  }
  const admitted = new Set(
    entries.flatMap(entry =>
      entry.type === 'attempt' && entry.decision.effect === 'allow' ? [entry.id] : [],
    ),
  )
  for (const [attempt, sent] of answered.upstream) {
    assert.equal(sent, 1)
    assert.ok(admitted.has(attempt), `the upstream had ${attempt}, and the ledger doesn't know it`)
  }
  for (const [seq, entry] of entries.entries()) {
    if (entry.type !== 'attempt' || entry.decision.effect !== 'allow') continue
    const closing = entries.filter(other => other.type === 'outcome' && other.attempt === seq)
    assert.equal(closing.length, 1, `attempt ${seq}`)
  }
}

describe('a keeper under load', { skip: noStrace() }, () => {
  for (const fault of EVERY > 0 ? cases() : FEW)
    it(`loses nothing that it answered where ${fault.name}: ${fault.call} ${fault.fault}, call ${fault.when}`, async t => {
      const { house, answered } = await brokenRun(t, fault)
      const ledger = await house.reopenLedger()
      const entries: Entry[] = []
      const leaves: string[] = []
      for await (const bytes of ledger.entries()) {
        entries.push(decodeEntry(bytes))
        leaves.push(hex(leafHash(nativeCrypto, bytes)))
      }
      assertKept(entries, leaves, answered)
      assert.ok(!answered.started || answered.refused.length > 0, 'the fault never showed')
      for (const code of answered.refused) assert.match(code, /^(keeper_(gone|fault|slow|stopping))$/)
      t.diagnostic(`${answered.acknowledged.length} answered, ${answered.refused.length} refused`)
    })

  it('does not start on a disk that can’t be written, says so, and has changed nothing', async t => {
    const seed = randomBytes(32)
    const house = await House.build(t, seed)
    await (await house.openLedger()).close()
    const path = join(house.folder, 'ledger', 'before-start.new')
    const keeper = startUnder({ call: 'mkdir', path, when: '1', fault: 'EROFS' }, [
      KEEPER,
      house.folder,
      seed.toString('hex'),
    ])
    const [said] = await Promise.all([text(keeper.stderr as Readable), once(keeper, 'exit')])
    assert.match(said, /code: 'ledger_disk'/)
    assert.equal((await house.reopenLedger()).head().size, 4)
  })
})
