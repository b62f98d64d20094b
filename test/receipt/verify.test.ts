import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nativeCrypto } from '../../src/native/index.js'
import {
  type PinnedKeys,
  type SignedCheckpoint,
  type Verification,
  verifyEntries,
} from '../../src/receipt/index.js'
import {
  attemptBody,
  CHAIN,
  denialBody,
  genesis,
  HEX,
  LogOnPaper,
  newKey,
  outcomeBody,
} from './log-fixture.js'

interface Against {
  readonly keys?: PinnedKeys | null
  readonly checkpoints?: readonly SignedCheckpoint[]
}

function pinned(log: LogOnPaper): PinnedKeys {
  return {
    origin: 'acme.test/countersign/edge',
    receipt: [log.receiptKey.publicKey],
    checkpoint: [log.checkpointKey.publicKey],
  }
}

async function verify(
  entries: readonly Uint8Array[],
  { keys = null, checkpoints = [] }: Against = {},
): Promise<Verification> {
  async function* source() {
    yield* entries
  }
  return verifyEntries(source(), { crypto: nativeCrypto, keys, checkpoints })
}

function codes(found: Verification): string[] {
  return found.findings.map(finding => finding.code)
}

/** Genesis, boot, three exchanges, a denial: ten entries less one. */
function sample(): LogOnPaper {
  const log = new LogOnPaper().start()
  for (let i = 0; i < 3; i++) log.exchange()
  log.append(denialBody())
  return log
}

test('a whole log is sound, and the answer says how far', async () => {
  const log = sample()
  const found = await verify(log.entries, { keys: pinned(log), checkpoints: [log.checkpoint()] })
  assert.equal(found.sound, true)
  assert.deepEqual(
    [found.mode, found.chain, found.size, found.validPrefix, found.checkpointed, found.witnessed],
    ['pinned keys', CHAIN, 9, 9, 9, null],
  )
  assert.equal(found.unwitnessedTail, 9)
  assert.equal(found.root, log.tree.rootHex())
  assert.deepEqual(
    { ...found.counts },
    { genesis: 1, boot: 1, 'attempt allow': 3, outcome: 3, 'attempt deny': 1 },
  )
  assert.deepEqual(found.open, [])
})

test('without pinned keys the answer is integrity only, never more', async () => {
  const found = await verify(sample().entries)
  assert.deepEqual([found.sound, found.mode], [true, 'integrity only'])
})

test('attempts without an outcome are listed, and are no finding', async () => {
  const log = sample()
  const seq = log.append(attemptBody())
  const found = await verify(log.entries, { keys: pinned(log) })
  assert.equal(found.sound, true)
  assert.deepEqual(
    found.open.map(open => open.seq),
    [seq],
  )
})

test('an empty log is not sound', async () => {
  const found = await verify([])
  assert.deepEqual([found.sound, codes(found)], [false, ['log_empty']])
})

test('attack: every flipped byte is found, and the entry is named', async () => {
  const log = new LogOnPaper().start()
  log.exchange()
  for (const [seq, entry] of log.entries.entries())
    for (let at = 0; at < entry.length; at++) {
      const flipped = Uint8Array.from(entry)
      flipped[at] = (flipped[at] as number) ^ (1 << (at % 8))
      const found = await verify(log.entries.with(seq, flipped))
      assert.equal(found.sound, false, `byte ${at} of entry ${seq}`)
      assert.equal(found.findings[0]?.seq, seq, `byte ${at} of entry ${seq}: ${codes(found)}`)
      assert.ok(found.validPrefix <= seq)
    }
})

test('attack: a deleted entry is found wherever it was', async () => {
  const log = sample()
  for (let seq = 0; seq < log.entries.length - 1; seq++) {
    const found = await verify(log.entries.toSpliced(seq, 1))
    assert.equal(found.sound, false, `entry ${seq}`)
    assert.equal(found.findings[0]?.code, seq === 0 ? 'chain_start' : 'chain_seq')
    assert.equal(found.validPrefix, seq)
  }
})

