import { type CountersignError, type Crypto, utf8 } from '../../canon/index.js'
import type { EvidenceLag } from '../../policy/index.js'
import {
  consistencyProof,
  cosignedAt,
  decodeEntry,
  formatAddCheckpoint,
  formatNote,
  type NoteSignature,
  parseCheckpoint,
  type SignedCheckpoint,
  type WitnessPolicy,
  witnessedAt,
} from '../../receipt/index.js'
import { ledgerFault } from '../error-table.js'
import type { Ledger } from '../ledger.js'
import type { Failing, ShipLog } from '../ship/lane.js'
import type { AskWitness } from './ask.js'
import { type Witnessed, writeWitnessed } from './witnessed.js'

export interface CosigningOptions {
  readonly ledger: Pick<Ledger, 'chain' | 'head' | 'get' | 'checkpoint' | 'node'>
  /** Every witness has a URL, and the quorum is not `none`; see `witnessesOf`. */
  readonly policy: WitnessPolicy
  readonly crypto: Crypto
  readonly ask: AskWitness
  /** What is known from the last run; see `readWitnessed`. */
  readonly known: Witnessed | null
  readonly file: string
  /** Between two rounds. */
  readonly everyMs: number
  /** For one question to one witness. */
  readonly timeoutMs: number
  readonly nowMs: () => number
  readonly log: ShipLog
}

export interface WitnessStatus {
  /** In the policy. */
  readonly name: string
  /** Its submission prefix. */
  readonly url: string
  /** Entries that it has cosigned, as far as it has said; null before its first answer. */
  readonly cosigned: number | null
  readonly lastCosignedMs: number | null
  readonly failing: Failing | null
}

export interface CosigningStatus {
  /** Entries that a quorum has cosigned; null where none has yet. */
  readonly witnessed: number | null
  /** Since when it has, Unix milliseconds. */
  readonly witnessedMs: number | null
  /** Null where nothing was witnessed yet. */
  readonly lag: EvidenceLag | null
  readonly witnesses: readonly WitnessStatus[]
}

/** The ledger's checkpoints on their way to witnesses and back, on a schedule, and never in anybody's way. */
export interface Cosigning {
  /** How far the newest witnessed checkpoint is behind the head; null where there is none. */
  lag(nowMs: number): EvidenceLag | null
  /** The newest checkpoint that a quorum has cosigned, as text; null where there is none. */
  witnessed(): string | null
  /** A checkpoint of this log with the cosignatures that are known of it. */
  withCosignatures(note: string): string
  status(): CosigningStatus
  /** Asks now, and resolves when every witness has answered or failed. */
  round(): Promise<void>
  /** Asks once more for what was written last, and ends. The ledger must still be readable. */
  stop(): Promise<void>
}

/** Asks all witnesses at once, and then after every interval. */
export function startCosigning(options: CosigningOptions): Cosigning {
  const rounds = new Rounds(options)
  rounds.schedule(0)
  return rounds
}

interface WitnessState {
  readonly name: string
  readonly url: string
  cosigned: number | null
  lastCosignedMs: number | null
  failing: Failing | null
}

class Rounds implements Cosigning {
  private readonly options: CosigningOptions
  private readonly states: readonly WitnessState[]
  private newest: Witnessed | null
  /** Cosignatures of the checkpoint that was asked for last, by witness. */
  private gathered: { readonly body: string; readonly lines: Map<string, NoteSignature> } = {
    body: '',
    lines: new Map(),
  }
  /** When the first entry behind the newest witnessed checkpoint was written. */
  private behind: { readonly size: number; t: number } | null = null
  private running: Promise<void> | null = null
  private timer: NodeJS.Timeout | undefined
  private stopped = false

  constructor(options: CosigningOptions) {
    this.options = options
    this.newest = options.known
    this.states = [...options.policy.witnesses].map(([name, { url }]) => ({
      name,
      url: url ?? '',
      cosigned: options.known?.sizes.get(name) ?? null,
      lastCosignedMs: null,
      failing: null,
    }))
  }

  schedule(afterMs: number): void {
    clearTimeout(this.timer)
    if (this.stopped) return
    this.timer = setTimeout(() => void this.round(), afterMs)
    this.timer.unref()
  }

  lag(nowMs: number): EvidenceLag | null {
    if (this.newest === null) return null
    const { size } = this.newest.checkpoint
    const entries = this.options.ledger.head().size - size
    if (entries <= 0) return { entries: 0, seconds: 0 }
    return { entries, seconds: Math.max(0, Math.floor((nowMs - this.behindSince(size, nowMs)) / 1_000)) }
  }

  witnessed(): string | null {
    return this.newest?.note ?? null
  }

  withCosignatures(note: string): string {
    const { body, signatures } = parseCheckpoint(utf8(note))
    if (body !== this.gathered.body) return body === this.newest?.checkpoint.body ? this.newest.note : note
    return formatNote({ body, signatures: [...signatures, ...this.gathered.lines.values()] })
  }

  status(): CosigningStatus {
    const { crypto, policy, nowMs } = this.options
    const seconds = this.newest === null ? null : witnessedAt(crypto, policy, this.newest.checkpoint)
    return {
      witnessed: this.newest?.checkpoint.size ?? null,
      witnessedMs: seconds === null ? null : seconds * 1_000,
      lag: this.lag(nowMs()),
      witnesses: this.states.map(state => ({ ...state })),
    }
  }

  /** One round at a time: who comes in between gets the one that is under way. */
  round(): Promise<void> {
    this.running ??= this.askAll()
      .catch(error => this.options.log.error({ err: error }, 'witnesses could not be asked'))
      .finally(() => {
        this.running = null
        this.schedule(this.options.everyMs)
      })
    return this.running
  }

