import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openEvidence, parallelChecks } from '../../src/ledger/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import type { PinnedKeys, Verification, VerifyOptions } from '../../src/receipt/index.js'
import { denialBody, LogOnPaper } from '../receipt/log-fixture.js'
import { temporaryFolder } from './ledger-fixture.js'

/** More than one batch for each of two threads. */
const ENTRIES = 3_000

function longLog(): LogOnPaper {
  const log = new LogOnPaper().start()
  while (log.entries.length < ENTRIES) log.exchange()
  return log
}

const LOG = longLog()

/** Verifies a dump of the entries in this thread and on two, holds the answers against each other, and returns one. */
async function verifyBoth(
  t: TestContext,
  entries: readonly Uint8Array[],
  changes: Partial<VerifyOptions> & { readonly keys: PinnedKeys | null },
): Promise<Verification> {
  const file = join(await temporaryFolder(t), 'evidence.jsonl')
  await writeFile(file, Buffer.concat(entries.flatMap(bytes => [bytes, Buffer.of(0x0a)])))
  const evidence = await openEvidence(file, nativeCrypto)
  const options: VerifyOptions = { crypto: nativeCrypto, checkpoints: [LOG.checkpoint()], ...changes }
  const [alone, together] = [
    await evidence.verify(options),
    await evidence.verify({ ...options, checker: parallelChecks(nativeCrypto, 2) }),
  ]
  assert.deepEqual(together, alone)
  return together
}

test('two threads verify a log as one does', async t => {
  const found = await verifyBoth(t, LOG.entries, { keys: LOG.keys() })
  assert.deepEqual(
    [found.sound, found.size, found.checkpointed],
    [true, LOG.entries.length, LOG.entries.length],
  )
})

test('the keys that a log names itself reach the threads', async t => {
  const found = await verifyBoth(t, LOG.entries, { keys: null })
  assert.deepEqual([found.mode, found.sound], ['integrity only', true])
})

test('the tree alone is verified alike, and says that signatures were not looked at', async t => {
  const found = await verifyBoth(t, LOG.entries, { keys: LOG.keys(), signatures: false })
  assert.deepEqual([found.sound, found.signatures], [true, false])
})

test('attack: a change in any batch, of bytes, key or signature, is named alike', async t => {
  const thief = new LogOnPaper()
  for (const [at, seq] of [1, 700, ENTRIES - 2].entries()) {
    const entry = LOG.entries[seq] as Uint8Array
    const flipped = Uint8Array.from(entry)
    flipped[entry.length - 10] = (flipped[entry.length - 10] as number) ^ 1
    const forged = new LogOnPaper(thief.receiptKey, LOG.checkpointKey)
    forged.append(denialBody(), { seq, prev: LOG.leaves[seq - 1] as string })
    const attacks = [flipped, entry.subarray(1), forged.entries[0] as Uint8Array]
    const found = await verifyBoth(t, LOG.entries.with(seq, attacks[at] as Uint8Array), { keys: LOG.keys() })
    assert.deepEqual(
      [found.sound, found.findings[0]?.seq],
      [false, seq],
      `${['flipped', 'cut', 'forged'][at]} ${seq}`,
    )
  }
})

test('a dump that is cut within a line is verified up to it on either', async t => {
  const file = join(await temporaryFolder(t), 'evidence.jsonl')
  const whole = Buffer.concat(LOG.entries.flatMap(bytes => [bytes, Buffer.of(0x0a)]))
  await writeFile(file, whole.subarray(0, -20))
  const evidence = await openEvidence(file, nativeCrypto)
  for (const checker of [undefined, parallelChecks(nativeCrypto, 2)]) {
    const options = { crypto: nativeCrypto, keys: LOG.keys(), checkpoints: [] }
    const found = await evidence.verify(checker === undefined ? options : { ...options, checker })
    assert.deepEqual(
      [found.size, found.validPrefix, found.findings.map(({ code }) => code)],
      [LOG.entries.length - 1, LOG.entries.length - 1, ['source_damaged']],
    )
  }
})

test('an audit that fails ends the verification, and its threads, instead of becoming a finding', async t => {
  const file = join(await temporaryFolder(t), 'evidence.jsonl')
  await writeFile(file, Buffer.concat(LOG.entries.flatMap(bytes => [bytes, Buffer.of(0x0a)])))
  const evidence = await openEvidence(file, nativeCrypto)
  const audit = () => {
    throw new Error('the side store is gone')
  }
  const options = { crypto: nativeCrypto, keys: LOG.keys(), checkpoints: [], audits: [{ audit }] }
  await assert.rejects(
    evidence.verify({ ...options, checker: parallelChecks(nativeCrypto, 2) }),
    /the side store is gone/,
  )
})
