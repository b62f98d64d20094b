import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatPublicKey, type RemoteKey, type SigningKey, utf8 } from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import {
  type ControlBody,
  decodeEntry,
  isCheckpointSignedBy,
  parseCheckpoint,
  verifyEntries,
} from '../../src/receipt/index.js'
import { attempt, collect, outcome, sidecar, signingKey } from './ledger-fixture.js'

/** A key in another house, as far as the ledger can tell: it answers in a later turn, and not while it is out. */
class KeyElsewhere implements RemoteKey {
  readonly keyid: string
  readonly publicKey: Uint8Array
  readonly asked: number[] = []
  out = false
  private readonly key: SigningKey
  /** Called before each answer. */
  before: () => void = () => undefined

  constructor(key = signingKey()) {
    this.key = key
    this.keyid = key.keyid
    this.publicKey = key.publicKey
  }

  available(): boolean {
    return !this.out
  }

  async signAll(messages: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    this.asked.push(messages.length)
    const copies = messages.map(message => Uint8Array.from(message))
    await new Promise(setImmediate)
    this.before()
    if (this.out) throw new Error('out')
    return copies.map(message => this.key.sign(message))
  }
}

function keysOf(receipt: RemoteKey | SigningKey, checkpoint: RemoteKey | SigningKey) {
  return { origin: null, receipt: [receipt.publicKey], checkpoint: [checkpoint.publicKey] }
}

test('a ledger whose receipt key is elsewhere keeps every promise: order, one outcome each, nothing before it is durable', async t => {
  const car = await sidecar(t)
  const receipt = new KeyElsewhere()
  const ledger = await car.open({ signer: receipt })
  const seqs = await Promise.all(
    Array.from({ length: 60 }, async () => {
      const at = await ledger.append(attempt())
      assert.ok(at.seq < ledger.head().size)
      const closed = ledger.append(outcome(at), { urgency: 'soon' })
      await assert.rejects(ledger.append(outcome(at)), { code: 'attempt_not_open' })
      await closed
      return at.seq
    }),
  )
  assert.equal(new Set(seqs).size, 60)
  const found = await verifyEntries(ledger.entries(), {
    crypto: nativeCrypto,
    keys: keysOf(receipt, car.checkpointKey),
    checkpoints: [parseCheckpoint(utf8(await ledger.checkpoint()))],
  })
  assert.deepEqual(found.findings, [])
  assert.deepEqual(found.open, [])
  // One at a time: an entry cites the signature of the one before.
  assert.deepEqual([...new Set(receipt.asked)], [1])
  await ledger.close()
  const again = await car.open({ signer: receipt })
  assert.equal(decodeEntry((await again.get(again.head().size - 1)) as Uint8Array).type, 'boot')
})

test('a malformed entry is refused, and those behind it are signed', async t => {
  const car = await sidecar(t)
  const ledger = await car.open({ signer: new KeyElsewhere() })
  const bad = ledger.append({ type: 'vault', data: { action: 'eaten', entries: 1 } })
  const good = ledger.append(attempt())
  await assert.rejects(bad, { code: 'entry_malformed' })
  await good
})

test('while the signer of receipts is gone attempts are refused; what was admitted is closed when it is back', async t => {
  const car = await sidecar(t)
  const receipt = new KeyElsewhere()
  const ledger = await car.open({ signer: receipt })
  const admitted = await ledger.append(attempt())
  const size = ledger.head().size
  receipt.out = true
  await assert.rejects(ledger.append(attempt()), { code: 'signer_unavailable' })
  const closed = ledger.append(outcome(admitted))
  await assert.rejects(ledger.append(attempt()), { code: 'signer_unavailable' })
  assert.equal(ledger.head().size, size)
  receipt.out = false
  assert.equal((await closed).seq, size)
  await ledger.append(attempt())
})

test('attempts that wait when the signer goes are refused, and none of them is in the log', async t => {
  const car = await sidecar(t)
  const receipt = new KeyElsewhere()
  const ledger = await car.open({ signer: receipt })
  const size = ledger.head().size
  receipt.before = () => {
    receipt.out = true
  }
  const tried = await Promise.allSettled(Array.from({ length: 20 }, () => ledger.append(attempt())))
  for (const each of tried) {
    assert.equal(each.status, 'rejected')
    assert.equal((each.reason as { code: string }).code, 'signer_unavailable')
  }
  assert.equal(ledger.head().size, size)
  receipt.before = () => undefined
  receipt.out = false
  assert.equal((await ledger.append(attempt())).seq, size)
})

