import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { cp, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CountersignError } from '../../src/canon/index.js'
import { type Ledger, openEvidence, readCheckpointFile } from '../../src/ledger/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { attempt, denial, ORIGIN, outcome, type Sidecar, sidecar, signingKey } from './ledger-fixture.js'

async function exchanges(ledger: Ledger, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await ledger.append(outcome(await ledger.append(attempt())))
}

/** A sidecar with a stopped ledger of some entries. */
async function stopped(t: TestContext, count = 10): Promise<Sidecar> {
  const car = await sidecar(t)
  const ledger = await car.open()
  await exchanges(ledger, count)
  await ledger.close()
  return car
}

async function copyOf(dir: string, name: string): Promise<string> {
  const copy = `${dir}-${name}`
  await cp(dir, copy, { recursive: true })
  return copy
}

async function restore(copy: string, dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true })
  await cp(copy, dir, { recursive: true })
}

test('attack: an older snapshot of the ledger stops the keeper', async t => {
  const car = await stopped(t)
  const snapshot = await copyOf(car.dir, 'snapshot')
  const ledger = await car.open()
  await exchanges(ledger, 1)
  await ledger.close()
  await restore(snapshot, car.dir)
  await assert.rejects(car.open(), { code: 'ledger_behind_mark' })
})

test('attack: a fork from an older snapshot that grew past the mark stops the keeper', async t => {
  const car = await stopped(t)
  const snapshot = await copyOf(car.dir, 'snapshot')
  const oldMark = await readFile(car.highWater)
  const whole = await car.open()
  await exchanges(whole, 2)
  await whole.close()
  const mark = await readFile(car.highWater)
  await restore(snapshot, car.dir)
  await writeFile(car.highWater, oldMark)
  const fork = await car.open()
  await exchanges(fork, 5)
  await fork.close()
  await writeFile(car.highWater, mark)
  await assert.rejects(car.open(), { code: 'ledger_differs' })
})

test('attack: a ledger that is gone, whole or by its CURRENT file, is not started anew over a mark', async t => {
  const car = await stopped(t)
  await rm(join(car.dir, 'CURRENT'))
  await assert.rejects(car.open(), { code: 'ledger_unreadable' })
  await rm(car.dir, { recursive: true })
  await assert.rejects(car.open(), { code: 'ledger_missing' })
  await mkdir(car.dir)
  await assert.rejects(car.open(), { code: 'ledger_missing' })
})

test('attack: a ledger without its mark stops the keeper', async t => {
  const car = await stopped(t)
  await rm(car.highWater)
  await assert.rejects(car.open(), { code: 'mark_missing' })
})

test('attack: a mark that was edited, cut, emptied or signed by another key is refused', async t => {
  const car = await stopped(t)
  const mark = await readFile(car.highWater, 'utf8')
  const { size } = JSON.parse(mark)
  const forged = [
    mark.replace(`"size":${size}`, '"size":2'),
    mark.slice(0, -10),
    '',
    `${mark} `,
    mark.replace('"leaf"', '"extra":1,"leaf"'),
    mark.replace(/"leaf":"./, '"leaf":"'),
  ]
  for (const text of forged) {
    assert.notEqual(text, mark)
    await writeFile(car.highWater, text)
    await assert.rejects(car.open(), { code: 'mark_invalid' })
  }
  await writeFile(car.highWater, mark)
  await assert.rejects(car.open({ checkpointKey: signingKey() }), { code: 'mark_invalid' })
  await (await car.open()).close()
})

test('attack: a ledger of another origin or signed by another receipt key is refused', async t => {
  const car = await stopped(t)
  await assert.rejects(car.open({ signer: signingKey() }), { code: 'ledger_foreign' })
  await assert.rejects(car.open({ origin: 'acme.test/countersign/other' }), { code: 'ledger_foreign' })
})

test('attack: another sidecar’s ledger under this mark is refused', async t => {
  const [car, other] = [await stopped(t), await stopped(t, 30)]
  await restore(other.dir, car.dir)
  await assert.rejects(car.open(), { code: /^ledger_(differs|foreign)$/ })
})

test('attack: two keepers on one ledger: the second is refused, the first goes on', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  await assert.rejects(car.open(), { code: 'ledger_locked' })
  await ledger.append(denial())
})

test('a mark that a crash left half written beside the good one does no harm', async t => {
  const car = await stopped(t)
  await writeFile(join(car.highWater, '..', '.high-water.json.new'), '{"half')
  await (await car.open()).close()
})

test('a first run that crashed before its genesis is finished by the next', async t => {
  const car = await sidecar(t)
  await (await car.open()).close()
  const mark = await readFile(car.highWater)
  const fresh = await sidecar(t)
  // A mark of size 0 and no ledger: what a crash right after the first step leaves behind.
  const { encodeMark } = await import('../../src/ledger/mark.js')
  await mkdir(join(fresh.highWater, '..'), { recursive: true })
  const empty = { origin: 'acme.test/countersign/edge/1', size: 0, leaf: '0'.repeat(64) }
  const root = Buffer.from(nativeCrypto.sha256()).toString('hex')
  await writeFile(fresh.highWater, await encodeMark(nativeCrypto, { ...empty, root }, fresh.checkpointKey))
  const ledger = await fresh.open()
  assert.equal(ledger.head().size, 2)
  assert.ok(mark.length > 0)
})

