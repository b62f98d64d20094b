import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type CountersignError, hex, type SigningKey } from '../../src/canon/index.js'
import { type CommitOptions, CommitQueue } from '../../src/ledger/commit.js'
import { namingDisk } from '../../src/ledger/disk-fault.js'
import { ledgerFault } from '../../src/ledger/error-table.js'
import { OpenTile } from '../../src/ledger/tile.js'
import { nativeCrypto } from '../../src/native/index.js'
import { decodeEntry, emptyRoot, GrowingTree } from '../../src/receipt/index.js'
import { collect, denial, type Sidecar, sidecar, signingKey } from './ledger-fixture.js'

const WRITER = fileURLToPath(new URL('./writer-process.js', import.meta.url))

interface Acknowledged {
  readonly seq: number
  readonly leaf: string
}

interface WriterRun {
  readonly acknowledged: readonly Acknowledged[]
  /** Codes of rejected appends, in order. */
  readonly refused: readonly string[]
}

/** Runs a process that appends until `stop` says so of what it acknowledged, or until it ends by itself. */
async function runWriter(
  car: Sidecar,
  seeds: readonly [string, string],
  limit: string,
  stop: (acknowledged: number) => boolean,
): Promise<WriterRun> {
  const child = spawn('/bin/sh', [
    '-c',
    `${limit} exec "$0" "$@"`,
    process.execPath,
    WRITER,
    car.dir,
    car.highWater,
    ...seeds,
  ])
  const acknowledged: Acknowledged[] = []
  const refused: string[] = []
  let errors = ''
  child.stderr.on('data', chunk => {
    errors += chunk
  })
  for await (const line of createInterface({ input: child.stdout })) {
    const said = JSON.parse(line) as Acknowledged | { code: string }
    if ('code' in said) refused.push(said.code)
    else acknowledged.push(said)
    if (stop(acknowledged.length)) child.kill('SIGKILL')
  }
  assert.equal(errors, '')
  return { acknowledged, refused }
}

async function withSeeds(t: TestContext): Promise<{ car: Sidecar; seeds: [string, string] }> {
  const seeds: [string, string] = ['11'.repeat(32), '22'.repeat(32)]
  const car = await sidecar(
    t,
    seeds.map(seed => Buffer.from(seed, 'hex')),
  )
  return { car, seeds }
}

test('kill -9 while appending: everything that was acknowledged is there after it', async t => {
  const { car, seeds } = await withSeeds(t)
  for (const enough of [1, 40, 400]) {
    const { acknowledged } = await runWriter(car, seeds, '', count => count >= enough)
    const ledger = await car.open()
    const last = acknowledged.at(-1) as Acknowledged
    assert.ok(ledger.head().size > last.seq)
    for (const { seq, leaf } of acknowledged) {
      const next = decodeEntry((await ledger.get(seq + 1)) as Uint8Array)
      assert.equal(next.prev, leaf, `entry ${seq}`)
    }
    assert.deepEqual(await ledger.openAttempts(), [])
    await ledger.close()
  }
})

test('a full disk: the append is refused, every later one too, and what was acknowledged stays', async t => {
  const { car, seeds } = await withSeeds(t)
  // 512-byte blocks: the write-ahead log cannot grow beyond 256 KiB.
  const { acknowledged, refused } = await runWriter(car, seeds, 'ulimit -f 512;', () => false)
  assert.ok(acknowledged.length > 20)
  assert.equal(refused[0], 'ledger_write_failed')
  assert.equal(refused.at(-1), 'ledger_write_failed')
  const ledger = await car.open()
  assert.ok(ledger.head().size > (acknowledged.at(-1) as Acknowledged).seq)
})

test('a high-water file that cannot be written stops the ledger', async t => {
  const car = await sidecar(t)
  const ledger = await car.open({ limits: { markPaceMs: 1, markLagEntries: 4 } })
  await rm(dirname(car.highWater), { recursive: true })
  const results = await Promise.allSettled(Array.from({ length: 40 }, () => ledger.append(denial())))
  const refused = results.filter(result => result.status === 'rejected').map(result => result.reason.code)
  assert.ok(refused.length > 0)
  assert.deepEqual(new Set(refused), new Set(['mark_write_failed']))
  await assert.rejects(ledger.append(denial()), { code: 'mark_write_failed' })
  await assert.rejects(ledger.marked(ledger.head().size), { code: 'mark_write_failed' })
  await assert.rejects(ledger.close(), { code: 'mark_write_failed' })
})

test('a ledger folder that cannot be made or opened is named', async t => {
  const car = await sidecar(t)
  await assert.rejects(car.open({ dir: '/dev/null/ledger' }), { code: 'ledger_unreadable' })
  await assert.rejects(car.open({ highWater: '/dev/null/mark.json' }), { code: /^mark_/ })
})

