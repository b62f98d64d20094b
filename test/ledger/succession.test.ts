import assert from 'node:assert/strict'
import { copyFile, cp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { formatPublicKey, parseStrictJson, type SigningKey, utf8 } from '../../src/canon/index.js'
import { type KeySuccession, type Ledger, lastHandOver } from '../../src/ledger/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import {
  type ControlBody,
  decodeEntry,
  isCheckpointSignedBy,
  parseCheckpoint,
  verifyEntries,
} from '../../src/receipt/index.js'
import { attempt, collect, outcome, type Sidecar, sidecar, signingKey } from './ledger-fixture.js'

const HOUR_MS = 3_600_000

function written(key: SigningKey): string {
  return formatPublicKey(key.publicKey)
}

type LocalSuccession = KeySuccession & { readonly signer: SigningKey; readonly checkpointKey: SigningKey }

/** The entries that the keeper would write; the ledger doesn't look into the enrolment. */
function following(before: {
  readonly receiptKey: SigningKey
  readonly checkpointKey: SigningKey
}): LocalSuccession {
  const [signer, checkpointKey, grant] = [signingKey(), signingKey(), signingKey()]
  const enrolment = `enrolment of ${written(signer)}`
  const enrols = (role: string, key: SigningKey, replaces?: SigningKey): ControlBody => ({
    type: 'key',
    data: {
      action: 'enrolled',
      role,
      key: written(key),
      enrolment,
      ...(replaces === undefined ? {} : { replaces: written(replaces) }),
    },
  })
  return {
    signer,
    checkpointKey,
    enrolment,
    entries: [
      enrols('checkpoint', checkpointKey, before.checkpointKey),
      enrols('grant', grant),
      enrols('receipt', signer, before.receiptKey),
    ],
    overlapMs: HOUR_MS,
  }
}

async function exchange(ledger: Ledger): Promise<void> {
  await ledger.append(outcome(await ledger.append(attempt())))
}

async function verdict(
  ledger: Ledger,
  car: Sidecar,
  next: readonly KeySuccession[],
): Promise<readonly string[]> {
  const found = await verifyEntries(ledger.entries(), {
    crypto: nativeCrypto,
    keys: {
      origin: null,
      receipt: [car.receiptKey, ...next.map(({ signer }) => signer)].map(key => key.publicKey),
      checkpoint: [car.checkpointKey, ...next.map(({ checkpointKey }) => checkpointKey)].map(
        key => key.publicKey,
      ),
    },
    checkpoints: [parseCheckpoint(utf8(await ledger.checkpoint()))],
  })
  return found.findings.map(({ message }) => message)
}

function signersOf(note: string, ...keys: readonly SigningKey[]): boolean[] {
  const checkpoint = parseCheckpoint(utf8(note))
  return keys.map(key => isCheckpointSignedBy(nativeCrypto, checkpoint, key.publicKey))
}

test('a log is handed over while entries are appended, and each is signed by the key of its place', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  const next = following(car)
  const before = ledger.checkpoint()
  const work = Promise.all(Array.from({ length: 200 }, () => exchange(ledger)))
  const { seq } = await ledger.succeed(next)
  await work
  await exchange(ledger)
  assert.deepEqual(await verdict(ledger, car, [next]), [])
  const entries = await collect(ledger.entries())
  const kinds = entries.slice(seq - 2, seq + 1).map(bytes => decodeEntry(bytes).type)
  assert.deepEqual(kinds, ['key', 'key', 'key'])
  assert.deepEqual(signersOf(await before, car.checkpointKey, next.checkpointKey), [true, false])
  assert.deepEqual(signersOf(await ledger.checkpoint(), car.checkpointKey, next.checkpointKey), [true, true])
})

test('both checkpoint keys sign until the overlap is over, the high-water file as well', async t => {
  const car = await sidecar(t)
  let aheadMs = 0
  const ledger = await car.open({ clock: () => Date.now() + aheadMs })
  const next = following(car)
  await ledger.succeed(next)
  await ledger.marked(ledger.head().size - 1)
  const mark = parseStrictJson(await readFile(car.highWater)) as { checkpoint: string }
  assert.deepEqual(signersOf(mark.checkpoint, car.checkpointKey, next.checkpointKey), [true, true])
  aheadMs = HOUR_MS
  await exchange(ledger)
  assert.deepEqual(signersOf(await ledger.checkpoint(), car.checkpointKey, next.checkpointKey), [false, true])
})