  async stop(): Promise<void> {
    this.stopped = true
    clearTimeout(this.timer)
    await this.running
    await this.round()
  }

  private async askAll(): Promise<void> {
    const { ledger } = this.options
    const note = await ledger.checkpoint()
    const checkpoint = parseCheckpoint(utf8(note))
    if (checkpoint.size === 0) return
    if (this.gathered.body !== checkpoint.body) this.gathered = { body: checkpoint.body, lines: new Map() }
    const { lines } = this.gathered
    const due = this.states.filter(({ name }) => !lines.has(name))
    await Promise.all(
      due.map(async state => {
        const line = await this.askOne(state, checkpoint, note)
        if (line !== null) lines.set(state.name, line)
      }),
    )
    if (due.some(({ name }) => lines.has(name))) await this.take(checkpoint, [...lines.values()])
  }

  /** The witness's cosignature; null where it gave none. */
  private async askOne(
    state: WitnessState,
    checkpoint: SignedCheckpoint,
    note: string,
  ): Promise<NoteSignature | null> {
    const { ask, timeoutMs, ledger, crypto } = this.options
    const known = state.cosigned ?? 0
    let oldSize = known <= checkpoint.size ? known : 0
    // A witness that was asked from the wrong size says which is right; that is asked once.
    for (const isLast of [false, true]) {
      const hashes =
        oldSize === 0 ? [] : await consistencyProof(crypto, oldSize, checkpoint.size, ledger.node)
      const body = formatAddCheckpoint({ oldSize, hashes, note })
      const answer = await ask(state.url, body, AbortSignal.timeout(timeoutMs))
      switch (answer.kind) {
        case 'failed':
          return this.failed(state, answer.fault)
        case 'cosigned':
          return this.cosigned(state, checkpoint, answer.signatures)
        case 'conflict':
          this.corrected(state, answer.size)
          oldSize = answer.size
          if (oldSize > checkpoint.size) return this.failed(state, aheadFault(oldSize, checkpoint.size))
          if (isLast) return this.failed(state, ledgerFault('witness_answer', 'one conflict after another'))
      }
    }
    return null
  }

  private cosigned(
    state: WitnessState,
    { size, body }: SignedCheckpoint,
    signatures: readonly NoteSignature[],
  ): NoteSignature | null {
    const { policy, crypto, nowMs, log } = this.options
    const key = policy.witnesses.get(state.name)?.key
    // ATTACK: whatever else comes with it is not taken: a cosignature of another, or one that isn't.
    const line = signatures.find(
      each => key !== undefined && cosignedAt(crypto, { body, signatures: [each] }, key) !== null,
    )
    if (line === undefined)
      return this.failed(state, ledgerFault('witness_answer', 'no cosignature of its own'))
    if (state.failing !== null)
      log.info({ witness: state.name, size, tries: state.failing.tries }, 'a witness cosigns again')
    state.cosigned = size
    state.lastCosignedMs = nowMs()
    state.failing = null
    return line
  }

  private corrected(state: WitnessState, size: number): void {
    if (state.cosigned !== null && size < state.cosigned)
      this.options.log.error(
        { code: 'witness_forgot', witness: state.name, cosigned: state.cosigned, says: size },
        'a witness has forgotten what it cosigned: it would cosign a second history',
      )
    state.cosigned = size
  }

  private failed(state: WitnessState, fault: CountersignError): null {
    const { log, nowMs } = this.options
    const { code, message } = fault
    const before = state.failing
    const facts = { code, witness: state.name, detail: fault.detail }
    // Said when it begins and when it changes; in between `status` and the metrics tell.
    if (before?.code !== code) {
      if (code === 'witness_ahead' || code === 'witness_refused') log.error(facts, message)
      else log.warn(facts, message)
    }
    state.failing = { code, message, sinceMs: before?.sinceMs ?? nowMs(), tries: (before?.tries ?? 0) + 1 }
    return null
  }

  private async take(checkpoint: SignedCheckpoint, lines: readonly NoteSignature[]): Promise<void> {
    const { crypto, policy, file, log } = this.options
    const signatures = [...checkpoint.signatures, ...lines]
    const cosigned = { ...checkpoint, signatures }
    if (witnessedAt(crypto, policy, cosigned) === null) return
    const sizes = new Map(
      this.states.flatMap(({ name, cosigned: size }) => (size === null ? [] : [[name, size] as const])),
    )
    const note = formatNote({ body: checkpoint.body, signatures })
    this.newest = { checkpoint: cosigned, note, sizes }
    // Losing it costs one question after a restart: the witnesses remember.
    await writeWitnessed(file, this.newest).catch((error: NodeJS.ErrnoException) =>
      log.error(
        { code: 'witnessed_invalid', detail: error.code ?? '' },
        'the witnessed checkpoint was not written',
      ),
    )
  }

  /** Until the entry is read, it is as young as this look at it. */
  private behindSince(size: number, nowMs: number): number {
    if (this.behind?.size === size) return this.behind.t
    const behind = { size, t: nowMs }
    this.behind = behind
    void this.options.ledger
      .get(size)
      .then(bytes => {
        if (bytes !== undefined) behind.t = decodeEntry(bytes).t
      })
      // INVARIANT: what can't be read counts as old as can be.
      .catch(() => {
        behind.t = 0
      })
    return nowMs
  }
}

function aheadFault(theirs: number, ours: number): CountersignError {
  return ledgerFault('witness_ahead', `it has seen ${theirs} entries, here are ${ours}`)
}
