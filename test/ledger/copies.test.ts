import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  compareWithCopy,
  type Evidence,
  exchange,
  type Ledger,
  objectFiles,
  openCopies,
  openEvidence,
  s3Sink,
} from '../../src/ledger/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import type { Verification } from '../../src/receipt/index.js'
import { collect, denial, ORIGIN, type Sidecar, sidecar } from './ledger-fixture.js'
import { ObjectStore, SIGNED, shipped, shipping } from './ship-fixture.js'

const CHAIN = `${ORIGIN}/1`

function sinkTo(store: ObjectStore) {
  return s3Sink({
    endpoint: store.url,
    bucket: 'evidence',
    prefix: '',
    retain: null,
    neverOverwrite: false,
    exchange: exchange(),
    sign: SIGNED,
    nowMs: Date.now,
  })
}

interface Scene {
  readonly car: Sidecar
  readonly ledger: Ledger
  readonly store: ObjectStore
  /** The bucket as a folder; files of batches in order. */
  readonly folder: string
  readonly batches: readonly string[]
}

/** A ledger with 42 entries, all of them shipped in batches of ten. */
async function scene(t: TestContext, loses: (name: string) => boolean = () => false): Promise<Scene> {
  const car = await sidecar(t)
  const ledger = await car.open()
  await Promise.all(Array.from({ length: 40 }, () => ledger.append(denial())))
  const store = await ObjectStore.listen(t)
  store.loses = loses
  const { shipping: ships } = await shipping(t, ledger, car.folder, [{ sink: sinkTo(store) }], {
    batchEntries: 10,
  })
  await shipped(ships)
  await ships.stop()
  const folder = await store.synchronise(t)
  const entries = join(folder, CHAIN, 'entries')
  const batches = (await readdir(entries)).sort().map(name => join(entries, name))
  return { car, ledger, store, folder, batches }
}

async function verified(evidence: Evidence | Awaited<ReturnType<typeof openEvidence>>, car: Sidecar) {
  const keys = {
    origin: ORIGIN,
    receipt: [car.receiptKey.publicKey],
    checkpoint: [car.checkpointKey.publicKey],
  }
  const checkpoints = evidence.checkpoint === null ? [] : [evidence.checkpoint]
  try {
    return await evidence.verify({ crypto: nativeCrypto, keys, checkpoints })
  } finally {
    await evidence.close()
  }
}

async function verifiedFolder({ folder, car }: Scene): Promise<Verification> {
  return verified(await openEvidence(folder, nativeCrypto), car)
}

function codes({ findings }: Verification): string[] {
  return [...new Set(findings.map(({ code }) => code))]
}

test('a synchronised folder is evidence, and so is the bucket itself', async t => {
  const at = await scene(t)
  const found = await verifiedFolder(at)
  assert.deepEqual([found.sound, found.size, found.checkpointed, found.chain], [true, 42, 42, CHAIN])
  const place = { endpoint: at.store.url, bucket: 'evidence', prefix: '' }
  const copies = await openCopies(objectFiles(place, exchange(), SIGNED))
  assert.deepEqual(copies.chains, [CHAIN])
  const bucket = await verified(await copies.open(undefined, nativeCrypto), at.car)
  assert.deepEqual([bucket.sound, bucket.root], [true, found.root])
})

test('a bucket that hiccups is read all the same, and one that refuses says so', async t => {
  const at = await scene(t)
  const place = { endpoint: at.store.url, bucket: 'evidence', prefix: '' }
  let calls = 0
  at.store.intercept = (_request, response) => {
    if (++calls % 2 === 1) response.destroy()
    return calls % 2 === 1
  }
  const copies = await openCopies(objectFiles(place, exchange(), SIGNED))
  assert.equal((await verified(await copies.open(undefined, nativeCrypto), at.car)).sound, true)
  at.store.intercept = () => false
  const files = objectFiles(place, exchange(), () => [])
  await assert.rejects(openCopies(files), { code: 'ship_refused' })
  await files.close()
})

