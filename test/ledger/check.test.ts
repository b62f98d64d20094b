import assert from 'node:assert/strict'
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { utf8 } from '../../src/canon/index.js'
import { checkLedger, type LedgerCheck, readCheckpointFile } from '../../src/ledger/index.js'
import { HEAD_KEY } from '../../src/ledger/keys.js'
import { encodeHead, Store } from '../../src/ledger/store.js'
import { nativeCrypto } from '../../src/native/index.js'
import { attempt, denial, ORIGIN, outcome, type Sidecar, sidecar, signingKey } from './ledger-fixture.js'

/** A stopped ledger: genesis, boot, attempt, outcome, `denials` of them, close. */
async function stopped(t: TestContext, denials = 1): Promise<Sidecar> {
  const car = await sidecar(t)
  const ledger = await car.open()
  await ledger.append(outcome(await ledger.append(attempt())))
  for (let i = 0; i < denials; i++) await ledger.append(denial())
  await ledger.close()
  return car
}

function check(car: Sidecar, changes: Partial<Parameters<typeof checkLedger>[0]> = {}): Promise<LedgerCheck> {
  return checkLedger({
    dir: car.dir,
    highWater: car.highWater,
    checkpoints: [],
    keys: () => ({
      origin: ORIGIN,
      receipt: [car.receiptKey.publicKey],
      checkpoint: [car.checkpointKey.publicKey],
    }),
    crypto: nativeCrypto,
    ...changes,
  })
}

async function verdict(car: Sidecar, changes?: Parameters<typeof check>[1]): Promise<string> {
  return (await check(car, changes)).verdict
}

async function replace(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true })
  await cp(from, to, { recursive: true })
}

test('a ledger that was stopped is sound, and the check changes nothing in it', async t => {
  const car = await stopped(t)
  const survey = async () =>
    Promise.all((await readdir(car.dir)).map(async name => [name, (await stat(join(car.dir, name))).mtimeMs]))
  const before = await survey()
  const found = await check(car)
  assert.deepEqual([found.verdict, found.left.size, found.lost, found.detail], ['sound', 6, 0, ''])
  assert.equal(found.left.root, found.mark?.root)
  assert.equal(found.left.leaf, found.mark?.leaf)
  assert.deepEqual(await survey(), before)
})

test('a ledger that goes on after its mark is sound, as after a kill', async t => {
  const car = await stopped(t)
  const mark = await readFile(car.highWater)
  await (await car.open()).close()
  await writeFile(car.highWater, mark)
  const found = await check(car)
  assert.deepEqual([found.verdict, found.detail], ['ahead_of_mark', '2 entries after it'])
  await (await car.open()).close()
})

test('attack: an older snapshot is behind its mark, and what is left and lost is counted', async t => {
  const car = await stopped(t)
  await cp(car.dir, `${car.dir}-old`, { recursive: true })
  await (await car.open()).close()
  await replace(`${car.dir}-old`, car.dir)
  const found = await check(car)
  assert.deepEqual([found.verdict, found.left.size, found.lost], ['ledger_behind_mark', 6, 2])
})

test('attack: ledger and mark that were rolled back together are behind a checkpoint from elsewhere', async t => {
  const car = await stopped(t)
  await cp(car.dir, `${car.dir}-old`, { recursive: true })
  await cp(car.highWater, `${car.highWater}-old`)
  await (await car.open()).close()
  const newer = await readCheckpointFile(car.highWater, nativeCrypto)
  await replace(`${car.dir}-old`, car.dir)
  await cp(`${car.highWater}-old`, car.highWater)
  assert.equal(await verdict(car), 'sound')
  const found = await check(car, { checkpoints: [newer] })
  assert.deepEqual([found.verdict, found.lost], ['ledger_behind_mark', 2])
})

test('attack: another history of the same length differs at the mark, and nothing of it counts as left', async t => {
  const car = await stopped(t, 0)
  const [dir, highWater] = [`${car.dir}-old`, `${car.highWater}-old`]
  await cp(car.dir, dir, { recursive: true })
  await cp(car.highWater, highWater)
  await (await car.open()).close()
  const fork = await car.open({ dir, highWater })
  await fork.append(denial())
  await fork.close()
  await replace(dir, car.dir)
  const found = await check(car)
  assert.deepEqual([found.verdict, found.left.size, found.lost], ['ledger_differs', 0, 8])
})

test('a ledger or a mark that is gone, or spoilt, is named', async t => {
  const car = await stopped(t)
  const mark = await readFile(car.highWater)
  await writeFile(car.highWater, mark.subarray(1))
  assert.equal(await verdict(car), 'mark_invalid')
  await rm(car.highWater)
  const unmarked = await check(car)
  assert.deepEqual([unmarked.verdict, unmarked.left.size], ['mark_missing', 6])
  await writeFile(car.highWater, mark)
  await rm(join(car.dir, 'CURRENT'))
  const salvaged = await check(car)
  assert.deepEqual([salvaged.verdict, salvaged.left.size], ['ledger_unreadable', 6])
  await rm(car.dir, { recursive: true })
  const gone = await check(car)
  assert.deepEqual([gone.verdict, gone.left.size, gone.lost], ['ledger_missing', 0, 6])
})

