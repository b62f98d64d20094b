import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { hex } from '../../src/canon/index.js'
import type { Ledger } from '../../src/ledger/index.js'
import { HEAD_KEY, seqKey } from '../../src/ledger/keys.js'
import { isReadAtStart } from '../../src/ledger/sound.js'
import { encodeHead, Store } from '../../src/ledger/store.js'
import { nativeCrypto } from '../../src/native/index.js'
import { Shared } from '../lasting.js'
import { attempt, collect, copyLedger, denial, outcome, type Sidecar, sidecar } from './ledger-fixture.js'

/** Full speed and at once. */
const NOW = { fullCheck: { share: 1, afterMs: 0 } }
/** More than a start reads, so that something is left to the full check. */
const ENTRIES = 2_600

const SEEDS = [Buffer.alloc(32, 7), Buffer.alloc(32, 9)]
const shared = new Shared()
/** Stopped, of so many entries, all of them in tables. */
let long: Sidecar
before(async () => {
  long = await sidecar(shared, SEEDS)
  const ledger = await long.open()
  await ledger.append(outcome(await ledger.append(attempt())))
  while (ledger.head().size < ENTRIES)
    await Promise.all(Array.from({ length: 400 }, () => ledger.append(denial())))
  await ledger.close()
  await (await long.open()).close()
})
after(() => shared.end())

/** A copy of the long ledger. */
async function longLedger(t: TestContext): Promise<Sidecar> {
  const car = await sidecar(t, SEEDS)
  await copyLedger(long, car)
  return car
}

/** Changes a stopped ledger through LevelDB, so that no checksum of a table tells. */
async function changeThrough(car: Sidecar, change: (store: Store) => Promise<void>): Promise<void> {
  const store = await Store.open(car.dir, nativeCrypto)
  await change(store)
  await store.close()
}

/** The fault that ends a ledger on which a start was possible. */
async function endOf(ledger: Ledger): Promise<{ code: string; message: string }> {
  const fault = await ledger.failed
  await assert.rejects(ledger.append(denial()), { code: fault.code })
  await assert.rejects(ledger.close(), { code: fault.code })
  return fault
}

test('a sound ledger is read from end to end behind a start, and status says so', async t => {
  const car = await longLedger(t)
  const ledger = await car.open(NOW)
  assert.notEqual(ledger.fullCheck()?.state, 'sound')
  const ended = await ledger.fullCheckEnded()
  assert.equal(ended?.state, 'sound', ended?.problem ?? '')
  assert.equal(ended.entries, ended.size)
  assert.ok(ended.size >= ENTRIES)
  assert.ok(ended.ofTables > 0)
  assert.equal(ended.tables, ended.ofTables)
  await ledger.append(denial())
  await ledger.close()
  const again = await car.open(NOW)
  assert.deepEqual(again.fullCheck()?.last, { t: ended.last?.t, size: ended.size, sound: true })
  await again.close()
  assert.deepEqual(await readdir(join(car.dir, 'full-check')), ['result.json'])
})

test('a first start has nothing to read', async t => {
  const car = await sidecar(t)
  const ledger = await car.open(NOW)
  assert.equal(ledger.fullCheck(), null)
  assert.equal(ledger.fullCheckEnded(), null)
})

test('attack: an old entry is changed where no start looks; the full check ends the ledger, and no start is possible from then on', async t => {
  const car = await longLedger(t)
  await changeThrough(car, async store => {
    const other = (await store.entry(301)) as Uint8Array
    await store.write([{ key: seqKey('e', 300), value: other }])
  })
  const fault = await endOf(await car.open(NOW))
  assert.equal(fault.code, 'ledger_damaged')
  assert.match(fault.message, /entry 300/)
  const { size, finding } = JSON.parse(await readFile(join(car.dir, 'full-check', 'result.json'), 'utf8'))
  assert.ok(size >= ENTRIES)
  assert.equal(finding.code, 'ledger_damaged')
  // Also one that would read nothing behind it.
  await assert.rejects(car.open(), { code: 'ledger_damaged', message: /entry 300/ })
})

test('attack: an old entry is replaced by one of the same shape and place; its hash is not that of its tile', async t => {
  const car = await longLedger(t)
  await changeThrough(car, async store => {
    const bytes = Uint8Array.from((await store.entry(511)) as Uint8Array)
    const envelope = JSON.parse(Buffer.from(bytes).toString())
    envelope.signatures[0].sig = envelope.signatures[0].sig.replace(/^./, (c: string) =>
      c === 'A' ? 'B' : 'A',
    )
    await store.write([{ key: seqKey('e', 511), value: Buffer.from(JSON.stringify(envelope)) }])
  })
  const { code, message } = await endOf(await car.open(NOW))
  assert.equal(code, 'ledger_damaged')
  assert.match(message, /tree hashes of entries 256 to 511/)
})

test('attack: an old entry is missing', async t => {
  const car = await longLedger(t)
  await changeThrough(car, store => store.write([{ key: seqKey('e', 700) }]))
  const { code, message } = await endOf(await car.open(NOW))
  assert.equal(code, 'ledger_damaged')
  assert.match(message, /entry 700: is missing/)
})