test('where the disk is the trouble, the fault names the disk and not the ledger', () => {
  for (const detail of [
    'IO error: /var/ledger/000008.ldb: No space left on device',
    'IO error: /var/ledger/LOCK: Read-only file system',
    "ENOSPC: no space left on device, mkdir '/var/ledger/before-start.new'",
  ]) {
    const named = namingDisk(ledgerFault('ledger_unreadable', detail)) as CountersignError
    assert.deepEqual([named.code, named.detail], ['ledger_disk', detail])
  }
  for (const other of [
    ledgerFault('ledger_unreadable', 'Corruption: checksum mismatch'),
    ledgerFault('ledger_damaged', 'Input/output error'),
    new Error('ENOSPC'),
  ])
    assert.equal(namingDisk(other), other)
})

/** A commit queue over a write that the test controls. */
function queueOver(
  write: CommitOptions['write'],
  { signer = signingKey(), soonMs = 1 }: { readonly signer?: SigningKey; readonly soonMs?: number } = {},
): CommitQueue {
  const root = hex(emptyRoot(nativeCrypto))
  return new CommitQueue(
    {
      crypto: nativeCrypto,
      signer,
      boot: '0198c0de-0000-4000-8000-000000000001',
      clock: Date.now,
      limits: { batchEntries: 4, turnEntries: 2, queuedEntries: 10, soonMs, markLagEntries: 1000 },
      write,
      covered: () => 0,
      onCommitted: () => {},
      onFailure: () => {},
    },
    {
      head: { chain: 'a.test/countersign/b/1', size: 0, leaf: '0'.repeat(64), root, t: 0, open: [] },
      tree: new GrowingTree(nativeCrypto),
      tile: new OpenTile([]),
      open: new Map(),
    },
  )
}

test('after one failed write nothing is released, neither what was in it nor what came after', async () => {
  let writes = 0
  const queue = queueOver(async () => {
    if (++writes === 2) throw new Error('EIO')
  })
  await queue.append(denial())
  const results = await Promise.allSettled(Array.from({ length: 9 }, () => queue.append(denial())))
  for (const result of results)
    assert.equal(result.status === 'rejected' && result.reason.code, 'ledger_write_failed')
  await assert.rejects(queue.append(denial()), { code: 'ledger_write_failed' })
  assert.equal(queue.head.size, 1)
  assert.equal(writes, 2)
})

test('who waits for everything to be durable or refused learns it, also where the last write fails late', async () => {
  let fail = (_error: Error): void => {}
  const queue = queueOver(() => new Promise((_, reject) => (fail = reject)))
  const refused = assert.rejects(queue.append(denial()), { code: 'mark_write_failed' })
  await new Promise(resolve => setImmediate(() => setImmediate(resolve)))
  queue.poison(ledgerFault('mark_write_failed'))
  const drained = queue.drained()
  fail(new Error('EIO'))
  await Promise.all([refused, drained])
})

test('nothing is released before its write ended', async () => {
  let end = () => {}
  const queue = queueOver(() => new Promise(resolve => (end = resolve)))
  let released = false
  const appended = queue.append(denial()).then(() => {
    released = true
  })
  await new Promise(resolve => setImmediate(() => setImmediate(resolve)))
  assert.equal(released, false)
  assert.equal(queue.head.size, 0)
  end()
  await appended
  assert.equal(queue.head.size, 1)
})

test('more waiting than the bound is refused at once, and the others are served', async () => {
  const queue = queueOver(async () => {})
  const results = await Promise.allSettled(Array.from({ length: 12 }, () => queue.append(denial())))
  assert.deepEqual(
    results.map(result => result.status),
    [...Array(10).fill('fulfilled'), 'rejected', 'rejected'],
  )
  assert.equal(results[11]?.status === 'rejected' && results[11].reason.code, 'ledger_busy')
})

test('a killed first run leaves a mark and a ledger that agree', async t => {
  const { car, seeds } = await withSeeds(t)
  await runWriter(car, seeds, '', count => count >= 1)
  const mark = JSON.parse(await readFile(car.highWater, 'utf8'))
  const ledger = await car.open()
  assert.ok(ledger.head().size >= mark.size)
  assert.equal((await collect(ledger.entries())).length, ledger.head().size)
})

test('who waits for everything learns it where the last entry could not be signed', async () => {
  const queue = queueOver(() => Promise.resolve())
  const refused = assert.rejects(queue.append({ ...denial(), classifier: '\ud800' }))
  await queue.drained()
  await refused
})

test('what waits for company is signed at once, and written with the company that comes', async () => {
  const key = signingKey()
  let signatures = 0
  const signer = {
    ...key,
    sign: (message: Uint8Array) => {
      signatures++
      return key.sign(message)
    },
  }
  const writes: number[] = []
  const queue = queueOver(
    async changes => {
      writes.push(changes.filter(({ key: [space] }) => space === 'e'.charCodeAt(0)).length)
    },
    { signer, soonMs: 600_000 },
  )
  const lonely = queue.append(denial(), { urgency: 'soon' })
  await new Promise(resolve => setImmediate(() => setImmediate(resolve)))
  assert.deepEqual([signatures, writes, queue.head.size], [1, [], 0])
  const company = queue.append(denial())
  assert.deepEqual([(await lonely).seq, (await company).seq], [0, 1])
  assert.deepEqual([signatures, writes, queue.head.size], [2, [2], 2])
})