test('overlapping batches that agree are one log', async t => {
  const at = await scene(t)
  const lines = (await collect(at.ledger.entries())).map(bytes => `${Buffer.from(bytes)}\n`)
  const name = (first: number, last: number) =>
    join(
      at.folder,
      CHAIN,
      'entries',
      `${String(first).padStart(16, '0')}-${String(last).padStart(16, '0')}.jsonl`,
    )
  for (const [first, last] of [
    [0, 41],
    [5, 12],
    [7, 7],
    [35, 38],
  ] as const)
    await writeFile(name(first, last), lines.slice(first, last + 1).join(''))
  const found = await verifiedFolder(at)
  assert.deepEqual([found.sound, found.size], [true, 42])
})

test('attack: two batches that hold different entries in one place are found, whichever is the right one', async t => {
  const at = await scene(t)
  const [second] = at.batches.slice(1)
  const text = await readFile(second as string, 'utf8')
  const lines = text.split('\n')
  const other = join(second as string, '..', '0000000000000012-0000000000000014.jsonl')
  await writeFile(other, `${lines[2]}\n${lines[4]}\n${lines[4]}\n`)
  const found = await verifiedFolder(at)
  assert.deepEqual(codes(found), ['copy_batches'])
  assert.equal(found.findings[0]?.seq, 13)
  assert.equal(found.validPrefix, 13)
})

test('attack: an object that holds more or less than its name says, or is cut inside a line', async t => {
  const at = await scene(t)
  const file = at.batches[1] as string
  const text = await readFile(file, 'utf8')
  const lines = text.split('\n')
  for (const [what, changed] of [
    ['fewer', `${lines.slice(0, 9).join('\n')}\n`],
    ['more', `${text}${lines[0]}\n`],
    ['cut', text.slice(0, -1)],
    ['empty', ''],
    ['no dump', 'x'.repeat(100_000)],
  ] as const) {
    await writeFile(file, changed)
    const found = await verifiedFolder(at)
    assert.equal(found.sound, false, what)
    assert.ok(codes(found).includes('copy_object'), `${what}: ${codes(found)}`)
  }
})

test('attack: a batch that was taken away, and a tail that was', async t => {
  const at = await scene(t)
  await rename(at.batches[1] as string, join(at.folder, 'kept'))
  const gap = await verifiedFolder(at)
  assert.equal(gap.findings[0]?.code, 'chain_seq')
  assert.equal(gap.validPrefix, 10)
  await rename(join(at.folder, 'kept'), at.batches[1] as string)
  await rm(at.batches[4] as string)
  assert.deepEqual(codes(await verifiedFolder(at)), ['tail_missing'])
})

test('attack: a checkpoint under the name of another size, or of nothing', async t => {
  const at = await scene(t)
  const checkpoints = join(at.folder, CHAIN, 'checkpoint')
  const [name] = await readdir(checkpoints)
  const note = await readFile(join(checkpoints, name as string))
  await writeFile(join(checkpoints, '0000000000000007'), note)
  assert.deepEqual(codes(await verifiedFolder(at)), ['copy_object'])
  await writeFile(join(checkpoints, '0000000000000007'), 'nonsense')
  assert.deepEqual(codes(await verifiedFolder(at)), ['copy_object'])
})

test('attack: the newest checkpoint is another size’s, is nothing, or is longer than any; it is said, and not taken', async t => {
  const at = await scene(t)
  const checkpoints = join(at.folder, CHAIN, 'checkpoint')
  const [name] = await readdir(checkpoints)
  const newest = join(checkpoints, '0000000099999999')
  const spoilt: Record<string, () => Promise<unknown>> = {
    another: async () => writeFile(newest, await readFile(join(checkpoints, name as string))),
    nothing: () => writeFile(newest, 'nonsense'),
    longer: () => truncate(newest, 2 ** 30),
  }
  for (const [what, spoil] of Object.entries(spoilt)) {
    await spoil()
    const evidence = await openEvidence(at.folder, nativeCrypto)
    assert.equal(evidence.checkpoint, null, what)
    const found = await verified(evidence, at.car)
    assert.deepEqual([found.sound, codes(found)], [false, ['copy_object']], what)
  }
})

