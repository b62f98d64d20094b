import {
  type CountersignError,
  type Crypto,
  equalBytes,
  fromHex,
  hex,
  type SigningKey,
  utf8,
} from '../canon/index.js'
import {
  type AddCheckpoint,
  cosign,
  cosignedAt,
  emptyRoot,
  formatNote,
  type LocatedKey,
  type NoteKey,
  type NoteSignature,
  noteKeyHash,
  parseAddCheckpoint,
  type SignedCheckpoint,
  signatureLine,
  verifyConsistency,
} from '../receipt/index.js'
import { type witnessErrors, witnessFault } from './error-table.js'
import type { Remembered } from './memory.js'
import type { MemoryFile } from './memory-file.js'

export interface WitnessLog {
  info(facts: object, sentence: string): void
  warn(facts: object, sentence: string): void
  error(facts: object, sentence: string): void
}

export interface WitnessParts {
  readonly crypto: Crypto
  /** The name that it signs under. */
  readonly name: string
  readonly key: SigningKey
  /** The logs that it knows; see `parseLogList`. */
  readonly logs: readonly LocatedKey[]
  readonly memory: MemoryFile
  /** Unix milliseconds. */
  readonly clock: () => number
  readonly log: WitnessLog
  /** Keeps two checkpoints of one size with different roots: proof against the log's key. */
  readonly keepContradiction: (seen: Remembered, shown: string) => Promise<void>
}

export type AddAnswer =
  | { readonly kind: 'cosigned' /** Signature lines. */; readonly lines: string }
  | { readonly kind: 'conflict' /** What the witness cosigned last. */; readonly size: number }
  | { readonly kind: 'refused'; readonly fault: CountersignError }

/** A witness of logs (https://c2sp.org/tlog-witness): it cosigns one history of each log and never another. */
export class Witness {
  private readonly parts: WitnessParts
  private readonly identity: NoteKey
  private readonly keys = new Map<string, Uint8Array[]>()
  private readonly origins = new Map<string, string>()
  /** The end of the line of requests of each log. */
  private readonly lines = new Map<string, Promise<unknown>>()

  /** Throws `witness_state_damaged` where a checkpoint that it remembers was signed neither by its log nor by itself. */
  constructor(parts: WitnessParts) {
    this.parts = parts
    this.identity = { name: parts.name, use: 'witness', publicKey: parts.key.publicKey }
    for (const { key } of parts.logs) {
      this.keys.set(key.name, [...(this.keys.get(key.name) ?? []), key.publicKey])
      this.index(key.name)
    }
    for (const remembered of parts.memory.all()) this.takeUp(remembered)
  }

  /** The use case of `add-checkpoint`. Throws `witness_halted`. */
  async add(body: Uint8Array): Promise<AddAnswer> {
    let request: AddCheckpoint
    try {
      request = parseAddCheckpoint(body)
    } catch (error) {
      return { kind: 'refused', fault: error as CountersignError }
    }
    const { checkpoint } = request
    const keys = this.keys.get(checkpoint.origin)
    if (keys === undefined) return refused('log_unknown')
    const signatures = this.signaturesOf(checkpoint, keys)
    if (signatures === null) return refused('checkpoint_unsigned')
    return this.inLine(checkpoint.origin, () => this.decide(request, signatures))
  }

  /** The newest cosigned checkpoint of the log with this hash of its origin, hex; null where there is none. */
  newest(originHash: string): string | null {
    const origin = this.origins.get(originHash)
    return origin === undefined ? null : (this.parts.memory.get(origin)?.note ?? null)
  }

  /** INVARIANT: one request of a log at a time, from the look at what was cosigned last to the new record of it. */
  private async inLine<T>(origin: string, work: () => Promise<T>): Promise<T> {
    const before = this.lines.get(origin) ?? Promise.resolve()
    const mine = before.then(work, work)
    this.lines.set(origin, mine)
    try {
      return await mine
    } finally {
      if (this.lines.get(origin) === mine) this.lines.delete(origin)
    }
  }

  private async decide(request: AddCheckpoint, signatures: readonly NoteSignature[]): Promise<AddAnswer> {
    const { memory, log } = this.parts
    const { checkpoint, oldSize } = request
    const { origin, size } = checkpoint
    const seen = memory.get(origin)
    const latest = seen?.checkpoint.size ?? 0
    if (oldSize !== latest) {
      if (size < latest)
        log.warn({ code: 'size_conflict', origin, size, latest }, 'a log shows less than it has shown before')
      return { kind: 'conflict', size: latest }
    }
    if (!this.isConsistent(request, seen)) {
      await this.contradicted(request, seen, signatures)
      return refused('checkpoint_inconsistent')
    }
    const note = formatNote({ body: checkpoint.body, signatures })
    // ATTACK: anybody can show the newest checkpoint again and again. What is on disk is not written once more.
    const onDisk = seen?.checkpoint.body === checkpoint.body && !memory.halted
    if (!onDisk) await memory.remember({ checkpoint: { ...checkpoint, signatures }, note })
    const { line, cosigned } = this.cosigned({ ...checkpoint, signatures }, seen)
    memory.noteCosigned(cosigned)
    log.info({ origin, size, from: latest }, 'cosigned')
    return { kind: 'cosigned', lines: line }
  }

