import { keyIdOf, parsePublicKey } from '../canon/index.js'
import type { Entry } from './entry.js'

/** Raw public keys, from outside of what is verified: a trust root and enrolment, or the command line. */
export interface PinnedKeys {
  /** The keys are good for logs of this origin only; null where that is not known. */
  readonly origin: string | null
  readonly receipt: readonly Uint8Array[]
  readonly checkpoint: readonly Uint8Array[]
}

/** Where an entry stands in its log. */
export type KeyPlace = Pick<Entry, 'seq' | 't'>

/**
 * Which keys are good at which place of one log: the one question that a verification has about keys. Asked in the
 * order of the log, so what the log itself says about keys, under keys that were trusted before, may count from there on.
 */
export class TrustedKeys {
  readonly mode: 'pinned keys' | 'integrity only'
  /** The keys are good for logs of this origin only; null where that is not known. */
  readonly origin: string | null
  private readonly receipt = new Map<string, Uint8Array>()
  private checkpoint: readonly Uint8Array[] = []

  /** Null: *integrity only*, with the keys that the log's genesis names; that proves no origin. */
  constructor(pinned: PinnedKeys | null) {
    this.mode = pinned === null ? 'integrity only' : 'pinned keys'
    this.origin = pinned?.origin ?? null
    if (pinned !== null) this.trust(pinned)
  }

  /** Every receipt key known so far, by key id: what a signature can be checked with before its place is looked at. */
  known(): ReadonlyMap<string, Uint8Array> {
    return this.receipt
  }

  /** The receipt key with this id, if it may have signed the entry at this place. */
  receiptKey(keyid: string, _place: KeyPlace): Uint8Array | undefined {
    return this.receipt.get(keyid)
  }

  /** The keys that may have signed a checkpoint over so many entries. */
  checkpointKeys(_size: number): readonly Uint8Array[] {
    return this.checkpoint
  }

  /**
   * Takes the first entry, before its own signature is looked at: without pinned keys the log can only be held to its
   * own word. Returns false where the entry names no usable keys.
   */
  begin(genesis: Entry): boolean {
    if (this.mode === 'pinned keys') return true
    if (genesis.type !== 'genesis') return false
    try {
      const [receipt, checkpoint] = [genesis.data.receipt, genesis.data.checkpoint].map(key =>
        parsePublicKey(key as string),
      )
      this.trust({ origin: null, receipt: [receipt as Uint8Array], checkpoint: [checkpoint as Uint8Array] })
      return true
    } catch {
      return false
    }
  }

  private trust({ receipt, checkpoint }: PinnedKeys): void {
    for (const key of receipt) this.receipt.set(keyIdOf(key), key)
    this.checkpoint = checkpoint
  }
}