test('attack: a bucket whose list never ends', async t => {
  const store = await ObjectStore.listen(t)
  const place = { endpoint: store.url, bucket: 'evidence', prefix: '' }
  const page = (token: string, key: string) =>
    `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>${token}</NextContinuationToken><Contents><Key>${key}</Key></Contents></ListBucketResult>`
  const endless: Record<string, (call: number) => string> = {
    'goes back to the page before': call => page(String(call % 2), `k${call}`),
    'has the same objects under ever new tokens': call => page(String(call), 'k'),
  }
  for (const [what, answer] of Object.entries(endless)) {
    let calls = 0
    store.intercept = (_request, response) => {
      response.end(answer(calls++))
      return true
    }
    const files = objectFiles(place, exchange(), SIGNED)
    await assert.rejects(openCopies(files), { code: 'ship_answer', message: /doesn’t go on/ }, what)
    await files.close()
  }
})

test('attack: a bucket that goes on to invent objects', async t => {
  const store = await ObjectStore.listen(t)
  let calls = 0
  store.intercept = (_request, response) => {
    const keys = Array.from({ length: 100 }, (_, i) => `<Contents><Key>k${calls}-${i}</Key></Contents>`)
    response.end(
      `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>${calls++}</NextContinuationToken>${keys.join('')}</ListBucketResult>`,
    )
    return true
  }
  const place = { endpoint: store.url, bucket: 'evidence', prefix: '' }
  const files = objectFiles(place, exchange(), SIGNED, 10_000)
  await assert.rejects(openCopies(files), {
    code: 'ship_answer',
    message: /objects, and more: name a prefix/,
  })
  await files.close()
})

test('of a place with several logs one is named', async t => {
  const at = await scene(t)
  await rename(join(at.folder, CHAIN), join(at.folder, 'x'))
  await rm(join(at.folder, 'acme.test'), { recursive: true })
  const entries = (await readdir(join(at.folder, 'x', 'entries')))[0] as string
  for (const sidecarName of ['one', 'two']) {
    const folder = join(at.folder, 'acme.test', 'countersign', sidecarName, '1')
    await mkdir(join(folder, 'entries'), { recursive: true })
    await writeFile(
      join(folder, 'entries', entries),
      await readFile(join(at.folder, 'x', 'entries', entries)),
    )
  }
  await assert.rejects(openEvidence(at.folder, nativeCrypto), /acme.test\/countersign\/one\/1, acme/)
  const one = await openEvidence(at.folder, nativeCrypto, { chain: 'acme.test/countersign/two/1' })
  assert.equal((await collect(one.entries())).length, 10)
  await assert.rejects(openEvidence(at.folder, nativeCrypto, { chain: 'acme.test/countersign/six/1' }), {
    code: 'copy_malformed',
  })
})

test('a sink that says yes and loses a batch is found when the log is held against the copy', async t => {
  const at = await scene(t, name => name.includes('0000000000000010-'))
  const evidence = await openEvidence(at.folder, nativeCrypto)
  const found = await compareWithCopy(at.ledger.entries(), evidence.entries(), 0)
  assert.deepEqual([found.same, found.finding?.code, found.finding?.seq], [10, 'copy_missing', 10])
})

test('attack: an operator who cuts the tail off the log, or changes an entry, is found by the copy', async t => {
  const at = await scene(t)
  const all = await collect(at.ledger.entries())
  const evidence = await openEvidence(at.folder, nativeCrypto)
  const against = async (entries: readonly Uint8Array[], mayBeUnshipped = 0) => {
    const log = (async function* () {
      yield* entries
    })()
    const { same, finding, unshipped } = await compareWithCopy(log, evidence.entries(), mayBeUnshipped)
    return [same, finding?.code, finding?.seq, unshipped]
  }
  assert.deepEqual(await against(all), [42, undefined, undefined, 0])
  assert.deepEqual(await against(all.slice(0, 30)), [30, 'copy_only', 30, 0])
  assert.deepEqual(await against([...all.slice(0, 20), ...all.slice(25)]), [20, 'copy_only', 20, 0])
  assert.deepEqual(await against(all.with(17, Buffer.from('{}'))), [17, 'copy_differs', 17, 0])
  assert.deepEqual(await against([]), [0, 'copy_only', 0, 0])
  await at.ledger.append(denial())
  await at.ledger.append(denial())
  const more = await collect(at.ledger.entries())
  assert.deepEqual(await against(more), [42, 'copy_missing', 42, 2])
  assert.deepEqual(await against(more, 2), [42, undefined, undefined, 2])
})