test('attack: an inserted, a doubled and a moved entry are found', async () => {
  const log = sample()
  const other = sample()
  const entry = (seq: number) => log.entries[seq] as Uint8Array
  const attacks = {
    inserted: log.entries.toSpliced(5, 0, other.entries[5] as Uint8Array),
    doubled: log.entries.toSpliced(5, 0, entry(4)),
    'doubled at the end': [...log.entries, entry(8)],
    swapped: log.entries.with(4, entry(5)).with(5, entry(4)),
    reversed: log.entries.toReversed(),
    'twice over': [...log.entries, ...log.entries],
  }
  for (const [what, entries] of Object.entries(attacks))
    assert.equal((await verify(entries)).sound, false, what)
})

test('attack: a tail that was cut off is found against a checkpoint, for every length', async () => {
  const log = sample()
  const checkpoint = log.checkpoint()
  for (let kept = 0; kept < log.entries.length; kept++) {
    const found = await verify(log.entries.slice(0, kept), { keys: pinned(log), checkpoints: [checkpoint] })
    assert.equal(found.sound, false, `${kept} kept`)
    if (kept > 0) assert.deepEqual([codes(found), found.validPrefix], [['tail_missing'], kept])
  }
})

test('attack: a log signed anew with another key has no trusted entry', async () => {
  const log = sample()
  const forged = sample()
  const found = await verify(forged.entries, { keys: pinned(log) })
  assert.equal(found.findings[0]?.code, 'entry_key')
  assert.equal(found.validPrefix, 0)
  assert.equal(found.findingCount, 9)
})

test('attack: entries in the middle signed with another key are found without pinned keys as well', async () => {
  const log = new LogOnPaper().start()
  log.exchange()
  const thief = new LogOnPaper(newKey(), log.checkpointKey)
  for (const [seq, entry] of log.entries.entries()) {
    thief.entries.push(entry)
    thief.leaves.push(log.leaves[seq] as string)
    thief.tree.append(Buffer.from(log.leaves[seq] as string, 'hex'))
  }
  thief.t = log.t
  thief.append(denialBody())
  const found = await verify(thief.entries)
  assert.deepEqual([codes(found), found.validPrefix], [['entry_key'], 4])
})

test('attack: a keyid that names the trusted key over another key’s signature is found', async () => {
  const log = new LogOnPaper()
  const thief = newKey()
  const posing = new LogOnPaper(
    { ...thief, keyid: log.receiptKey.keyid, sign: m => thief.sign(m) },
    log.checkpointKey,
  )
  posing.append(genesis(log.receiptKey, log.checkpointKey))
  const found = await verify(posing.entries, { keys: pinned(log) })
  assert.deepEqual(codes(found), ['entry_signature'])
})

test('attack: a fork with the same keys differs from its checkpoint', async () => {
  const log = new LogOnPaper().start()
  const fork = new LogOnPaper(log.receiptKey, log.checkpointKey).start()
  log.exchange()
  fork.append(denialBody())
  fork.append(denialBody())
  const found = await verify(fork.entries, { keys: pinned(log), checkpoints: [log.checkpoint()] })
  assert.deepEqual([codes(found), found.validPrefix], [['root_differs'], 0])
  const older = await verify(fork.entries, {
    keys: pinned(log),
    checkpoints: [log.checkpoint(), new LogOnPaper(log.receiptKey, log.checkpointKey).start().checkpoint()],
  })
  assert.deepEqual([codes(older), older.validPrefix, older.checkpointed], [['root_differs'], 2, 2])
})

test('a damaged entry before a checkpoint leaves what stands before it proven', async () => {
  const log = sample()
  const entries = log.entries.map((bytes, seq) => (seq === 4 ? bytes.subarray(1) : bytes))
  const found = await verify(entries, { keys: pinned(log), checkpoints: [log.checkpoint()] })
  assert.equal(found.validPrefix, 4)
  assert.ok(codes(found).includes('root_differs'))
})

test('attack: a fork on restart contradicts the head that its boot entry cites', async () => {
  const log = new LogOnPaper().start()
  const boot = log.bootEntry()
  log.append(denialBody())
  log.boot = '0198c0de-0000-4000-8000-000000000002'
  log.append(boot)
  assert.deepEqual(codes(await verify(log.entries)), ['boot_head'])
})