interface Verdict {
  readonly opening: string
  readonly finding: string
}

/** What the keeper and the verifier say about a damaged folder, each on a copy of its own. */
async function verdicts(car: Sidecar, dir: string): Promise<Verdict> {
  const checkpoint = await readCheckpointFile(car.highWater, nativeCrypto)
  const keys = {
    origin: ORIGIN,
    receipt: [car.receiptKey.publicKey],
    checkpoint: [car.checkpointKey.publicKey],
  }
  let finding = 'sound'
  try {
    const evidence = await openEvidence(dir, nativeCrypto)
    const found = await evidence.verify({ crypto: nativeCrypto, keys, checkpoints: [checkpoint] })
    await evidence.close()
    finding = found.sound ? 'sound' : (found.findings[0]?.code ?? 'nameless')
  } catch (error) {
    finding = error instanceof CountersignError ? error.code : `nameless: ${error}`
  }
  let opening = 'opened'
  try {
    await (await car.open({ dir, boot: randomUUID() })).close()
  } catch (error) {
    opening = error instanceof CountersignError ? error.code : `nameless: ${error}`
  }
  return { opening, finding }
}

/** The write-ahead log that holds the entries: the largest file. */
async function largestFile(dir: string): Promise<{ name: string; size: number }> {
  const files = await Promise.all(
    (await readdir(dir)).map(async name => ({ name, size: (await stat(join(dir, name))).size })),
  )
  return files.reduce((largest, file) => (file.size > largest.size ? file : largest))
}

test('attack: a write-ahead log cut anywhere is named by keeper and verifier, never passed over', async t => {
  const car = await stopped(t)
  const { name, size } = await largestFile(car.dir)
  const mark = await readFile(car.highWater)
  for (let step = 0; step < 6; step++) {
    const kept = Math.floor((size * step) / 6)
    const cut = await copyOf(car.dir, `cut-${step}`)
    await truncate(join(cut, name), kept)
    const said = await verdicts(car, cut)
    await writeFile(car.highWater, mark)
    assert.notEqual(said.finding, 'sound', `${kept} of ${size} bytes kept`)
    assert.match(said.opening, /^(ledger|mark)_/, `${kept} of ${size} bytes kept`)
    assert.doesNotMatch(said.finding, /nameless/)
  }
})

test('attack: flipped bytes in the write-ahead log are named by keeper and verifier, never passed over', async t => {
  const car = await stopped(t)
  const { name, size } = await largestFile(car.dir)
  const whole = await readFile(join(car.dir, name))
  const mark = await readFile(car.highWater)
  for (let step = 0; step < 10; step++) {
    const at = Math.floor((size * (step + 0.37)) / 10)
    const flipped = await copyOf(car.dir, `flip-${step}`)
    const bytes = Buffer.from(whole)
    bytes[at] = (bytes[at] as number) ^ 0x10
    await writeFile(join(flipped, name), bytes)
    const said = await verdicts(car, flipped)
    await writeFile(car.highWater, mark)
    assert.notEqual(said.finding, 'sound', `byte ${at}`)
    assert.match(said.opening, /^(ledger|mark)_/, `byte ${at}`)
    assert.doesNotMatch(said.finding, /nameless/)
  }
})

test('attack: a flipped byte in an entry of a compacted table is named, never passed over', async t => {
  const car = await stopped(t)
  // A restart turns the write-ahead log into a table, which LevelDB reads without looking at its checksums.
  await (await car.open()).close()
  const name = (await readdir(car.dir)).find(file => file.endsWith('.ldb')) as string
  const whole = await readFile(join(car.dir, name))
  const mark = await readFile(car.highWater)
  const entries: number[] = []
  for (let at = whole.indexOf('{"payload":'); at >= 0; at = whole.indexOf('{"payload":', at + 1))
    entries.push(at)
  assert.equal(entries.length, 23)
  for (const [place, start] of entries.entries()) {
    if (place % 4 !== 0) continue
    const flipped = await copyOf(car.dir, `table-${place}`)
    const bytes = Buffer.from(whole)
    const at = start + 60 + 17 * place
    bytes[at] = (bytes[at] as number) ^ 0x01
    await writeFile(join(flipped, name), bytes)
    const said = await verdicts(car, flipped)
    await writeFile(car.highWater, mark)
    assert.notEqual(said.finding, 'sound', `entry ${place}`)
    assert.match(said.opening, /^ledger_/, `entry ${place}`)
    assert.doesNotMatch(said.finding, /nameless/)
  }
})
