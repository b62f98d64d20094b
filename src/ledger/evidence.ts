import { constants } from 'node:fs'
import { copyFile, mkdtemp, open, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Crypto, fromUtf8, type JsonObject, parseStrictJson, utf8 } from '../canon/index.js'
import {
  LogVerifier,
  parseCheckpoint,
  type SignedCheckpoint,
  takeAll,
  type Verification,
  type VerifyOptions,
} from '../receipt/index.js'
import { MAX_NOTE_BYTES, readBounded } from './bounded-file.js'
import { openCopies } from './copy/copies.js'
import { folderFiles } from './copy/copy-files.js'
import { checkpointBeside, cosignedBeside, readDump, readDumpLines } from './dump.js'
import { ledgerFault } from './error-table.js'
import { decodeMark } from './mark.js'
import { bestEvidenceIn, databaseFiles } from './preserve.js'
import { survivesReading } from './probe.js'
import { Store, storeExists } from './store.js'
import { damagedTables, type TableDamage } from './table-file.js'
import { OpenTile, TILE_LEAVES } from './tile.js'
import { holdsTiles, openTiles } from './tiles/open-tiles.js'

/** A log that somebody hands over: a ledger folder (stopped, or a copy), a dump, or what was shipped. Opening it changes nothing in it. */
export interface Evidence {
  readonly kind: 'folder' | 'dump' | 'shipped' | 'tiles'
  entries(from?: number): AsyncIterable<Uint8Array>
  /** Encrypted decision inputs of an attempt; undefined where they were not kept, erased, or this is a dump. */
  side(id: string): Promise<Uint8Array | undefined>
  /** Verifies all of it; a folder's stored tree, head and open attempts as well. */
  verify(options: VerifyOptions, onEntry?: (count: number) => void): Promise<Verification>
  /** The checkpoint that lies beside a dump; null where there is none. It is worth as much as its signature. */
  readonly checkpoint: SignedCheckpoint | null
  /** The same as text. */
  readonly note: string | null
  /** Durable state of the use cases as a folder has it, `name → value`; empty for a dump. No signature vouches for it. */
  states(): Promise<readonly (readonly [name: string, value: string])[]>
  /** The cosigned checkpoint that lies beside a dump, as text; null where there is none. */
  readonly witnessedNote?: string | null
  /** Blocks of a folder's files that are not as they were written; what they hold may be an entry or not. */
  readonly damage: readonly TableDamage[]
  close(): Promise<void>
}

/**
 * Opens a ledger folder, a dump, a log as static tiles, or a folder of shipped objects, of which `chain` names one log where there are several.
 * `archive`: where a ledger's archived entries are, if not where they were moved to. Throws `dump_malformed` where the path
 * is none of these, `evidence_moving`, `ledger_unreadable`, `archive_unreadable`, `archive_differs`, `copy_malformed`.
 */
export async function openEvidence(
  path: string,
  crypto: Crypto,
  { chain, archive }: { readonly chain?: string; readonly archive?: string } = {},
): Promise<Evidence> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw ledgerFault('dump_malformed', `there is no ${path}`)
  // ATTACK: a pipe in what somebody has packed, on which whoever opens it waits for ever.
  if (!found.isDirectory() && !found.isFile()) throw ledgerFault('dump_malformed', `${path} is no file`)
  if (found.isDirectory() && (await holdsTiles(path))) return openTiles(path)
  const shipped =
    found.isDirectory() && !(await storeExists(path)) ? await openCopies(folderFiles(path)) : undefined
  if (shipped !== undefined && shipped.chains.length > 0) return shipped.open(chain, crypto)
  return found.isDirectory() ? openFolder(path, crypto, archive) : openDump(path)
}

/** A checkpoint from a file: a signed note, or the note inside a high-water file. Throws `checkpoint_malformed`, `mark_invalid` or `dump_malformed`. */
export async function readCheckpointFile(file: string, crypto: Crypto): Promise<SignedCheckpoint> {
  const bytes = await noteBytes(file).catch((error: Error) => {
    throw ledgerFault('dump_malformed', error.message)
  })
  if (bytes[0] !== '{'.charCodeAt(0)) return parseCheckpoint(bytes)
  decodeMark(crypto, bytes, null)
  return parseCheckpoint(utf8((parseStrictJson(bytes) as JsonObject).checkpoint as string))
}

