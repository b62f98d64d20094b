import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { utf8 } from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { decodeEntry, isCheckpointSignedBy, parseCheckpoint } from '../../src/receipt/index.js'
import { attempt, collect, denial, ORIGIN, outcome, sidecar } from './ledger-fixture.js'

test('a first run writes genesis and boot, and the mark covers them', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  assert.equal(ledger.chain, `${ORIGIN}/1`)
  const entries = (await collect(ledger.entries())).map(decodeEntry)
  assert.deepEqual(
    entries.map(entry => entry.type),
    ['genesis', 'boot'],
  )
  const mark = JSON.parse(await readFile(car.highWater, 'utf8'))
  assert.equal(mark.size, 2)
  assert.equal(mark.root, ledger.head().root)
})

test('an append returns its place, and the entry is there to read', async t => {
  const ledger = await (await sidecar(t)).open()
  const appended = await ledger.append(attempt())
  assert.equal(appended.seq, 2)
  assert.equal(ledger.head().leaf, appended.leaf)
  const entry = decodeEntry((await ledger.get(2)) as Uint8Array)
  assert.equal(entry.type, 'attempt')
  assert.equal(entry.t, appended.t)
  assert.equal(await ledger.get(3), undefined)
})

test('concurrent appends are chained in the order in which they were given', async t => {
  const ledger = await (await sidecar(t)).open()
  const appended = await Promise.all(Array.from({ length: 1500 }, () => ledger.append(attempt())))
  assert.deepEqual(
    appended.map(a => a.seq),
    Array.from({ length: 1500 }, (_, i) => i + 2),
  )
  const entries = (await collect(ledger.entries(2))).map(decodeEntry)
  assert.equal(entries.length, 1500)
  for (let i = 1; i < entries.length; i++) assert.equal(entries[i]?.prev, appended[i - 1]?.leaf)
})

test('an outcome closes its attempt once; a second, a foreign and an early one are refused', async t => {
  const ledger = await (await sidecar(t)).open()
  const admitted = await ledger.append(attempt())
  const denied = await ledger.append(denial())
  assert.deepEqual(
    (await ledger.openAttempts()).map(open => [open.seq, open.leaf, open.t, open.entry.type]),
    [[admitted.seq, admitted.leaf, admitted.t, 'attempt']],
  )
  await assert.rejects(ledger.append(outcome(denied)), { code: 'attempt_not_open' })
  await assert.rejects(ledger.append(outcome({ ...admitted, leaf: denied.leaf })), {
    code: 'attempt_not_open',
  })
  await assert.rejects(ledger.append(outcome({ seq: 99, leaf: admitted.leaf })), { code: 'attempt_not_open' })
  await ledger.append(outcome(admitted))
  await assert.rejects(ledger.append(outcome(admitted)), { code: 'attempt_not_open' })
  assert.deepEqual(await ledger.openAttempts(), [])
})

test('a race of two outcomes records one', async t => {
  const ledger = await (await sidecar(t)).open()
  const admitted = await ledger.append(attempt())
  const both = await Promise.allSettled([
    ledger.append(outcome(admitted)),
    ledger.append(outcome(admitted, { status: 'timeout' })),
  ])
  assert.deepEqual(
    both.map(result => result.status),
    ['fulfilled', 'rejected'],
  )
})

test('a malformed entry is refused alone: it takes no place, its neighbours get theirs', async t => {
  const ledger = await (await sidecar(t)).open()
  const [first, wrong, large, last] = await Promise.allSettled([
    ledger.append(attempt()),
    ledger.append(attempt({ inputs_c: 'short' })),
    ledger.append(attempt({ classifier: 'x'.repeat(70_000) })),
    ledger.append(denial()),
  ])
  assert.equal(wrong?.status === 'rejected' && wrong.reason.code, 'entry_malformed')
  assert.equal(large?.status === 'rejected' && large.reason.code, 'entry_too_large')
  assert.equal(first?.status === 'fulfilled' && first.value.seq, 2)
  assert.equal(last?.status === 'fulfilled' && last.value.seq, 3)
})

test('a malformed outcome leaves its attempt open', async t => {
  const ledger = await (await sidecar(t)).open()
  const admitted = await ledger.append(attempt())
  await assert.rejects(ledger.append(outcome(admitted, { http: -1 })), { code: 'entry_malformed' })
  assert.equal((await ledger.openAttempts()).length, 1)
  await ledger.append(outcome(admitted))
})