test('attack: an entry of a start that was never announced is found', async () => {
  const log = new LogOnPaper().start()
  log.append(denialBody(), { boot: '0198c0de-0000-4000-8000-000000000009' })
  assert.deepEqual(codes(await verify(log.entries)), ['boot_unannounced'])
})

test('attack: a second outcome, an outcome of a denial and one with another leaf close nothing', async () => {
  const log = new LogOnPaper().start()
  const admitted = log.append(attemptBody())
  const denied = log.append(denialBody())
  const leaf = (seq: number) => log.leaves[seq] as string
  log.append(outcomeBody(admitted, leaf(denied)))
  log.append(outcomeBody(denied, leaf(denied)))
  log.append(outcomeBody(admitted, leaf(admitted)))
  log.append(outcomeBody(admitted, leaf(admitted)))
  const found = await verify(log.entries)
  assert.deepEqual(
    found.findings.map(finding => [finding.code, finding.seq]),
    [
      ['outcome_unmatched', 4],
      ['outcome_unmatched', 5],
      ['outcome_unmatched', 7],
    ],
  )
})

test('attack: signed lies about place are found: number, predecessor, time, log', async () => {
  const lies: [string, Parameters<LogOnPaper['append']>[1]][] = [
    ['chain_seq', { seq: 3 }],
    ['chain_prev', { prev: HEX }],
    ['chain_time', { t: 1 }],
    ['chain_origin', { chain: 'acme.test/countersign/other/1' }],
  ]
  for (const [code, lie] of lies) {
    const log = new LogOnPaper().start()
    log.append(denialBody(), lie)
    const found = await verify(log.entries)
    assert.deepEqual([codes(found), found.validPrefix], [[code], 2])
  }
})

test('attack: a log that begins in the middle, or whose genesis is of another origin, is not sound', async () => {
  const headless = new LogOnPaper()
  headless.append(denialBody())
  assert.equal(codes(await verify(headless.entries))[0], 'chain_start')
  const foreign = new LogOnPaper()
  foreign.append(genesis(foreign.receiptKey, foreign.checkpointKey), {
    chain: 'evil.test/countersign/edge/1',
  })
  assert.deepEqual(codes(await verify(foreign.entries)), ['chain_origin'])
})

test('attack: keys that are enrolled for another origin vouch for nothing here', async () => {
  const log = sample()
  const keys = { ...pinned(log), origin: 'acme.test/countersign/edg' }
  assert.deepEqual(codes(await verify(log.entries, { keys })), ['chain_origin'])
})

test('attack: a checkpoint of another key or another log vouches for nothing', async () => {
  const log = sample()
  const foreign = await verify(log.entries, { keys: pinned(log), checkpoints: [log.checkpoint(newKey())] })
  assert.deepEqual([codes(foreign), foreign.checkpointed], [['checkpoint_signature'], null])
  const other = log.checkpoint(log.checkpointKey, 'acme.test/countersign/other/1')
  const elsewhere = await verify(log.entries, { keys: pinned(log), checkpoints: [other] })
  assert.deepEqual([codes(elsewhere), elsewhere.checkpointed], [['checkpoint_origin'], null])
})

test('a source that breaks off becomes a finding after what was read', async () => {
  const log = sample()
  async function* broken() {
    yield* log.entries.slice(0, 4)
    throw new Error('EIO')
  }
  const found = await verifyEntries(broken(), { crypto: nativeCrypto, keys: null, checkpoints: [] })
  assert.deepEqual([codes(found), found.validPrefix], [['source_damaged'], 4])
})

test('findings are counted, and only the first ones are kept', async () => {
  const log = new LogOnPaper().start()
  for (let i = 0; i < 50; i++) log.append(denialBody(), { t: 1000 - i })
  const found = await verify(log.entries)
  assert.equal(found.findingCount, 50)
  assert.equal(found.findings.length, 20)
  assert.equal(found.validPrefix, 2)
})

test('attack: a source of nothing but line ends is not read to its end', async () => {
  let read = 0
  async function* lines() {
    for (; read < 20_000; read++) yield new Uint8Array()
  }
  const found = await verifyEntries(lines(), { crypto: nativeCrypto, keys: null, checkpoints: [] })
  assert.ok(read < 20_000)
  assert.deepEqual([found.sound, found.validPrefix, found.findingCount], [false, 0, read + 1])
})
