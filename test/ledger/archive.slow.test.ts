import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Level } from 'level'
import { hex } from '../../src/canon/index.js'
import { checkLedger, type Ledger, openEvidence } from '../../src/ledger/index.js'
import { seqKey, seqOfKey } from '../../src/ledger/keys.js'
import { nativeCrypto } from '../../src/native/index.js'
import {
  consistencyProof,
  inclusionProof,
  leafHash,
  type PinnedKeys,
  parseCheckpoint,
  type Verification,
  verifyConsistency,
  verifyInclusion,
} from '../../src/receipt/index.js'
import { type Lasting, Shared } from '../lasting.js'
import { archiveRequest } from './archive-request.js'
import {
  attempt,
  collect,
  copyLedger,
  denial,
  ORIGIN,
  outcome,
  prepare,
  type Sidecar,
  sidecar,
} from './ledger-fixture.js'

/** Enough for some whole tiles before what a start reads again. */
const ENTRIES = 2_700
const MOVED = 1_280

interface Archivable {
  readonly car: Sidecar
  readonly ledger: Ledger
  readonly folder: string
  readonly seeds: readonly Uint8Array[]
}

async function grow(ledger: Ledger, size: number): Promise<void> {
  while (ledger.head().size < size)
    await Promise.all(Array.from({ length: 300 }, () => ledger.append(denial())))
}

const SEEDS = [Buffer.alloc(32, 7), Buffer.alloc(32, 9)]

async function grownLedger(t: Lasting): Promise<{ readonly car: Sidecar; readonly ledger: Ledger }> {
  const car = await sidecar(t, SEEDS)
  const ledger = await car.open()
  await prepare(ledger)
  await ledger.append(outcome(await ledger.append(attempt())))
  await grow(ledger, ENTRIES)
  return { car, ledger }
}

const shared = new Shared()
/** Stopped; each test goes on with a copy, because growing one takes longer than most of them. */
let grown: Sidecar
before(async () => {
  const { car, ledger } = await grownLedger(shared)
  await ledger.close()
  grown = car
})
after(() => shared.end())

async function archivable(t: TestContext): Promise<Archivable> {
  const car = await sidecar(t, SEEDS)
  await copyLedger(grown, car)
  return { car, ledger: await car.open(), folder: join(car.folder, 'archive'), seeds: SEEDS }
}

function keysOf(car: Sidecar): PinnedKeys {
  return { origin: ORIGIN, receipt: [car.receiptKey.publicKey], checkpoint: [car.checkpointKey.publicKey] }
}

async function verified(car: Sidecar, path: string, archive?: string): Promise<Verification> {
  const evidence = await openEvidence(path, nativeCrypto, archive === undefined ? {} : { archive })
  try {
    const checkpoints = evidence.checkpoint === null ? [] : [evidence.checkpoint]
    return await evidence.verify({ crypto: nativeCrypto, keys: keysOf(car), checkpoints })
  } finally {
    await evidence.close()
  }
}

/** Numbers of the entries that the database itself still has, up to ten behind those that were moved. */
async function ownEntries(car: Sidecar): Promise<number[]> {
  const db = new Level<Uint8Array, Uint8Array>(car.dir, { keyEncoding: 'view', valueEncoding: 'view' })
  try {
    const keys = await db.keys({ gte: seqKey('e', 0), lt: seqKey('e', MOVED + 10) }).all()
    return keys.map(seqOfKey)
  } finally {
    await db.close()
  }
}

