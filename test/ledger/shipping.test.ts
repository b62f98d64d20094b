import assert from 'node:assert/strict'
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { CountersignError } from '../../src/canon/index.js'
import type { Ledger } from '../../src/ledger/index.js'
import { attempt, collect, denial, type Sidecar, sidecar } from './ledger-fixture.js'
import { cursorsBeside, ShelfSink, shipped, shipping, until } from './ship-fixture.js'

async function fill(ledger: Ledger, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, () => ledger.append(denial())))
}

async function linesOf(ledger: Ledger): Promise<string[]> {
  return (await collect(ledger.entries())).map(bytes => Buffer.from(bytes).toString())
}

function cursorOf(car: Sidecar, name = 'sink-0'): Promise<{ size: number; sending: number }> {
  return readFile(join(cursorsBeside(car.folder), `${name}.json`), 'utf8').then(text => JSON.parse(text))
}

function refusal(): Error {
  return new CountersignError('ship_unreachable', { status: null, sentence: 'Down.', mend: 'Wait.' })
}

test('every entry is shipped once, in order and in bounded batches, and the cursor says how far', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  const sink = new ShelfSink()
  const { shipping: ships } = await shipping(t, ledger, car.folder, [{ sink }], { batchEntries: 7 })
  await fill(ledger, 100)
  await shipped(ships)
  await ships.stop()
  assert.deepEqual(sink.entries, await linesOf(ledger))
  assert.ok(sink.sent.every(({ entries }) => entries.length <= 7))
  assert.ok(sink.sent.every(({ first }, i) => first === (sink.sent[i - 1]?.last ?? -1) + 1))
  assert.ok(sink.sent.every(({ last, checkpoint }) => checkpoint.size > last))
  assert.equal((await cursorOf(car)).size, 102)
  assert.deepEqual(ships.lag(Date.now()), { entries: 0, seconds: 0 })
})

test('a batch is bounded in bytes as well, and a single entry always goes', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  await fill(ledger, 20)
  const [sink, tight] = [new ShelfSink(), new ShelfSink()]
  const { shipping: ships } = await shipping(t, ledger, car.folder, [{ sink }], { batchBytes: 5_000 })
  const { shipping: tightly } = await shipping(t, ledger, car.folder, [{ sink: tight, name: 'tight' }], {
    batchBytes: 1,
  })
  await shipped(ships)
  await shipped(tightly)
  const sizes = sink.sent.map(({ entries }) => entries.reduce((sum, { length }) => sum + length, 0))
  assert.ok(Math.max(...sizes) <= 5_000 && sink.sent.length > 2)
  assert.equal(tight.sent.length, 22)
})

test('while a sink is down nothing is lost, and everything follows in order when it is back', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  const sink = new ShelfSink()
  sink.answer = () => {
    throw refusal()
  }
  const { shipping: ships, noted } = await shipping(t, ledger, car.folder, [{ sink }])
  await fill(ledger, 10)
  await until(() => (ships.status()[0]?.failing?.tries ?? 0) >= 3)
  assert.equal(ships.status()[0]?.failing?.code, 'ship_unreachable')
  assert.equal(noted.filter(({ level }) => level === 'error').length, 1, 'said once, not at every try')
  await fill(ledger, 10)
  const before = sink.sent.length
  sink.answer = () => ({ kind: 'stored' })
  await shipped(ships)
  const after = sink.sent.slice(before)
  assert.equal(after[0]?.first, 0)
  assert.ok(after.every(({ first }, i) => first === (after[i - 1]?.last ?? -1) + 1))
  assert.equal(ships.status()[0]?.failing, null)
  assert.match(noted.at(-1)?.sentence ?? '', /shipped again/)
})

test('a keeper that was killed between sending and remembering sends the very same batch again', async t => {
  const car = await sidecar(t)
  const sink = new ShelfSink()
  sink.answer = () => new Promise(() => undefined)
  const ledger = await car.open()
  await fill(ledger, 3)
  const { shipping: ships } = await shipping(t, ledger, car.folder, [{ sink }])
  await until(() => sink.sent.length === 1)
  const copy = join(car.folder, 'killed')
  await cp(cursorsBeside(car.folder), copy, { recursive: true })
  await ships.stop(0)
  await ledger.close()

  await rm(cursorsBeside(car.folder), { recursive: true })
  await cp(copy, cursorsBeside(car.folder), { recursive: true })
  const again = await car.open()
  await fill(again, 50)
  const second = new ShelfSink()
  const { shipping: resumed } = await shipping(t, again, car.folder, [{ sink: second }])
  await shipped(resumed)
  const [sent, resent] = [sink.sent[0], second.sent[0]]
  assert.deepEqual([resent?.first, resent?.last], [sent?.first, sent?.last])
  assert.deepEqual(resent?.entries.map(String), sent?.entries.map(String))
  assert.deepEqual(second.entries, await linesOf(again))
})