test('attack: a stored tree hash is changed that no proof of a start needs', async t => {
  const car = await longLedger(t)
  await changeThrough(car, async store => {
    const tile = Uint8Array.from((await store.tile(1)) as Uint8Array)
    tile[40] = (tile[40] as number) ^ 1
    await store.write([{ key: seqKey('n', 1), value: tile }])
  })
  const { message } = await endOf(await car.open(NOW))
  assert.match(message, /tree hashes of entries 256 to 511/)
})

test('attack: an attempt without an outcome is taken off the list, so that no start would close it', async t => {
  const car = await longLedger(t)
  const ledger = await car.open()
  const { seq } = await ledger.append(attempt())
  await ledger.close()
  await changeThrough(car, async store => {
    const head = await store.head()
    assert.deepEqual(head?.open, [seq])
    await store.write([{ key: HEAD_KEY, value: encodeHead({ ...head, open: [] }) }])
  })
  const { code, message } = await endOf(await car.open(NOW))
  assert.equal(code, 'ledger_damaged')
  assert.match(message, /open attempts/)
})

test('attack: a bit flips in an old block, which a start doesn’t read', async t => {
  const car = await longLedger(t)
  const flipped = await flipOldBit(car)
  const { code, message } = await endOf(await car.open(NOW))
  assert.equal(code, 'ledger_damaged')
  assert.match(message, new RegExp(`${flipped}.*is not as it was written`))
})

test('what was noted is read again before anything is signed, and a ledger that holds after all is opened', async t => {
  const car = await longLedger(t)
  const first = await car.open(NOW)
  await first.fullCheckEnded()
  await first.close()
  const finding = { code: 'ledger_damaged', detail: 'noted by the test' }
  for (const text of [JSON.stringify({ finding, size: 7, t: 1 }), 'not what was written']) {
    await writeFile(join(car.dir, 'full-check', 'result.json'), text)
    const other = await sidecarCopy(car)
    const ledger = await other.open()
    assert.equal(
      JSON.parse(await readFile(join(other.dir, 'full-check', 'result.json'), 'utf8')).finding,
      null,
    )
    await ledger.close()
  }
})

test('a start that is refused because another keeper runs leaves that one’s reading alone', async t => {
  const car = await longLedger(t)
  const ledger = await car.open({ fullCheck: { share: 0.01, afterMs: 0 } })
  for (let i = 0; i < 3; i++)
    await assert.rejects(car.open({ ...NOW, boot: randomUUID() }), { code: 'ledger_locked' })
  const snapshots = (await readdir(join(car.dir, 'full-check'))).filter(name => name.startsWith('start-'))
  assert.equal(snapshots.length, 1)
  await ledger.close()
  assert.deepEqual(
    (await readdir(join(car.dir, 'full-check'))).filter(name => name.startsWith('start-')),
    [],
  )
})

test('what a start that was killed left of its reading is removed by the next', async t => {
  const car = await longLedger(t)
  const left = join(car.dir, 'full-check', 'start-00000000-0000-4000-8000-000000000000')
  await cp(car.dir, `${car.dir}-then`, { recursive: true })
  await cp(`${car.dir}-then`, left, { recursive: true })
  const ledger = await car.open()
  assert.ok(!existsSync(left))
  await ledger.close()
})

test('a table that was being written when the process ended is no damage', async t => {
  const car = await longLedger(t)
  await writeFile(join(car.dir, '009999.ldb'), Buffer.alloc(5_000, 7))
  const ledger = await car.open(NOW)
  assert.equal((await ledger.fullCheckEnded())?.state, 'sound')
  assert.ok((await collect(ledger.entries())).length > ENTRIES)
  assert.ok(!existsSync(join(car.dir, '009999.ldb')), 'LevelDB has removed it')
  await ledger.close()
})

/** In the middle of the data of old entries; answers the table's name. */
async function flipOldBit(car: Sidecar): Promise<string> {
  const store = await Store.open(car.dir, nativeCrypto)
  const entry = Buffer.from((await store.entry(400)) as Uint8Array)
  await store.close()
  assert.equal(isReadAtStart(ENTRIES)({ after: seqKey('e', 399), upTo: seqKey('e', 401) }), false)
  for (const name of (await readdir(car.dir)).filter(each => each.endsWith('.ldb'))) {
    const bytes = await readFile(join(car.dir, name))
    const at = bytes.indexOf(entry.subarray(20, 120))
    if (at < 0) continue
    bytes[at] = (bytes[at] as number) ^ 1
    await writeFile(join(car.dir, name), bytes)
    return name
  }
  throw new Error(`entry 400 (${hex(entry.subarray(0, 8))}) is in no table`)
}

/** Another folder with the same ledger and keys, as after a restore. */
async function sidecarCopy(car: Sidecar): Promise<{ dir: string; open(): Promise<Ledger> }> {
  const dir = `${car.dir}-${randomUUID()}`
  const highWater = `${car.highWater}-${randomUUID()}`
  await cp(car.dir, dir, { recursive: true })
  await copyFile(car.highWater, highWater)
  return { dir, open: () => car.open({ dir, highWater, boot: randomUUID() }) }
}