async function bytesIn(folder: string): Promise<number> {
  const names = (await readdir(folder)).filter(name => /\.(ldb|log)$/.test(name))
  const sizes = await Promise.all(names.map(async name => (await stat(join(folder, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

test('entries are moved, and everything is read and proven as before', async t => {
  const { car, ledger, folder } = await archivable(t)
  const before = await collect(ledger.entries())
  const archived = await ledger.archiving.begin(archiveRequest(folder, MOVED))
  assert.deepEqual(ledger.archived(), archived)
  assert.equal(ledger.archiving.status()?.state, 'done')
  const after = await collect(ledger.entries())
  assert.deepEqual(after.slice(0, before.length), before)
  assert.deepEqual(await ledger.get(5), before[5])
  assert.deepEqual(await collect(ledger.entries(MOVED - 3)), after.slice(MOVED - 3))
  assert.equal(await ledger.state.get('operate-nonce/1'), '1')

  const { size, root } = ledger.head()
  const proof = await inclusionProof(nativeCrypto, 77, size, ledger.node)
  const leaf = leafHash(nativeCrypto, before[77] as Uint8Array)
  const rootBytes = Buffer.from(root, 'hex')
  assert.ok(verifyInclusion(nativeCrypto, { index: 77, size, leaf, root: rootBytes }, proof))
  const consistency = await consistencyProof(nativeCrypto, MOVED, size, ledger.node)
  const olderRoot = Buffer.from(archived.root, 'hex')
  assert.ok(
    verifyConsistency(
      nativeCrypto,
      { older: MOVED, newer: size, olderRoot, newerRoot: rootBytes },
      consistency,
    ),
  )

  await ledger.close()
  assert.deepEqual(
    await ownEntries(car),
    Array.from({ length: 10 }, (_, i) => MOVED + i),
  )
  const whole = await verified(car, car.dir)
  assert.deepEqual([whole.sound, whole.counts.archive, whole.size], [true, 1, size + 1])
  const alone = await verified(car, folder)
  assert.deepEqual([alone.sound, alone.size, alone.checkpointed], [true, before.length, before.length])
})

test('the disk is given back', async t => {
  const { car, ledger, folder } = await archivable(t)
  await grow(ledger, 12_000)
  await ledger.close()
  const again = await car.open()
  const before = await bytesIn(car.dir)
  await again.archiving.begin(archiveRequest(folder, 10_240))
  await again.close()
  await (await car.open()).close()
  const after = await bytesIn(car.dir)
  assert.ok(after < 0.5 * before, `${before} bytes before, ${after} after`)
})

test('a ledger starts, goes on and is read from end to end without its archive', async t => {
  const { car, ledger, folder } = await archivable(t)
  await ledger.archiving.begin(archiveRequest(folder, MOVED))
  await ledger.close()
  await rename(folder, `${folder}.elsewhere`)
  const again = await car.open({ fullCheck: { share: 1, afterMs: 0 } })
  assert.equal((await again.fullCheckEnded())?.state, 'sound')
  await again.append(denial())
  await assert.rejects(again.get(5), { code: 'archive_unreadable' })
  await assert.rejects(collect(again.entries()), { code: 'archive_unreadable' })
  assert.equal((await collect(again.entries(MOVED))).length, again.head().size - MOVED)
  await again.close()
  await assert.rejects(verified(car, car.dir), { code: 'archive_unreadable' })
  assert.equal((await verified(car, car.dir, `${folder}.elsewhere`)).sound, true)
})

test('the next time goes on in the same folder, or makes a whole one of another', async t => {
  const { car, ledger, folder } = await archivable(t)
  await ledger.archiving.begin(archiveRequest(folder, 512))
  await ledger.archiving.begin(archiveRequest(folder, MOVED))
  assert.equal(ledger.archived()?.size, MOVED)
  await grow(ledger, 3_600)
  const other = join(car.folder, 'other')
  await ledger.archiving.begin(archiveRequest(other, 2_048))
  assert.equal(ledger.archived()?.folder, other)
  await rm(folder, { recursive: true })
  await ledger.close()
  const whole = await verified(car, car.dir)
  assert.deepEqual([whole.sound, whole.counts.archive], [true, 3])
  assert.equal((await verified(car, other)).sound, true)
})

test('appends go on while it is done, and one order is done at a time', async t => {
  const { car, ledger, folder } = await archivable(t)
  const archiving = ledger.archiving.begin(archiveRequest(folder, MOVED))
  assert.throws(() => ledger.archiving.begin(archiveRequest(folder, 512)), { code: 'archive_busy' })
  await Promise.all(Array.from({ length: 500 }, () => ledger.append(denial())))
  await archiving
  await ledger.close()
  assert.equal((await verified(car, car.dir)).sound, true)
})

const unfit: readonly (readonly [string, number, RegExp])[] = [
  ['what a start reads again', 2_560, /1280 entries can be archived now \(tail\)/],
  ['half a tile', 700, /no multiple/],
  ['nothing', 0, /archived already/],
]
for (const [what, size, message] of unfit)
  test(`${what} is not archived`, async t => {
    const { ledger, folder } = await archivable(t)
    assert.throws(() => ledger.archiving.begin(archiveRequest(folder, size)), {
      code: 'archive_unfit',
      message,
    })
  })

test('an attempt that is open stays, and all behind it', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  await grow(ledger, 600)
  const { seq } = await ledger.append(attempt())
  await grow(ledger, ENTRIES)
  assert.deepEqual(ledger.archiving.bound(), { size: seq - (seq % 256), by: 'open attempt' })
  assert.throws(() => ledger.archiving.begin(archiveRequest(join(car.folder, 'a'), 1_024)), {
    code: 'archive_unfit',
    message: /open attempt/,
  })
})

test('where the folder can’t be made nothing is deleted', async t => {
  const { car, ledger } = await archivable(t)
  const file = join(car.folder, 'file')
  await writeFile(file, '')
  await assert.rejects(ledger.archiving.begin(archiveRequest(file, MOVED)), { code: 'archive_failed' })
  assert.equal(ledger.archiving.status()?.state, 'failed')
  assert.equal(ledger.archived(), null)
  await ledger.close()
  assert.equal((await ownEntries(car)).length, MOVED + 10)
})

const bundle = (folder: string) => join(folder, 'tile/entries/003')

const attacks: Record<string, (at: Archivable, t: TestContext) => Promise<RegExp>> = {
  'a byte of it is changed': async ({ folder }) => {
    const bytes = await readFile(bundle(folder))
    bytes[bytes.length - 9] = (bytes[bytes.length - 9] as number) ^ 1
    await writeFile(bundle(folder), bytes)
    return /entries\/003 is not what was archived/
  },
  'entries of it are exchanged for others that this log has signed': async ({ folder }) => {
    await cp(join(folder, 'tile/entries/002'), bundle(folder))
    return /entries\/003 is not what was archived/
  },
  'it is cut': async ({ folder }) => {
    await writeFile(bundle(folder), (await readFile(bundle(folder))).subarray(0, -1))
    return /entries\/003 is not what was archived/
  },
  'a pipe stands in it': async ({ folder }) => {
    await rm(bundle(folder))
    execFileSync('mkfifo', [bundle(folder)])
    return /entries\/003 is no file/
  },
  'a file of it is gone': async ({ folder }) => {
    await rm(bundle(folder))
    return /no such file/
  },
}
for (const [what, spoil] of Object.entries(attacks))
  test(`attack: ${what}; it is never believed`, async t => {
    const at = await archivable(t)
    const { car, ledger, folder } = at
    await ledger.archiving.begin(archiveRequest(folder, MOVED))
    const message = await spoil(at, t)
    await assert.rejects(ledger.get(800), { message })
    assert.notEqual(await ledger.get(300), undefined)
    await ledger.close()
    const found = await verified(car, car.dir)
    assert.deepEqual(
      found.findings.map(({ code, seq }) => [code, seq]),
      [['source_damaged', 768], ...tail(found)],
    )
    assert.match(found.findings[0]?.message ?? '', message)
    assert.equal((await verified(car, folder)).sound, false)
    // A folder that has lost something is not gone on with as if it were whole.
    const again = await car.open()
    await grow(again, 3_600)
    await assert.rejects(again.archiving.begin(archiveRequest(folder, 2_048)), { message })
    assert.equal(again.archived()?.size, MOVED)
    assert.notEqual(await again.get(MOVED), undefined)
  })

/** What follows of a log that can't be read to its end is not the point here. */
function tail({ findings }: Verification): (string | number | null)[][] {
  return findings.slice(1).map(({ code, seq }) => [code, seq])
}

test('attack: a device stands in place of an archive’s checkpoint; nobody waits for it', async t => {
  const { car, ledger, folder } = await archivable(t)
  await ledger.archiving.begin(archiveRequest(folder, 512))
  await rm(join(folder, 'checkpoint'))
  await symlink('/dev/zero', join(folder, 'checkpoint'))
  await assert.rejects(ledger.archiving.begin(archiveRequest(folder, MOVED)), { code: 'archive_unreadable' })
  await ledger.close()
  await assert.rejects(verified(car, car.dir), { code: 'archive_unreadable' })
})

test('attack: an archive that is ordered into the ledger’s own folder, where a start would clear it away', async t => {
  const { car, ledger } = await archivable(t)
  await symlink(car.dir, join(car.folder, 'link'))
  for (const folder of [car.dir, join(car.dir, 'before-start'), join(car.folder, 'link', 'archive')])
    await assert.rejects(ledger.archiving.begin(archiveRequest(folder, MOVED)), {
      code: 'archive_unfit',
      message: /own folder/,
    })
  assert.equal(ledger.archived(), null)
  await ledger.close()
  assert.equal((await ownEntries(car)).length, MOVED + 10)
})

test('attack: an archive that anybody on the host could delete', async t => {
  const { car, ledger, folder } = await archivable(t)
  await mkdir(folder)
  await chmod(folder, 0o777)
  await assert.rejects(ledger.archiving.begin(archiveRequest(folder, MOVED)), {
    code: 'archive_unfit',
    message: /anybody/,
  })
  await ledger.close()
  assert.equal((await ownEntries(car)).length, MOVED + 10)
})

test('attack: another sidecar’s archive, or an older copy of this one, stands in its place', async t => {
  const { car, ledger, folder } = await archivable(t)
  await ledger.archiving.begin(archiveRequest(folder, 512))
  const older = join(car.folder, 'older')
  await cp(folder, older, { recursive: true })
  await grow(ledger, 6_000)
  await ledger.archiving.begin(archiveRequest(folder, 4_096))
  const other = await grownLedger(t)
  const foreign = join(other.car.folder, 'archive')
  await other.ledger.archiving.begin(archiveRequest(foreign, MOVED))
  await assert.rejects(ledger.archiving.begin(archiveRequest(foreign, 4_352)), { code: 'archive_differs' })
  await ledger.close()
  await assert.rejects(verified(car, car.dir, older), { code: 'archive_differs', message: /4096 entries/ })
  const note = await readFile(join(foreign, 'checkpoint'), 'utf8')
  assert.equal(parseCheckpoint(Buffer.from(note)).origin, `${ORIGIN}/1`)
  // Of the same name and long enough, but not the same log.
  await other.ledger.close()
  const swapped = await verified(car, car.dir, foreign).catch((error: { code: string }) => error.code)
  assert.equal(swapped, 'archive_differs')
})

test('attack: the receipt of an archive is over a root that the log never had', async t => {
  const { car, ledger } = await archivable(t)
  const data = {
    size: 512,
    root: 'ab'.repeat(32),
    by: 'maria',
    because: 'retention',
    order: `sha256:${'cd'.repeat(32)}`,
  }
  await ledger.append({ type: 'archive', data })
  await ledger.append({ type: 'archive', data: { ...data, size: 256 * 1_000, root: ledger.head().root } })
  await ledger.close()
  const { findings } = await verified(car, car.dir)
  assert.deepEqual(
    findings.map(({ code }) => code),
    ['archive_root', 'archive_root'],
  )
})

for (const moment of ['writing', 'reading', 'committed'] as const)
  test(`a kill while it is ${moment} loses nothing, and it is gone on with`, async t => {
    const { car, ledger, folder, seeds } = await archivable(t)
    const all = await collect(ledger.entries())
    await ledger.close()
    const program = fileURLToPath(new URL('./archiving-process.js', import.meta.url))
    const [receipt, checkpoint] = seeds.map(seed => hex(seed)) as [string, string]
    const args = [program, car.dir, car.highWater, receipt, checkpoint, folder, String(MOVED), moment]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
    const [, signal] = await once(child, 'exit')
    assert.equal(signal, 'SIGKILL')
    const again = await car.open()
    assert.deepEqual((await collect(again.entries())).slice(0, all.length), all)
    if (moment === 'committed') assert.equal(again.archived()?.size, MOVED)
    else await again.archiving.begin(archiveRequest(folder, MOVED))
    while (again.archiving.status()?.state !== 'done') await new Promise(resolve => setTimeout(resolve, 10))
    await again.close()
    assert.deepEqual(
      await ownEntries(car),
      Array.from({ length: 10 }, (_, i) => MOVED + i),
    )
    assert.equal((await verified(car, car.dir)).sound, true)
  })

test('a check says where the archive is missing, and is whole with it', async t => {
  const { car, ledger, folder } = await archivable(t)
  await ledger.archiving.begin(archiveRequest(folder, MOVED))
  await ledger.close()
  const check = (archive?: string) =>
    checkLedger({
      dir: car.dir,
      highWater: car.highWater,
      checkpoints: [],
      keys: () => keysOf(car),
      crypto: nativeCrypto,
      ...(archive === undefined ? {} : { archive }),
    })
  assert.equal((await check()).verdict, 'sound')
  await rename(folder, `${folder}.elsewhere`)
  assert.equal((await check()).verdict, 'archive_unreadable')
  const found = await check(`${folder}.elsewhere`)
  assert.deepEqual([found.verdict, found.lost], ['sound', 0])
})

test('attack: the archive has lost its checkpoint when more is ordered into it; nothing of it is written over', async t => {
  const { car, ledger, folder } = await archivable(t)
  await ledger.archiving.begin(archiveRequest(folder, 512))
  await rm(join(folder, 'checkpoint'))
  await assert.rejects(ledger.archiving.begin(archiveRequest(folder, MOVED)), { code: 'archive_unreadable' })
  assert.equal((await collect(ledger.entries(0))).length, ledger.head().size)
  const stranger = join(car.folder, 'stranger')
  await cp(folder, stranger, { recursive: true })
  await writeFile(bundle(stranger), 'another log’s')
  await assert.rejects(ledger.archiving.begin(archiveRequest(stranger, MOVED)), { code: 'tiles_differ' })
  assert.equal(await readFile(bundle(stranger), 'utf8'), 'another log’s')
  await ledger.close()
})

test('attack: the archive is gone when a start finds entries that were still to be deleted; they stay', async t => {
  const { car, ledger, folder, seeds } = await archivable(t)
  await ledger.close()
  const program = fileURLToPath(new URL('./archiving-process.js', import.meta.url))
  const [receipt, checkpoint] = seeds.map(seed => hex(seed)) as [string, string]
  const args = [program, car.dir, car.highWater, receipt, checkpoint, folder, String(MOVED), 'committed']
  const child = spawn(process.execPath, args, { stdio: 'ignore' })
  await once(child, 'exit')
  const before = (await ownEntries(car)).length
  await rename(folder, `${folder}.away`)
  const again = await car.open()
  while (again.archiving.status()?.state !== 'failed') await new Promise(resolve => setTimeout(resolve, 10))
  await again.close()
  const status = again.archiving.status()
  assert.deepEqual([status?.state, (await ownEntries(car)).length], ['failed', before])
  assert.ok(before > 10, 'it was killed before anything was deleted')
})