/** ATTACK: a checkpoint that is handed over may be a file of any size. */
async function noteBytes(file: string): Promise<Buffer> {
  const handle = await open(file)
  try {
    const bytes = Buffer.alloc(MAX_NOTE_BYTES)
    let length = 0
    for (;;) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length)
      length += bytesRead
      if (bytesRead === 0) return bytes.subarray(0, length)
    }
  } finally {
    await handle.close()
  }
}

async function openDump(file: string): Promise<Evidence> {
  const beside = await readBounded(checkpointBeside(file), MAX_NOTE_BYTES).catch(() => null)
  const witnessed = await readBounded(cosignedBeside(file), MAX_NOTE_BYTES).catch(() => null)
  return {
    kind: 'dump',
    entries: from => skip(readDump(file), from ?? 0),
    side: async () => undefined,
    verify: (options, onEntry) => verifyDump(file, options, onEntry),
    checkpoint: beside === null ? null : parseCheckpoint(beside),
    note: beside === null ? null : fromUtf8(beside),
    states: async () => [],
    witnessedNote: witnessed === null ? null : fromUtf8(witnessed),
    damage: [],
    close: async () => {},
  }
}

/** LevelDB writes when it opens, so it gets a copy. */
async function openFolder(dir: string, crypto: Crypto, archive?: string): Promise<Evidence> {
  if (!(await storeExists(await bestEvidenceIn(dir))))
    throw ledgerFault('ledger_unreadable', `${dir} holds no LevelDB database`)
  const copy = await copyFolder(dir)
  const damage = await damagedTables(copy)
  if (damage[0] !== undefined && !(await isReadable(dir))) {
    await rm(copy, { recursive: true, force: true })
    throw ledgerFault('ledger_unreadable', `${damage[0].name}: ${damage[0].problem}`)
  }
  return openCopy(copy, crypto, damage, archive)
}

async function isReadable(dir: string): Promise<boolean> {
  const copy = await copyFolder(dir)
  try {
    return await survivesReading(copy)
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

/**
 * What can still be read of a folder that LevelDB doesn't open any more: a copy is repaired, without its damaged
 * tables, which keeps the records that the other files hold and may bring back older ones. Throws `ledger_unreadable` where nothing can be.
 */
export async function salvageFolder(dir: string, crypto: Crypto, archive?: string): Promise<Evidence> {
  const copy = await copyFolder(dir)
  try {
    for (const { name } of await damagedTables(copy, () => true, { which: 'all' }))
      await rm(join(copy, name), { force: true })
    await Store.repair(copy)
  } catch (error) {
    await rm(copy, { recursive: true, force: true })
    throw error
  }
  return openCopy(copy, crypto, [], archive)
}

async function openCopy(
  copy: string,
  crypto: Crypto,
  damage: readonly TableDamage[],
  archive: string | undefined,
): Promise<Evidence> {
  try {
    const store = await openWithArchive(copy, crypto, archive)
    return {
      kind: 'folder',
      entries: from => bytesOf(store, from ?? 0),
      side: id => store.side(id),
      verify: (options, onEntry) => verifyStore(store, options, onEntry),
      checkpoint: null,
      note: null,
      states: () => store.states(''),
      damage,
      close: async () => {
        await store.close()
        await rm(copy, { recursive: true, force: true })
      },
    }
  } catch (error) {
    await rm(copy, { recursive: true, force: true })
    throw error
  }
}

/** Throws where its archived entries are not to be had: nobody verifies half a log by mistake. */
async function openWithArchive(copy: string, crypto: Crypto, archive: string | undefined): Promise<Store> {
  const store = await Store.open(copy, crypto, archive)
  try {
    await store.needArchive()
    return store
  } catch (error) {
    await store.close()
    throw error
  }
}

async function copyFolder(dir: string): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'countersign-evidence-'))
  try {
    const before = await survey(dir)
    for (const [name, { path }] of before) await copyFile(path, join(copy, name), constants.COPYFILE_FICLONE)
    const after = await survey(dir)
    const moved =
      before.size !== after.size || [...before].some(([name, { state }]) => after.get(name)?.state !== state)
    if (!moved) return copy
  } catch (error) {
    await rm(copy, { recursive: true, force: true })
    throw ledgerFault('evidence_moving', (error as Error).message)
  }
  await rm(copy, { recursive: true, force: true })
  throw ledgerFault('evidence_moving', dir)
}

