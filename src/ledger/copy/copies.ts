import { type Crypto, fromUtf8, hex } from '../../canon/index.js'
import {
  type FindingCode,
  type FindingInLog,
  findingAt,
  leafHash,
  parseCheckpoint,
  type SignedCheckpoint,
  type Verification,
  type VerifyOptions,
  verifyEntries,
} from '../../receipt/index.js'
import { dumpEntries } from '../dump.js'
import { ledgerFault } from '../error-table.js'
import { parseObjectName } from '../ship/object-name.js'
import type { CopyFiles } from './copy-files.js'

/** What was shipped of one or more logs to one place. */
export interface Copies {
  readonly where: string
  /** Of the logs that are there, sorted. */
  readonly chains: readonly string[]
  /** One of them as evidence; of several, `chain` names one. Throws `copy_malformed`. */
  open(chain: string | undefined, crypto: Crypto): Promise<ShippedEvidence>
  close(): Promise<void>
}

/** One shipped log; serves as `Evidence`. */
export interface ShippedEvidence {
  readonly kind: 'shipped'
  entries(from?: number): AsyncIterable<Uint8Array>
  /** Decision inputs never leave the host by this way. */
  side(id: string): Promise<undefined>
  /** Verifies the entries against the checkpoints that were shipped, and holds the objects to their names and to each other. */
  verify(options: VerifyOptions, onEntry?: (count: number) => void): Promise<Verification>
  readonly checkpoint: SignedCheckpoint | null
  readonly note: string | null
  /** None: what the use cases have written down isn't shipped. */
  states(): Promise<readonly []>
  /** None: what is damaged here is found by verifying. */
  readonly damage: readonly []
  close(): Promise<void>
}

interface Batch {
  readonly name: string
  readonly first: number
  readonly last: number
}

interface Copy {
  readonly batches: Batch[]
  readonly checkpoints: { readonly name: string; readonly size: number }[]
}

/** So many checkpoints are read, spread over the log, the newest among them. */
const MAX_CHECKPOINTS = 256
const MAX_FINDINGS = 20

/** Lists what was shipped to a place. */
export async function openCopies(files: CopyFiles): Promise<Copies> {
  const copies = new Map<string, Copy>()
  for (const name of await files.names()) {
    const object = parseObjectName(name)
    if (object === undefined) continue
    const copy = copies.get(object.chain) ?? { batches: [], checkpoints: [] }
    copies.set(object.chain, copy)
    if (object.kind === 'entries') copy.batches.push({ name, first: object.first, last: object.last })
    else copy.checkpoints.push({ name, size: object.size })
  }
  const chains = [...copies.keys()].sort()
  return {
    where: files.where,
    chains,
    open: async (named, crypto) => {
      const chain = named ?? chains[0]
      const copy = chain === undefined ? undefined : copies.get(chain)
      if (chain === undefined || copy === undefined || (named === undefined && chains.length > 1))
        throw ledgerFault('copy_malformed', `${files.where} holds ${chains.join(', ') || 'none'}`)
      return new ShippedLog(files, chain, copy, crypto).asEvidence()
    },
    close: () => files.close(),
  }
}

type Report = (code: FindingCode, seq: number | null, detail: string) => void

/**
 * The batches of one log in a row. They may overlap, because a batch is sent again in other bounds after a cursor was
 * lost; where two overlap they must agree.
 */
class ShippedLog {
  private readonly files: CopyFiles
  private readonly chain: string
  private readonly batches: readonly Batch[]
  private readonly checkpoints: Copy['checkpoints']
  private readonly crypto: Crypto

  constructor(files: CopyFiles, chain: string, { batches, checkpoints }: Copy, crypto: Crypto) {
    this.files = files
    this.chain = chain
    this.batches = [...batches].sort((a, b) => a.first - b.first || b.last - a.last)
    this.checkpoints = [...checkpoints].sort((a, b) => a.size - b.size)
    this.crypto = crypto
  }

  async asEvidence(): Promise<ShippedEvidence> {
    const newest = this.checkpoints.at(-1)
    const bytes = newest === undefined ? undefined : await this.files.read(newest.name)
    const checkpoint = parsed(bytes)
    // ATTACK: the name of the newest over an older one, or over nothing.
    const isNamed = bytes !== undefined && checkpoint?.size === newest?.size
    return {
      kind: 'shipped',
      entries: from => this.bytesFrom(from ?? 0),
      states: async () => [],
      damage: [],
      side: async () => undefined,
      checkpoint: isNamed ? (checkpoint ?? null) : null,
      note: isNamed ? fromUtf8(bytes) : null,
      verify: async (options, onEntry) => {
        const found: FindingInLog[] = []
        const report: Report = (code, seq, detail) => {
          found.push(findingAt(code, seq, detail))
        }
        if (newest !== undefined && !isNamed) report('copy_object', null, newest.name)
        const checkpoints = [...options.checkpoints, ...(await this.olderCheckpoints(report))]
        const entries = bytesOf(this.entries(report))
        const verification = await verifyEntries(entries, { ...options, checkpoints }, onEntry)
        // ATTACK: one sidecar's objects under the name of another, which then seems to be there.
        if (verification.chain !== null && verification.chain !== this.chain)
          report('chain_origin', 0, `shipped as ${this.chain}`)
        return withFindings(verification, found)
      },
      close: () => this.files.close(),
    }
  }