test('a restart goes on behind what was acknowledged', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  const sink = new ShelfSink()
  const { shipping: ships } = await shipping(t, ledger, car.folder, [{ sink }])
  await fill(ledger, 5)
  await ledger.close(() => ships.stop())
  const { size } = await cursorOf(car)
  assert.equal(size, 8, 'genesis, boot, five denials and the close')
  const again = await car.open()
  const second = new ShelfSink()
  const { shipping: resumed } = await shipping(t, again, car.folder, [{ sink: second }])
  await shipped(resumed)
  assert.equal(second.sent[0]?.first, 8)
})

test('a stop ships the close of the log, and waits a bounded time for a sink that hangs', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  const [good, hanging] = [new ShelfSink(), new ShelfSink()]
  hanging.answer = () => new Promise(() => undefined)
  const { shipping: ships } = await shipping(t, ledger, car.folder, [
    { sink: good, everyMs: 3_600_000 },
    { sink: hanging },
  ])
  await fill(ledger, 3)
  await ledger.close(() => ships.stop(30))
  assert.match(Buffer.from(good.entries.at(-1)?.split('"')[3] ?? '', 'base64').toString(), /"type":"close"/)
  assert.deepEqual([good.closed, hanging.closed], [true, true])
  assert.equal((await cursorOf(car, 'sink-1')).size, 0)
})

test('a sink that hangs holds one batch in memory, however long the ledger grows, and slows no append', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  const sink = new ShelfSink()
  sink.answer = () => new Promise(() => undefined)
  let reads = 0
  const watched = Object.create(ledger) as Ledger
  watched.entries = from => {
    reads++
    return ledger.entries(from)
  }
  const { shipping: ships } = await shipping(t, watched, car.folder, [{ sink }], { batchEntries: 64 })
  for (let round = 0; round < 20; round++) await fill(ledger, 200)
  assert.equal(ledger.head().size, 4_002)
  assert.equal(reads, 1)
  assert.ok((sink.sent[0]?.entries.length ?? 0) <= 64)
  assert.ok((ships.lag(Date.now())?.entries ?? 0) >= 3_900)
})

test('a send that takes too long is given up and tried again', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  const sink = new ShelfSink()
  const signals: AbortSignal[] = []
  sink.answer = (_batch, signal) => {
    signals.push(signal)
    return signals.length < 3 ? new Promise(() => undefined) : { kind: 'stored' }
  }
  const { shipping: ships } = await shipping(t, ledger, car.folder, [{ sink }], { sendTimeoutMs: 5 })
  await shipped(ships)
  assert.ok(signals[0]?.aborted && signals[1]?.aborted)
})

test('entries wait for company no longer than they may be behind', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  const sink = new ShelfSink()
  const { shipping: ships } = await shipping(t, ledger, car.folder, [{ sink, everyMs: 3_600_000 }])
  await shipped(ships)
  await ledger.append(denial())
  assert.equal(ships.lag(Date.now())?.entries, 1)
  ships.keepWithin({ entries: null, seconds: 0 })
  await shipped(ships)
  ships.keepWithin({ entries: 9, seconds: null })
  await fill(ledger, 3)
  await shipped(ships)
})

test('the lag is that of the last required sink, and unknown where none is required or none acknowledges', async t => {
  const car = await sidecar(t)
  let nowMs = Date.now()
  const ledger = await car.open({ clock: () => nowMs })
  const [good, bad, plain] = [new ShelfSink(), new ShelfSink(), new ShelfSink(false)]
  bad.answer = () => {
    throw refusal()
  }
  const clock = { nowMs: () => nowMs }
  const both = await shipping(t, ledger, car.folder, [{ sink: good }, { sink: bad }], clock)
  nowMs += 42_000
  assert.deepEqual(both.shipping.lag(nowMs), { entries: 2, seconds: 42 })
  const spare = [
    { sink: new ShelfSink(), name: 'a' },
    { sink: bad, name: 'b', required: false },
  ]
  const one = await shipping(t, ledger, car.folder, spare, clock)
  await until(() => one.shipping.lag(nowMs)?.entries === 0)
  const none = await shipping(t, ledger, car.folder, [{ sink: plain, name: 'c' }], clock)
  await shipped(none.shipping)
  assert.equal(none.shipping.lag(nowMs), null, 'a sink that acknowledges nothing vouches for nothing')
  assert.equal((await shipping(t, ledger, car.folder, [])).shipping.lag(Date.now()), null)
})