/** Every file that LevelDB reads: where it is best read, and its size and time. */
async function survey(dir: string): Promise<Map<string, { readonly path: string; readonly state: string }>> {
  const best = await bestEvidenceIn(dir)
  // Where links could not be made, the tables were left where they were.
  const tables = best === dir ? [] : (await databaseFiles(dir)).filter(name => name.endsWith('.ldb'))
  const paths = new Map([
    ...tables.map(name => [name, join(dir, name)] as const),
    ...(await databaseFiles(best)).map(name => [name, join(best, name)] as const),
  ])
  return new Map(
    await Promise.all(
      [...paths].map(async ([name, path]) => {
        const found = await stat(path).catch(() => undefined)
        return [name, { path, state: `${found?.size} ${found?.mtimeMs}` }] as const
      }),
    ),
  )
}

async function verifyDump(
  file: string,
  options: VerifyOptions,
  onEntry: (count: number) => void = () => {},
): Promise<Verification> {
  const verifier = new LogVerifier(options)
  await takeAll(verifier, readDumpLines(file), options, { onEntry })
  return verifier.finish()
}

async function verifyStore(
  store: Store,
  options: VerifyOptions,
  onEntry: (count: number) => void = () => {},
): Promise<Verification> {
  const verifier = new LogVerifier(options)
  const tile = new OpenTile([])
  const whole = await takeAll(verifier, inPlace(store, verifier), options, {
    onEntry,
    onCompleted: completed => {
      const record = tile.add(completed)
      return record === undefined ? undefined : compareTile(store, verifier, record)
    },
  })
  if (whole)
    await verifyHead(store, verifier).catch((error: Error) =>
      verifier.report('source_damaged', verifier.size, error.message),
    )
  return verifier.finish()
}

/** The entries in the order of their keys; one that is stored under another number is a finding. */
async function* inPlace(store: Store, verifier: LogVerifier): AsyncGenerator<readonly Uint8Array[]> {
  let place = 0
  for await (const found of store.entryBatches()) {
    for (const [seq] of found) {
      if (seq !== place) verifier.report('chain_seq', place, `stored as ${seq}`)
      place++
    }
    yield found.map(([, bytes]) => bytes)
  }
}

async function compareTile(store: Store, verifier: LogVerifier, record: Uint8Array): Promise<void> {
  const number = Math.floor((verifier.size - 1) / TILE_LEAVES)
  if (!Buffer.from(record).equals((await store.tile(number)) ?? Buffer.of()))
    verifier.report('store_tree', null, `tile ${number}`)
}

async function verifyHead(store: Store, verifier: LogVerifier): Promise<void> {
  const head = await store.head()
  const same =
    (head?.size ?? 0) === verifier.size &&
    (head === undefined || (head.leaf === verifier.newestLeaf() && head.root === verifier.root()))
  if (!same) verifier.report('store_head', null, `it says ${head?.size ?? 0} entries`)
  const open = verifier.open().map(attempt => attempt.seq)
  if (open.join() !== (head?.open ?? []).join()) verifier.report('store_open', null)
}

async function* bytesOf(store: Store, from: number): AsyncGenerator<Uint8Array> {
  for await (const [, bytes] of store.entries(from, Number.MAX_SAFE_INTEGER)) yield bytes
}

async function* skip(entries: AsyncIterable<Uint8Array>, count: number): AsyncGenerator<Uint8Array> {
  let place = 0
  for await (const bytes of entries) if (place++ >= count) yield bytes
}
