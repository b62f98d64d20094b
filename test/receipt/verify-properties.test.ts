import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nativeCrypto } from '../../src/native/index.js'
import {
  decodeEntry,
  type Entry,
  References,
  type Verification,
  verifyEntries,
} from '../../src/receipt/index.js'
import type { LogOnPaper } from './log-fixture.js'
import { anyStory, written } from './random-log.js'

async function verify(log: LogOnPaper, entries: readonly Uint8Array[] = log.entries): Promise<Verification> {
  async function* source() {
    yield* entries
  }
  return verifyEntries(source(), {
    crypto: nativeCrypto,
    keys: log.keys(),
    checkpoints: [log.checkpoint()],
    audits: [new References()],
  })
}

test('whatever a keeper may rightly write verifies sound, to the last entry', async () => {
  await fc.assert(
    fc.asyncProperty(anyStory, async story => {
      const log = written(story)
      const found = await verify(log)
      assert.deepEqual(found.findings, [])
      assert.equal(found.checkpointed, log.entries.length)
    }),
    { numRuns: 60 },
  )
})

/** Any change of one entry's bytes: some replaced, taken out or put in. */
const anyChange = fc.record({
  at: fc.nat(),
  cut: fc.nat({ max: 3 }),
  put: fc.uint8Array({ maxLength: 3 }),
})

test('attack: any change of any entry of any log is found, and nothing from it on counts as valid', async () => {
  await fc.assert(
    fc.asyncProperty(anyStory, fc.nat(), anyChange, async (story, which, { at, cut, put }) => {
      const log = written(story)
      const seq = which % log.entries.length
      const entry = log.entries[seq] as Uint8Array
      const place = at % entry.length
      const changed = Uint8Array.of(...entry.subarray(0, place), ...put, ...entry.subarray(place + cut))
      fc.pre(!Buffer.from(changed).equals(entry))
      const found = await verify(log, log.entries.with(seq, changed))
      assert.equal(found.sound, false)
      assert.ok(found.validPrefix <= seq, `${found.validPrefix} entries still valid`)
    }),
    { numRuns: 150 },
  )
})

test('attack: any entry left out, doubled or exchanged with another is found', async () => {
  await fc.assert(
    fc.asyncProperty(anyStory, fc.nat(), fc.nat(), async (story, a, b) => {
      const log = written(story)
      const { entries } = log
      const [one, two] = [a % entries.length, b % entries.length]
      const bytes = (seq: number) => entries[seq] as Uint8Array
      const attacks = [
        entries.toSpliced(one, 1),
        entries.toSpliced(one, 0, bytes(one)),
        ...(one === two ? [] : [entries.with(one, bytes(two)).with(two, bytes(one))]),
      ]
      for (const attack of attacks) assert.equal((await verify(log, attack)).sound, false)
    }),
    { numRuns: 60 },
  )
})

/** Members of an attempt that a keeper with its keys could lie in, and no other part of the log would show. */
const LIES: readonly ((entry: Entry) => Partial<Entry>)[] = [
  entry => (entry.type === 'attempt' ? { agent: { ...entry.agent, grant: 'g-forged' } } : {}),
  entry => (entry.type === 'attempt' ? { agent: { ...entry.agent, owner: 'eve' } } : {}),
  entry => (entry.type === 'attempt' ? { policy: { ...entry.policy, version: 99 } } : {}),
  entry => (entry.type === 'attempt' ? { policy: { ...entry.policy, cid: `sha256:${'0'.repeat(64)}` } } : {}),
]

test('attack: a keeper that signs one attempt under another grant, owner or policy contradicts its own log', async () => {
  await fc.assert(
    fc.asyncProperty(anyStory, fc.nat(), fc.nat({ max: LIES.length - 1 }), async (story, which, lie) => {
      const log = written(story)
      const attempts = log.entries.flatMap((bytes, seq) =>
        decodeEntry(bytes).type === 'attempt' ? [seq] : [],
      )
      fc.pre(attempts.length > 0)
      const seq = attempts[which % attempts.length] as number
      const told = written(story, entry => (entry.seq === seq ? (LIES[lie]?.(entry) ?? {}) : {}))
      const found = await verify(told)
      assert.equal(found.sound, false)
      assert.equal(found.findings[0]?.seq, seq)
      assert.equal(found.validPrefix, told.entries.length, 'the keeper’s keys did sign it')
    }),
    { numRuns: 60 },
  )
})