test('a start with keys that are to follow hands over behind its boot entry, and once', async t => {
  const car = await sidecar(t)
  const first = await car.open()
  await exchange(first)
  await first.close()
  const next = following(car)
  // A crash before the files were moved: the same start again, and again.
  for (const starts of [1, 2, 3]) {
    const ledger = await car.open({ succession: next })
    const keys = (await collect(ledger.entries())).filter(bytes => decodeEntry(bytes).type === 'key')
    assert.equal(keys.length, 3, `start ${starts}`)
    await exchange(ledger)
    assert.deepEqual(signersOf(await ledger.checkpoint(), car.checkpointKey, next.checkpointKey), [
      true,
      true,
    ])
    assert.deepEqual(await verdict(ledger, car, [next]), [])
    await ledger.close()
  }
})

test('after the files were moved the old checkpoint key signs on beside, and then is no longer needed', async t => {
  const car = await sidecar(t)
  const first = await car.open()
  const next = following(car)
  await first.succeed(next)
  assert.notEqual(await lastHandOver(first.state), null)
  await first.close()
  const moved = { signer: next.signer, checkpointKey: next.checkpointKey }
  const second = await car.open({ ...moved, retiring: { key: car.checkpointKey, overlapMs: HOUR_MS } })
  assert.deepEqual(signersOf(await second.checkpoint(), car.checkpointKey, next.checkpointKey), [true, true])
  await second.close()
  const third = await car.open(moved)
  assert.deepEqual(signersOf(await third.checkpoint(), car.checkpointKey, next.checkpointKey), [false, true])
  assert.deepEqual(await verdict(third, car, [next]), [])
})

test('a log that was handed over twice opens, however short its tail', async t => {
  const car = await sidecar(t)
  const first = await car.open()
  const second = following(car)
  await first.succeed(second)
  const third = following({ receiptKey: second.signer, checkpointKey: second.checkpointKey })
  await first.succeed(third)
  await first.close()
  const ledger = await car.open({ signer: third.signer, checkpointKey: third.checkpointKey })
  assert.deepEqual(await verdict(ledger, car, [second, third]), [])
})

test('ATTACK: a keeper with the old keys on a log that was handed over → ledger_foreign', async t => {
  const car = await sidecar(t)
  const first = await car.open()
  await first.succeed(following(car))
  await first.close()
  await assert.rejects(car.open(), { code: 'ledger_foreign' })
})

test('ATTACK: a ledger from before the hand-over under a mark from behind it → ledger_behind_mark', async t => {
  const car = await sidecar(t)
  const old = join(car.folder, 'old')
  const first = await car.open()
  await exchange(first)
  await first.close()
  await cp(car.dir, old, { recursive: true })
  const second = await car.open()
  const next = following(car)
  await second.succeed(next)
  await second.close()
  await rm(car.dir, { recursive: true })
  await cp(old, car.dir, { recursive: true })
  await assert.rejects(car.open({ succession: next }), { code: 'ledger_behind_mark' })
})

test('a mark of before the hand-over, which the old key alone signed, opens with the old key at hand and not without', async t => {
  const car = await sidecar(t)
  const first = await car.open()
  await exchange(first)
  await first.close()
  const kept = join(car.folder, 'mark')
  await copyFile(car.highWater, `${kept}.old`)
  const second = await car.open()
  const next = following(car)
  await second.succeed(next)
  await second.close()
  await copyFile(`${kept}.old`, car.highWater)
  const moved = { signer: next.signer, checkpointKey: next.checkpointKey }
  await assert.rejects(car.open(moved), { code: 'mark_invalid' })
  await car.open({ ...moved, retiring: { key: car.checkpointKey, overlapMs: HOUR_MS } })
})

async function refusedSuccession(
  t: TestContext,
  change: (next: KeySuccession) => KeySuccession,
): Promise<void> {
  const car = await sidecar(t)
  const ledger = await car.open()
  await assert.rejects(ledger.succeed(change(following(car))), { code: 'succession_unfit' })
  await exchange(ledger)
  assert.deepEqual(await verdict(ledger, car, []), [])
}

test('INVARIANT: a log is never handed over to other keys than its entries say', async t => {
  await refusedSuccession(t, next => ({ ...next, signer: signingKey() }))
  await refusedSuccession(t, next => ({ ...next, checkpointKey: signingKey() }))
  await refusedSuccession(t, next => ({ ...next, entries: next.entries.toReversed() }))
  await refusedSuccession(t, next => ({ ...next, entries: [] }))
})

test('an enrolment that is renewed over the same keys leaves them all in force', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  const { receiptKey: signer, checkpointKey } = car
  const enrols = (role: string, key: SigningKey): ControlBody => ({
    type: 'key',
    data: { action: 'enrolled', role, key: written(key), enrolment: 'renewed' },
  })
  const entries = [enrols('checkpoint', checkpointKey), enrols('receipt', signer)]
  await ledger.succeed({ signer, checkpointKey, entries, enrolment: 'renewed', overlapMs: HOUR_MS })
  await exchange(ledger)
  assert.equal(parseCheckpoint(utf8(await ledger.checkpoint())).signatures.length, 1)
  assert.deepEqual(await verdict(ledger, car, []), [])
})