  private isConsistent(
    { oldSize, hashes, checkpoint }: AddCheckpoint,
    seen: Remembered | undefined,
  ): boolean {
    const { crypto } = this.parts
    const root = fromHex(checkpoint.root) as Uint8Array
    if (checkpoint.size === 0 && !equalBytes(root, emptyRoot(crypto))) return false
    if (oldSize === 0) return hashes.length === 0
    const olderRoot = fromHex((seen as Remembered).checkpoint.root) as Uint8Array
    return verifyConsistency(
      crypto,
      { older: oldSize, newer: checkpoint.size, olderRoot, newerRoot: root },
      hashes,
    )
  }

  private async contradicted(
    { checkpoint }: AddCheckpoint,
    seen: Remembered | undefined,
    signatures: readonly NoteSignature[],
  ): Promise<void> {
    const { origin, size, root } = checkpoint
    const known = seen?.checkpoint
    const facts = {
      code: 'checkpoint_inconsistent',
      origin,
      size,
      root,
      seen: known?.size,
      seenRoot: known?.root,
    }
    const splits = known?.size === size && known.root !== root
    if (!splits || seen === undefined) {
      this.parts.log.warn(
        facts,
        'a log showed a checkpoint without a proof that it goes on from the last one',
      )
      return
    }
    this.parts.log.error(facts, 'a log has signed two histories')
    await this.parts
      .keepContradiction(seen, formatNote({ body: checkpoint.body, signatures }))
      .catch(error => this.parts.log.error({ err: error }, 'the proof of it was not kept'))
  }

  /** Those of the log's own that verify; null where there is none, or where one is wrong: such a note is malformed (signed-note). */
  private signaturesOf(
    { origin, body, signatures }: SignedCheckpoint,
    keys: readonly Uint8Array[],
  ): readonly NoteSignature[] | null {
    const { crypto } = this.parts
    const good: NoteSignature[] = []
    for (const publicKey of keys) {
      const keyHash = noteKeyHash(crypto, { name: origin, use: 'log', publicKey })
      for (const line of signatures) {
        if (line.name !== origin || !equalBytes(line.keyHash, keyHash)) continue
        if (!crypto.verify(publicKey, utf8(body), line.signature)) return null
        if (!good.includes(line)) good.push(line)
      }
    }
    return good.length === 0 ? null : good
  }

  /** INVARIANT: only called for a checkpoint that is on disk. */
  private cosigned(
    checkpoint: SignedCheckpoint,
    before: Remembered | undefined,
  ): { readonly line: string; readonly cosigned: Remembered } {
    const { crypto, name, key, clock } = this.parts
    // The largest tree that it has seen, as of then: a clock that is set back must not date it before the last one.
    const last = before === undefined ? 0 : (cosignedAt(crypto, before.checkpoint, this.identity) ?? 0)
    const time = Math.max(1, last, Math.floor(clock() / 1_000))
    const signature = cosign(crypto, checkpoint.body, name, key, time)
    const signatures = [...checkpoint.signatures, signature]
    const note = formatNote({ body: checkpoint.body, signatures })
    return { line: signatureLine(signature), cosigned: { checkpoint: { ...checkpoint, signatures }, note } }
  }

  /** A checkpoint from the last run, held against the signatures that it must have; one without a cosignature was written just before a crash. */
  private takeUp(remembered: Remembered): void {
    const { checkpoint } = remembered
    const known = this.keys.get(checkpoint.origin)
    const mine = cosignedAt(this.parts.crypto, checkpoint, this.identity) !== null
    const logs = known === undefined ? null : this.signaturesOf(checkpoint, known)
    if (!mine && logs === null)
      throw witnessFault('witness_state_damaged', `nobody signed the checkpoint of ${checkpoint.origin}`)
    this.index(checkpoint.origin)
    if (!mine) this.parts.memory.noteCosigned(this.cosigned(checkpoint, undefined).cosigned)
  }

  private index(origin: string): void {
    this.origins.set(hex(this.parts.crypto.sha256(utf8(origin))), origin)
  }
}

function refused(code: keyof typeof witnessErrors): AddAnswer {
  return { kind: 'refused', fault: witnessFault(code) }
}
