import { fromBase64, utf8 } from '../canon/index.js'
import { type Evidence, openCopies, openEvidence } from '../ledger/index.js'
import { nativeCrypto } from '../native/index.js'
import {
  parseCheckpoint,
  type SignedCheckpoint,
  type Verification,
  type VerifyOptions,
  verifyEntries,
} from '../receipt/index.js'
import { type AdminClient, connectAdmin } from './admin-client.js'
import { type LoadedConfig, loadConfig } from './config.js'
import { type CopyFlags, copyFiles, isBucket } from './copy-access.js'
import type { Io } from './io.js'

/** A log that a command reads: of a running keeper, or from evidence on disk. */
export interface ReceiptSource {
  readonly where: string
  /** True where entries may come after the checkpoint while both are read. */
  readonly grows: boolean
  /** Number of entries; null where only reading them all would tell. */
  size(): Promise<number | null>
  entries(from?: number): AsyncIterable<Uint8Array>
  /** Encrypted decision inputs of an attempt; undefined where this source has none. */
  side(id: string): Promise<Uint8Array | undefined>
  /** Over all entries there are now; null where the evidence has none. */
  checkpoint(): Promise<SignedCheckpoint | null>
  /** The same as text, for `export`. */
  checkpointNote(): Promise<string | null>
  /** The newest checkpoint that witnesses have cosigned, as text; null where none is known. */
  witnessedNote(): Promise<string | null>
  /** Hashes of a proof from a stored tree; null where only reading all entries would tell. */
  readonly prove: ((wanted: WantedProof) => Promise<readonly Uint8Array[]>) | null
  verify(options: VerifyOptions, onEntry: (count: number) => void): Promise<Verification>
  close(): Promise<void>
}

/** Over the first `size` entries. */
export type WantedProof =
  | { readonly kind: 'inclusion'; readonly seq: number; readonly size: number }
  | { readonly kind: 'consistency'; readonly from: number; readonly size: number }

/** What a command knows about a shipped copy; see `copyFiles`. */
export interface CopyAccess {
  readonly flags: CopyFlags
  readonly io: Pick<Io, 'env'>
}

export interface SourceAccess {
  readonly copy?: CopyAccess
  /** Where archived entries of a ledger folder are, if not where they were moved to. */
  readonly archive?: string | undefined
}

/** With `path` a ledger folder, a dump or a shipped copy, without it the keeper that runs with this configuration. */
export async function openReceipts(
  path: string | undefined,
  config: string,
  access: SourceAccess = {},
): Promise<ReceiptSource> {
  return path === undefined ? runningKeeper(loadConfig(config)) : evidence(path, access)
}

async function evidence(path: string, { copy, archive }: SourceAccess): Promise<ReceiptSource> {
  const log =
    copy !== undefined && isBucket(path)
      ? await bucketCopy(path, copy)
      : await openEvidence(path, nativeCrypto, {
          ...(copy?.flags.chain === undefined ? {} : { chain: copy.flags.chain }),
          ...(archive === undefined ? {} : { archive }),
        })
  return sourceOf(path, log)
}

function sourceOf(path: string, log: Evidence): ReceiptSource {
  return {
    where: path,
    grows: false,
    size: async () => null,
    entries: from => log.entries(from),
    side: id => log.side(id),
    checkpoint: async () => log.checkpoint,
    checkpointNote: async () => log.note,
    witnessedNote: async () => log.witnessedNote ?? null,
    prove: null,
    verify: (options, onEntry) => log.verify(options, onEntry),
    close: () => log.close(),
  }
}

/** A shipped copy, and nothing else: a log is never held against itself by mistake. Throws `copy_malformed`. */
export async function openShipped(place: string, { flags, io }: CopyAccess): Promise<ReceiptSource> {
  const copies = await openCopies(copyFiles(place, flags, io))
  return sourceOf(place, await copies.open(flags.chain, nativeCrypto))
}

async function bucketCopy(place: string, { flags, io }: CopyAccess) {
  return (await openCopies(copyFiles(place, flags, io))).open(flags.chain, nativeCrypto)
}

function runningKeeper(loaded: LoadedConfig): ReceiptSource {
  const admin = connectAdmin(loaded.path(loaded.config.keeper.admin))
  const notes = () => admin.get<{ checkpoint: string; witnessed: string | null }>('/v1/checkpoint')
  const note = async () => (await notes()).checkpoint
  return {
    where: `the keeper of ${loaded.file}`,
    grows: true,
    size: async () => (await admin.get<Page>('/v1/receipts?limit=0')).size,
    entries: from => pages(admin, from ?? 0),
    side: async id => {
      const { inputs } = await admin.get<{ inputs: string | null }>(`/v1/inputs/${id}`)
      return inputs === null ? undefined : fromBase64(inputs)
    },
    checkpoint: async () => parseCheckpoint(utf8(await note())),
    checkpointNote: note,
    witnessedNote: async () => (await notes()).witnessed,
    prove: wanted => provenBy(admin, wanted),
    verify: (options, onEntry) => verifyEntries(pages(admin, 0), options, onEntry),
    close: () => admin.close(),
  }
}

async function provenBy(admin: AdminClient, wanted: WantedProof): Promise<readonly Uint8Array[]> {
  const { kind, size } = wanted
  const place = kind === 'inclusion' ? `seq=${wanted.seq}` : `from=${wanted.from}`
  const { hashes } = await admin.get<{ hashes: readonly string[] }>(
    `/v1/proofs/${kind}?${place}&size=${size}`,
  )
  return hashes.map(fromBase64)
}

interface Page {
  readonly size: number
  readonly entries: readonly { readonly seq: number; readonly entry: string }[]
}

const PAGE_ENTRIES = 1000

/** All entries up to the head at the first page. */
async function* pages(admin: AdminClient, from: number): AsyncGenerator<Uint8Array> {
  let next = from
  let end = Number.POSITIVE_INFINITY
  while (next < end) {
    const page = await admin.get<Page>(`/v1/receipts?from=${next}&limit=${PAGE_ENTRIES}`)
    end = Math.min(end, page.size)
    const wanted = page.entries.slice(0, end - next)
    if (wanted.length === 0) return
    for (const { entry } of wanted) yield fromBase64(entry)
    next += wanted.length
  }
}