test('state changes and side records are written with their entry, listed in order, and survive a restart', async t => {
  const car = await sidecar(t)
  const first = await car.open()
  const body = attempt()
  await first.append(body, {
    side: { id: body.id, record: Uint8Array.of(1, 2, 3) },
    state: [
      { key: 'halt/agent/zoe', value: 'yes' },
      { key: 'halt/agent/Änne', value: '{"because":"…"}' },
      { key: 'haltless', value: 'no' },
    ],
  })
  await first.append(denial(), { state: [{ key: 'haltless', value: null }] })
  await first.close()
  const second = await car.open()
  assert.deepEqual(await second.state.list('halt/'), [
    ['halt/agent/zoe', 'yes'],
    ['halt/agent/Änne', '{"because":"…"}'],
  ])
  assert.equal(await second.state.get('haltless'), undefined)
  assert.deepEqual([...((await second.side.get(body.id)) ?? [])], [1, 2, 3])
})

test('a soon entry is durable without company', async t => {
  const ledger = await (await sidecar(t)).open()
  const admitted = await ledger.append(attempt())
  const closed = await ledger.append(outcome(admitted), { urgency: 'soon' })
  assert.equal(closed.seq, admitted.seq + 1)
})

test('time in the log never runs backwards', async t => {
  const car = await sidecar(t)
  let now = 1_900_000_000_000
  const ledger = await car.open({ clock: () => now })
  now -= 3_600_000
  assert.equal((await ledger.append(attempt())).t, 1_900_000_000_000)
  await ledger.close()
  const again = await car.open({ clock: () => now })
  assert.equal(again.head().t, 1_900_000_000_000)
})

test('the checkpoint is a note over the durable head, signed by the checkpoint key', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  await ledger.append(attempt())
  const checkpoint = parseCheckpoint(utf8(await ledger.checkpoint()))
  assert.deepEqual(
    [checkpoint.origin, checkpoint.size, checkpoint.root],
    [ledger.chain, 3, ledger.head().root],
  )
  assert.equal(isCheckpointSignedBy(nativeCrypto, checkpoint, car.checkpointKey.publicKey), true)
  assert.equal(isCheckpointSignedBy(nativeCrypto, checkpoint, car.receiptKey.publicKey), false)
})

test('a restart writes boot with the head it found and closes open attempts as indeterminate', async t => {
  const car = await sidecar(t)
  const first = await car.open()
  const admitted = await first.append(attempt())
  await first.close()
  const found = { size: first.head().size, root: first.head().root }
  const second = await car.open()
  const entries = (await collect(second.entries(admitted.seq + 1))).map(decodeEntry)
  assert.deepEqual(
    entries.map(entry => entry.type),
    ['close', 'boot', 'outcome'],
  )
  const [, boot, closed] = entries
  assert.ok(boot?.type === 'boot' && closed?.type === 'outcome')
  assert.deepEqual([boot.data.size, boot.data.root], [found.size, found.root])
  assert.deepEqual([closed.attempt, closed.status], [admitted.seq, 'indeterminate'])
  assert.deepEqual(await second.openAttempts(), [])
})

test('close waits for what was given before it, and refuses what comes after', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  const given = Array.from({ length: 700 }, () => ledger.append(denial()))
  const closed = ledger.close()
  await assert.rejects(ledger.append(denial()), { code: 'ledger_closed' })
  await closed
  assert.equal((await Promise.all(given)).length, 700)
  assert.equal(JSON.parse(await readFile(car.highWater, 'utf8')).size, 703)
})

test('marked resolves when the high-water file covers the entry', async t => {
  const car = await sidecar(t)
  const ledger = await car.open({ limits: { markPaceMs: 3_600_000 } })
  const { seq } = await ledger.append(attempt())
  await ledger.marked(seq)
  assert.ok(JSON.parse(await readFile(car.highWater, 'utf8')).size > seq)
})

test('appends wait for the high-water file once it lags too far behind', async t => {
  const car = await sidecar(t)
  const ledger = await car.open({ limits: { markLagEntries: 8, markPaceMs: 1, batchEntries: 4 } })
  let worst = 0
  await Promise.all(
    Array.from({ length: 60 }, async () => {
      const { seq } = await ledger.append(denial())
      worst = Math.max(worst, seq + 1 - JSON.parse(await readFile(car.highWater, 'utf8')).size)
    }),
  )
  assert.ok(worst <= 8, `the mark lagged ${worst} entries behind`)
})
