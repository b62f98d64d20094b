import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { CountersignError } from '../../src/canon/index.js'
import { openEvidence, readCheckpointFile, writeDump } from '../../src/ledger/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import type { Verification } from '../../src/receipt/index.js'
import { attempt, collect, denial, ORIGIN, outcome, type Sidecar, sidecar } from './ledger-fixture.js'

async function withDump(t: TestContext): Promise<Sidecar & { readonly dump: string }> {
  const car = await sidecar(t)
  const ledger = await car.open()
  await ledger.append(outcome(await ledger.append(attempt())))
  await ledger.append(denial())
  const dump = join(car.folder, 'evidence.jsonl')
  assert.equal(await writeDump(dump, ledger.entries(), await ledger.checkpoint()), 5)
  await ledger.close()
  return { ...car, dump }
}

async function verifyPath(path: string, car: Sidecar): Promise<Verification> {
  const evidence = await openEvidence(path, nativeCrypto)
  try {
    const keys = {
      origin: ORIGIN,
      receipt: [car.receiptKey.publicKey],
      checkpoint: [car.checkpointKey.publicKey],
    }
    const checkpoints = evidence.checkpoint === null ? [] : [evidence.checkpoint]
    return await evidence.verify({ crypto: nativeCrypto, keys, checkpoints })
  } finally {
    await evidence.close()
  }
}

async function fingerprint(dir: string): Promise<string[]> {
  const names = (await readdir(dir)).sort()
  return Promise.all(
    names.map(
      async name =>
        `${name} ${createHash('sha256')
          .update(await readFile(join(dir, name)))
          .digest('hex')}`,
    ),
  )
}

test('a dump and its folder verify to the same root, and the folder is not touched', async t => {
  const car = await withDump(t)
  const before = await fingerprint(car.dir)
  const [folder, dump] = [await verifyPath(car.dir, car), await verifyPath(car.dump, car)]
  assert.deepEqual(await fingerprint(car.dir), before)
  assert.deepEqual([folder.sound, dump.sound], [true, true])
  assert.deepEqual([dump.size, dump.checkpointed], [5, 5])
  assert.equal(folder.size, 6)
})

test('the dump is the envelopes, a line each', async t => {
  const car = await withDump(t)
  const lines = (await readFile(car.dump, 'utf8')).split('\n')
  assert.equal(lines.pop(), '')
  const evidence = await openEvidence(car.dir, nativeCrypto)
  const entries = await collect(evidence.entries())
  await evidence.close()
  assert.deepEqual(
    lines,
    entries.slice(0, 5).map(bytes => Buffer.from(bytes).toString()),
  )
})

test('attack: a flipped byte anywhere in a dump is found, line ends included', async t => {
  const car = await withDump(t)
  const whole = await readFile(car.dump)
  const flippedFile = join(car.folder, 'flipped.jsonl')
  for (let at = 0; at < whole.length; at++) {
    if (at % 11 !== 0 && whole[at] !== 10) continue
    const flipped = Buffer.from(whole)
    flipped[at] = (flipped[at] as number) ^ (1 << (at % 8))
    await writeFile(flippedFile, flipped)
    assert.equal((await verifyPath(flippedFile, car)).sound, false, `byte ${at}`)
  }
})

test('attack: a dump cut at any line or inside one is found against its checkpoint', async t => {
  const car = await withDump(t)
  const whole = await readFile(car.dump)
  for (const kept of [0, 1, 700, whole.indexOf(10) + 1, whole.lastIndexOf(10, -2) + 1, whole.length - 1]) {
    await truncate(car.dump, kept)
    const found = await verifyPath(car.dump, car)
    assert.equal(found.sound, false, `${kept} bytes kept`)
    await writeFile(car.dump, whole)
  }
})

test('an export never overwrites a file', async t => {
  const car = await withDump(t)
  const evidence = await openEvidence(car.dump, nativeCrypto)
  await assert.rejects(writeDump(car.dump, evidence.entries(), null), { code: 'EEXIST' })
  assert.equal((await verifyPath(car.dump, car)).sound, true)
})

test('the high-water file serves as a checkpoint', async t => {
  const car = await withDump(t)
  const checkpoint = await readCheckpointFile(car.highWater, nativeCrypto)
  assert.equal(checkpoint.size, 6)
  const evidence = await openEvidence(car.dump, nativeCrypto)
  const keys = {
    origin: ORIGIN,
    receipt: [car.receiptKey.publicKey],
    checkpoint: [car.checkpointKey.publicKey],
  }
  const found = await evidence.verify({ crypto: nativeCrypto, keys, checkpoints: [checkpoint] })
  assert.equal(found.findings[0]?.code, 'tail_missing')
})

test('a path that is neither folder nor dump is named', async t => {
  const car = await sidecar(t)
  await assert.rejects(openEvidence(join(car.folder, 'nothing'), nativeCrypto), { code: 'dump_malformed' })
  await assert.rejects(openEvidence(car.folder, nativeCrypto), { code: 'ledger_unreadable' })
  const binary = join(car.folder, 'binary')
  await writeFile(binary, Buffer.alloc(200_000, 7))
  const found = await verifyPath(binary, car)
  assert.equal(found.findings[0]?.code, 'source_damaged')
})

test('a folder that a keeper is writing to is told from one that holds still', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  let writing = true
  const load = (async () => {
    while (writing) await ledger.append(denial())
  })()
  const said = await openEvidence(car.dir, nativeCrypto).then(
    evidence => evidence.close().then(() => 'held still'),
    (error: CountersignError) => error.code,
  )
  writing = false
  await load
  assert.ok(['evidence_moving', 'held still'].includes(said), said)
})

test('attack: pipes in the place of a dump or beside one are not waited for', async t => {
  const car = await withDump(t)
  const pipe = join(car.folder, 'pipe.jsonl')
  for (const path of [pipe, `${car.dump}.witnessed`]) execFileSync('mkfifo', [path])
  await rm(`${car.dump}.checkpoint`)
  execFileSync('mkfifo', [`${car.dump}.checkpoint`])
  assert.equal((await verifyPath(car.dump, car)).checkpointed, null)
  await assert.rejects(openEvidence(pipe, nativeCrypto), { code: 'dump_malformed' })
})