test('a ledger closes within a bounded time without its signer, and the next start closes what was open', async t => {
  const car = await sidecar(t)
  const receipt = new KeyElsewhere()
  const ledger = await car.open({ signer: receipt })
  const open = await ledger.append(attempt())
  receipt.out = true
  const lost = assert.rejects(ledger.append(outcome(open)), { code: 'signer_unavailable' })
  await assert.rejects(ledger.close(), { code: 'signer_unavailable' })
  await lost
  receipt.out = false
  const again = await car.open({ signer: receipt })
  const last = (await collect(again.entries())).map(decodeEntry).at(-1)
  assert.ok(last?.type === 'outcome' && last.status === 'indeterminate')
})

test('while the signer of checkpoints is gone attempts are refused, and the high-water file follows when it is back', async t => {
  const car = await sidecar(t)
  const checkpoint = new KeyElsewhere()
  const ledger = await car.open({ checkpointKey: checkpoint })
  const admitted = await ledger.append(attempt())
  await ledger.marked(admitted.seq)
  checkpoint.out = true
  await assert.rejects(ledger.append(attempt()), { code: 'signer_unavailable' })
  const { seq } = await ledger.append(outcome(admitted))
  const marked = ledger.marked(seq)
  await assert.rejects(ledger.checkpoint(), { code: 'signer_unavailable' })
  checkpoint.out = false
  await marked
  await ledger.append(attempt())
  const note = parseCheckpoint(utf8(await ledger.checkpoint()))
  assert.equal(isCheckpointSignedBy(nativeCrypto, note, checkpoint.publicKey), true)
})

test('a log is handed over from a key here to keys elsewhere and back, whole or not at all', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  const [receipt, checkpoint] = [new KeyElsewhere(), new KeyElsewhere()]
  const enrols = (
    role: string,
    key: RemoteKey | SigningKey,
    replaces: RemoteKey | SigningKey,
  ): ControlBody => ({
    type: 'key',
    data: {
      action: 'enrolled',
      role,
      key: formatPublicKey(key.publicKey),
      replaces: formatPublicKey(replaces.publicKey),
    },
  })
  const out = {
    signer: receipt,
    checkpointKey: checkpoint,
    enrolment: 'out',
    entries: [
      enrols('checkpoint', checkpoint, car.checkpointKey),
      enrols('receipt', receipt, car.receiptKey),
    ],
    overlapMs: 60_000,
  }
  await ledger.succeed(out)
  await ledger.append(outcome(await ledger.append(attempt())))
  const [homeReceipt, homeCheckpoint] = [signingKey(), signingKey()]
  const home = {
    signer: homeReceipt,
    checkpointKey: homeCheckpoint,
    enrolment: 'home',
    entries: [enrols('checkpoint', homeCheckpoint, checkpoint), enrols('receipt', homeReceipt, receipt)],
    overlapMs: 60_000,
  }
  // The signer goes between the two entries that it has to sign, once.
  let calls = 0
  receipt.before = () => {
    calls++
    receipt.out = calls === 2
  }
  const turned = ledger.succeed(home)
  await turned
  const work = Promise.all(Array.from({ length: 20 }, () => ledger.append(attempt())))
  await work
  const entries = await collect(ledger.entries())
  assert.equal(entries.filter(bytes => decodeEntry(bytes).type === 'key').length, 4)
  const found = await verifyEntries(ledger.entries(), {
    crypto: nativeCrypto,
    keys: {
      origin: null,
      receipt: [car.receiptKey, receipt, homeReceipt].map(key => key.publicKey),
      checkpoint: [car.checkpointKey, checkpoint, homeCheckpoint].map(key => key.publicKey),
    },
    checkpoints: [parseCheckpoint(utf8(await ledger.checkpoint()))],
  })
  assert.deepEqual(found.findings, [])
  assert.equal(calls, 4)
})