test('a sink that lost entries gets them again, and one that has more than the cursor is gone on with', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  const sink = new ShelfSink()
  const { shipping: ships } = await shipping(t, ledger, car.folder, [{ sink }])
  await fill(ledger, 8)
  await shipped(ships)
  sink.answer = ({ first }) =>
    first === 10 ? { kind: 'elsewhere', next: 4, leaf: null } : { kind: 'stored' }
  await fill(ledger, 1)
  await shipped(ships)
  assert.ok(sink.sent.some(({ first }) => first === 4))
  sink.answer = ({ first }) =>
    first === 11 ? { kind: 'elsewhere', next: 12, leaf: null } : { kind: 'stored' }
  await fill(ledger, 2)
  await shipped(ships)
  assert.equal(ships.status()[0]?.shipped, 13)
})

test('attack: a sink that has more than the ledger, or another entry, stops nothing silently', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  for (const [next, leaf, code] of [
    [99, null, 'ship_ahead'],
    [1, 'ab'.repeat(32), 'ship_conflict'],
    [0, null, 'ship_answer'],
  ] as const) {
    const sink = new ShelfSink()
    sink.answer = () => ({ kind: 'elsewhere', next, leaf })
    const { shipping: ships } = await shipping(t, ledger, car.folder, [{ sink, name: code }])
    await until(() => ships.status()[0]?.failing?.code === code)
    assert.equal(ships.status()[0]?.shipped, 0)
  }
})

test('attack: a sink that sends the keeper to and fro is not followed in circles', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  const sink = new ShelfSink()
  sink.answer = ({ first }) => ({ kind: 'elsewhere', next: first === 0 ? 1 : 0, leaf: null })
  const { shipping: ships } = await shipping(t, ledger, car.folder, [{ sink }])
  await until(() => ships.status()[0]?.failing?.code === 'ship_answer')
})

test('attack: an old copy of ledger and mark is put back, and the cursor knows better', async t => {
  const car = await sidecar(t)
  const backup = join(car.folder, 'backup')
  await (await car.open()).close()
  await cp(car.dir, join(backup, 'ledger'), { recursive: true })
  await cp(car.highWater, join(backup, 'high-water.json'))
  const ledger = await car.open()
  const { shipping: ships } = await shipping(t, ledger, car.folder, [{ sink: new ShelfSink() }])
  await fill(ledger, 5)
  await ledger.close(() => ships.stop())
  await rm(car.dir, { recursive: true })
  await cp(join(backup, 'ledger'), car.dir, { recursive: true })
  await cp(join(backup, 'high-water.json'), car.highWater)

  const rolledBack = await car.open()
  const sink = new ShelfSink()
  const { shipping: stuck, noted } = await shipping(t, rolledBack, car.folder, [{ sink }])
  assert.equal(stuck.status()[0]?.failing?.code, 'ship_ahead')
  assert.equal(stuck.lag(Date.now()), null)
  assert.equal(noted[0]?.level, 'error')
  await fill(rolledBack, 20)
  assert.equal(sink.sent.length, 0)
  await stuck.stop(0)

  const fork = await shipping(t, rolledBack, car.folder, [{ sink }])
  assert.equal(
    fork.shipping.status()[0]?.failing?.code,
    'ship_conflict',
    'grown past it, and another entry there',
  )
})

test('a cursor that is damaged or of another epoch lets shipping start over', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  const { shipping: ships } = await shipping(t, ledger, car.folder, [{ sink: new ShelfSink() }])
  await fill(ledger, 2)
  await shipped(ships)
  await ships.stop()
  const file = join(cursorsBeside(car.folder), 'sink-0.json')
  const good = await readFile(file, 'utf8')
  for (const text of ['', '{}', good.slice(1), good.replace('edge/1', 'edge/7')]) {
    await writeFile(file, text)
    const sink = new ShelfSink()
    const { shipping: anew } = await shipping(t, ledger, car.folder, [{ sink }])
    await shipped(anew)
    assert.equal(sink.sent[0]?.first, 0)
    await anew.stop()
    assert.equal((await cursorOf(car)).size, ledger.head().size)
  }
})

test('a cursor that can’t be written stops nothing, and is said', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  await writeFile(cursorsBeside(car.folder), 'in the way')
  const sink = new ShelfSink()
  const { shipping: ships, noted } = await shipping(t, ledger, car.folder, [{ sink }])
  await ledger.append(attempt())
  await shipped(ships)
  assert.ok(noted.some(({ facts }) => (facts as { code?: string }).code === 'ship_cursor'))
})
