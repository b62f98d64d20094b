import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CountersignError } from '../../src/canon/index.js'
import { checkLedger, LEDGER_VERDICTS, ledgerErrors } from '../../src/ledger/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { attempt, collect, denial, ORIGIN, outcome, type Sidecar, sidecar } from './ledger-fixture.js'

/*
 * A small ledger, damaged in every place of every file. Whatever LevelDB makes of it, the keeper refuses to start with
 * a named fault or has every entry; and `ledger check` calls it sound exactly where every entry is there.
 * COUNTERSIGN_FAULTS_EVERY=1 tries every byte, 7 every seventh, where the ordinary run takes a few.
 */
const EVERY = Number(process.env.COUNTERSIGN_FAULTS_EVERY ?? 0)
/** Memory where there is some: what is tried is damage, not the disk. */
const SHELF = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

interface Subject {
  readonly car: Sidecar
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly entries: readonly Uint8Array[]
  readonly shelf: string
}

/** `restarts` turn the write-ahead log into tables. */
async function subject(t: TestContext, restarts = 0): Promise<Subject> {
  const car = await sidecar(t)
  const ledger = await car.open()
  await ledger.append(outcome(await ledger.append(attempt())))
  await ledger.append(denial())
  await ledger.close()
  for (let i = 0; i < restarts; i++) await (await car.open()).close()
  const names = (await readdir(car.dir)).filter(name => !name.startsWith('LO'))
  const files = new Map<string, Uint8Array>()
  for (const name of names) files.set(name, await readFile(join(car.dir, name)))
  const shelf = await mkdtemp(join(SHELF, 'countersign-damage-'))
  t.after(() => rm(shelf, { recursive: true, force: true }))
  return { car, files, entries: await entriesIn(car), shelf }
}

async function entriesIn(car: Sidecar): Promise<Uint8Array[]> {
  const copy = `${car.dir}-read`
  const highWater = `${car.highWater}-read`
  await cp(car.dir, copy, { recursive: true })
  await cp(car.highWater, highWater)
  const ledger = await car.open({ dir: copy, highWater })
  const entries = await collect(ledger.entries())
  await ledger.close()
  // What this opening appended itself is no part of it.
  return entries.slice(0, -1)
}

/** Tries one damage; `bytes` null removes the file. */
async function tryDamage(subject: Subject, name: string, bytes: Uint8Array | null, what: string) {
  const { car, files, entries, shelf } = subject
  const folder = await mkdtemp(join(shelf, 'case-'))
  const [dir, highWater] = [join(folder, 'ledger'), join(folder, 'mark')]
  await cp(car.highWater, highWater)
  await cp(car.dir, dir, { recursive: true })
  if (bytes === null) await rm(join(dir, name))
  else if (bytes !== files.get(name)) await writeFile(join(dir, name), bytes)
  const check = await checkLedger({
    dir,
    highWater,
    checkpoints: [],
    keys: () => ({
      origin: ORIGIN,
      receipt: [car.receiptKey.publicKey],
      checkpoint: [car.checkpointKey.publicKey],
    }),
    crypto: nativeCrypto,
  })
  const opening = await openingOf(subject, dir, highWater, what)
  const { sound } = LEDGER_VERDICTS[check.verdict]
  assert.ok(check.left.size <= entries.length, what)
  if (sound) assert.equal(check.left.size, entries.length, `${what}: called ${check.verdict}`)
  if (!sound) assert.ok(check.lost > 0 || check.verdict !== 'ledger_behind_mark', what)
  // What the keeper starts on, the check calls sound: an operator is never told to recover what works.
  if (opening === 'opened') assert.ok(sound, `${what}: the keeper started, the check says ${check.verdict}`)
  await rm(folder, { recursive: true })
  return { verdict: check.verdict, opening }
}

async function openingOf({ car, entries }: Subject, dir: string, highWater: string, what: string) {
  try {
    const ledger = await car.open({ dir, highWater, boot: randomUUID() })
    const found = await collect(ledger.entries())
    await ledger.close()
    for (const [seq, bytes] of entries.entries())
      assert.ok(found[seq] !== undefined && Buffer.from(bytes).equals(found[seq]), `${what}: entry ${seq}`)
    return 'opened'
  } catch (error) {
    assert.ok(error instanceof CountersignError && error.code in ledgerErrors, `${what}: ${error}`)
    return error.code
  }
}

/** Four at a time: LevelDB works on other threads. */
async function tryEach(cases: Iterable<() => Promise<unknown>>): Promise<void> {
  const queue = cases[Symbol.iterator]()
  const work = async () => {
    for (let next = queue.next(); next.done !== true; next = queue.next()) await next.value()
  }
  await Promise.all(Array.from({ length: 4 }, work))
}

function* places(size: number, samples: number): Generator<number> {
  const step = EVERY > 0 ? EVERY : Math.max(1, Math.floor(size / samples))
  for (let at = 0; at < size; at += step) yield at
}

function flipped(whole: Uint8Array, at: number): Uint8Array {
  const bytes = Uint8Array.from(whole)
  bytes[at] = (bytes[at] as number) ^ (1 << (at % 8))
  return bytes
}

function logOf({ files }: Subject): string {
  return [...files.keys()].find(name => name.endsWith('.log')) as string
}

test('a write-ahead log that was cut anywhere is behind its mark, by keeper and check', async t => {
  const it = await subject(t)
  const log = logOf(it)
  const whole = it.files.get(log) as Uint8Array
  function* cuts() {
    for (const kept of places(whole.length, 30))
      yield async () => {
        const what = `${kept} of ${whole.length} bytes kept`
        const { verdict, opening } = await tryDamage(it, log, whole.subarray(0, kept), what)
        assert.deepEqual([verdict, opening], ['ledger_behind_mark', 'ledger_behind_mark'], what)
      }
  }
  await tryEach(cuts())
})

test('a write-ahead log with a flipped byte is named, or has lost nothing', async t => {
  const it = await subject(t)
  const log = logOf(it)
  const whole = it.files.get(log) as Uint8Array
  function* flips() {
    for (const at of places(whole.length, 30))
      yield async () => {
        const { opening } = await tryDamage(it, log, flipped(whole, at), `byte ${at}`)
        assert.notEqual(opening, 'opened', `byte ${at}`)
      }
  }
  await tryEach(flips())
})

test('tables, MANIFEST and CURRENT that are gone, cut or flipped are named, or have lost nothing', async t => {
  const it = await subject(t, 2)
  const seen = new Set<string>()
  function* damages() {
    for (const [name, whole] of it.files) {
      const note = (what: string, bytes: Uint8Array | null) => async () => {
        const { verdict, opening } = await tryDamage(it, name, bytes, `${name} ${what}`)
        seen.add(`${verdict} ${opening}`)
      }
      yield note('removed', null)
      yield note('emptied', new Uint8Array())
      yield note('cut in half', whole.subarray(0, whole.length / 2))
      for (const at of places(whole.length, 4)) yield note(`byte ${at} flipped`, flipped(whole, at))
    }
  }
  await tryEach(damages())
  t.diagnostic([...seen].sort().join(', '))
})