test('attack: with neither ledger nor mark there is nothing to be sound, unless a checkpoint says what there was', async t => {
  const car = await stopped(t)
  const kept = await readCheckpointFile(car.highWater, nativeCrypto)
  await rm(car.dir, { recursive: true })
  await rm(car.highWater)
  assert.equal(await verdict(car), 'ledger_empty')
  const found = await check(car, { checkpoints: [kept] })
  assert.deepEqual([found.verdict, found.lost], ['ledger_missing', 6])
  await mkdir(car.dir)
  assert.equal(await verdict(car), 'ledger_empty')
})

test('attack: another sidecar’s ledger, mark or keys are foreign', async t => {
  const [car, other] = [await stopped(t), await stopped(t, 3)]
  assert.equal(await verdict(car, { dir: other.dir }), 'ledger_foreign')
  assert.equal(await verdict(car, { highWater: other.highWater }), 'mark_invalid')
  const strange = { origin: null, receipt: [signingKey().publicKey] }
  const keys = () => ({ ...strange, checkpoint: [car.checkpointKey.publicKey] })
  assert.equal(await verdict(car, { keys }), 'ledger_foreign')
})

test('attack: one entry by another key is damage, and what follows it is lost', async t => {
  const car = await stopped(t, 3)
  const forged = await stopped(t, 3)
  await writeInto(car, async store => [
    { key: keyOf(5), value: (await other(forged, 5)) as Uint8Array },
    { key: keyOf(99), value: utf8('{}') },
    ...(await store.states('')).map(([name]) => ({ key: utf8(`s${name}`) })),
  ])
  const found = await check(car)
  assert.deepEqual([found.verdict, found.left.size, found.lost], ['entry_damaged', 5, 4])
})

test('attack: a head or tree that was edited beside whole entries is named', async t => {
  const car = await stopped(t)
  await writeInto(car, async store => {
    const head = await store.head()
    return head === undefined ? [] : [{ key: HEAD_KEY, value: encodeHead({ ...head, open: [2] }) }]
  })
  const found = await check(car)
  assert.deepEqual([found.verdict, found.left.size], ['tree_damaged', 6])
})

test('a ledger that a keeper holds is not judged', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  assert.equal(await verdict(car), 'ledger_locked')
  await ledger.append(denial())
  await ledger.close()
  assert.equal(await verdict(car), 'sound')
})

test('what a start could not read is kept: the files stay as they were before it', async t => {
  const car = await stopped(t, 6)
  const log = (await readdir(car.dir)).find(name => name.endsWith('.log')) as string
  const whole = await readFile(join(car.dir, log))
  const at = Math.floor(whole.length / 2)
  const damaged = Buffer.from(whole)
  damaged[at] = (damaged[at] as number) ^ 1
  await writeFile(join(car.dir, log), damaged)
  const before = await check(car)
  for (let starts = 0; starts < 3; starts++) await assert.rejects(car.open(), { code: /^ledger_/ })
  assert.ok(!(await readdir(car.dir)).includes(log), 'LevelDB deletes the log that it could not read')
  assert.deepEqual(await readFile(join(car.dir, 'before-start', log)), damaged)
  const after = await check(car)
  assert.deepEqual([after.verdict, after.left], [before.verdict, before.left])
})

test('a start that finds its ledger sound leaves nothing behind', async t => {
  const car = await stopped(t)
  const ledger = await car.open()
  assert.ok(!(await readdir(car.dir)).some(name => name.startsWith('before-start')))
  await assert.rejects(car.open(), { code: 'ledger_locked' })
  assert.ok(!(await readdir(car.dir)).some(name => name.startsWith('before-start')))
  await ledger.close()
})

function keyOf(seq: number): Uint8Array {
  const key = Buffer.alloc(9)
  key[0] = 'e'.charCodeAt(0)
  key.writeUInt32BE(seq, 5)
  return key
}

async function other(car: Sidecar, seq: number): Promise<Uint8Array | undefined> {
  const store = await Store.open(car.dir, nativeCrypto)
  try {
    return await store.entry(seq)
  } finally {
    await store.close()
  }
}

/** As somebody with the disk and a LevelDB tool would. */
async function writeInto(
  car: Sidecar,
  changes: (store: Store) => Promise<{ key: Uint8Array; value?: Uint8Array }[]>,
): Promise<void> {
  const store = await Store.open(car.dir, nativeCrypto)
  await store.write(await changes(store))
  await store.close()
}