  /** Entries with their numbers. One that is missing is left out; what is wrong with the objects is reported. */
  private async *entries(report: Report): AsyncGenerator<readonly [seq: number, bytes: Uint8Array]> {
    let next = 0
    /** Leaves of the entries that a later batch may hold as well. */
    const shared = new Map<number, string>()
    for (const [batch, upcoming, object] of this.objects()) {
      for (const seq of shared.keys()) if (seq < batch.first) shared.delete(seq)
      for await (const [seq, bytes] of entriesOf(batch, await object, report)) {
        const known = shared.get(seq)
        const leaf = hex(leafHash(this.crypto, bytes))
        if (known !== undefined && known !== leaf) report('copy_batches', seq, batch.name)
        if (seq < next) continue
        if (upcoming !== undefined && seq >= upcoming.first) shared.set(seq, leaf)
        yield [seq, bytes]
        next = seq + 1
      }
    }
  }

  /** Each batch with the one after it, whose object is fetched meanwhile. */
  private *objects(): Generator<readonly [Batch, Batch | undefined, Promise<Buffer | undefined>]> {
    let object = this.fetch(this.batches[0])
    for (const [place, batch] of this.batches.entries()) {
      const upcoming = this.batches[place + 1]
      const fetched = object
      object = this.fetch(upcoming)
      yield [batch, upcoming, fetched]
    }
  }

  private fetch(batch: Batch | undefined): Promise<Buffer | undefined> {
    const object = batch === undefined ? Promise.resolve(undefined) : this.files.read(batch.name)
    // Whoever stops reading early doesn't wait for it.
    object.catch(() => undefined)
    return object
  }

  private async *bytesFrom(from: number): AsyncGenerator<Uint8Array> {
    for await (const [seq, bytes] of this.entries(() => {})) if (seq >= from) yield bytes
  }

  private async olderCheckpoints(report: Report): Promise<SignedCheckpoint[]> {
    const older = this.checkpoints.slice(0, -1)
    const step = Math.max(1, Math.ceil(older.length / MAX_CHECKPOINTS))
    const found: SignedCheckpoint[] = []
    for (const { name, size } of older.filter((_, place) => place % step === 0)) {
      const checkpoint = parsed(await this.files.read(name))
      if (checkpoint?.size === size) found.push(checkpoint)
      else report('copy_object', null, name)
    }
    return found
  }
}

/** ATTACK: an object with more or fewer entries than its name says, so that another batch seems to cover the rest. */
async function* entriesOf(
  { name, first, last }: Batch,
  object: Buffer | undefined,
  report: Report,
): AsyncGenerator<readonly [seq: number, bytes: Uint8Array]> {
  let seq = first
  try {
    if (object !== undefined)
      for await (const bytes of dumpEntries([object])) {
        if (seq > last) break
        yield [seq++, bytes]
      }
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'dump_malformed') throw error
  }
  const lines = object?.filter(byte => byte === NEWLINE).length ?? 0
  const whole = seq === last + 1 && lines === last - first + 1 && object?.at(-1) === NEWLINE
  if (!whole) report('copy_object', null, `${name} holds ${lines} entries`)
}

const NEWLINE = 0x0a

function parsed(bytes: Uint8Array | undefined): SignedCheckpoint | undefined {
  try {
    return bytes === undefined ? undefined : parseCheckpoint(bytes)
  } catch {
    return undefined
  }
}

async function* bytesOf(
  entries: AsyncIterable<readonly [seq: number, bytes: Uint8Array]>,
): AsyncGenerator<Uint8Array> {
  for await (const [, bytes] of entries) yield bytes
}

/** What the verification found, and what is wrong with the objects that it was read from. */
function withFindings(verification: Verification, found: readonly FindingInLog[]): Verification {
  if (found.length === 0) return verification
  const places = found.map(({ seq }) => seq ?? verification.validPrefix)
  return {
    ...verification,
    sound: false,
    validPrefix: Math.min(verification.validPrefix, ...places.slice(0, 1_000)),
    // What is wrong with the objects explains what the verification met.
    findings: [...found, ...verification.findings].slice(0, MAX_FINDINGS),
    findingCount: verification.findingCount + found.length,
  }
}
