import {
  equalBytes,
  formatPublicKey,
  type JsonObject,
  keyIdOf,
  parsePublicKey,
  utf8,
} from '../canon/index.js'
import { type Enrolment, type InstanceRole, isEnrolledAt } from '../policy/index.js'
import type { Entry } from './entry.js'
import type { FindingCode } from './findings.js'

/** Raw public keys, from outside of what is verified: a trust root and enrolment, or the command line. */
export interface PinnedKeys {
  /** The keys are good for logs of this origin only; null where that is not known. */
  readonly origin: string | null
  readonly receipt: readonly Uint8Array[]
  readonly checkpoint: readonly Uint8Array[]
  /**
   * Opens an enrolment that the log carries for keys that follow; throws where the trust root doesn't certify it.
   * Without it only the keys above are trusted, in the order in which the log enrols them.
   */
  readonly certify?: (envelope: Uint8Array) => Enrolment
  /** Revoked keys as `ed25519:…`, and since when they are not believed, Unix milliseconds; −∞ where nobody said. */
  readonly revoked?: ReadonlyMap<string, number>
  /** Newest version of the trust root that they were judged by: what a later one revokes is not known. */
  readonly trustVersion?: number
}

/** Where an entry stands in its log. */
export type KeyPlace = Pick<Entry, 'seq' | 't'>

/** Why a `key` entry changes nothing. */
export interface KeyProblem {
  readonly code: FindingCode
  readonly detail: string
}

/** Not an id of any key. */
const NOBODY = ''

/**
 * Which keys are good at which place of one log: the one question that a verification has about keys. Asked in the
 * order of the log, so what the log itself says about keys, under keys that were trusted before, counts from there on:
 * an entry `key` that the receipt key in force has signed, over an enrolment that the trust root certifies.
 */
export class TrustedKeys {
  readonly mode: 'pinned keys' | 'integrity only'
  /** The keys are good for logs of this origin only; null where that is not known. */
  readonly origin: string | null
  private readonly pinned: PinnedKeys | null
  private readonly receipt = new Map<string, Uint8Array>()
  /** Id of the receipt key in force; null before a genesis has said which one it is: any known one then. */
  private inForce: string | null = null
  /** From which size on which keys sign checkpoints, in order. */
  private readonly checkpoint: { readonly from: number; readonly keys: readonly Uint8Array[] }[] = []
  /** Every key that this log has had, as `ed25519:…`, with its role. */
  private readonly roles = new Map<string, InstanceRole>()
  /** The key of each role in force, as `ed25519:…`. */
  private readonly current = new Map<InstanceRole, string>()

  /** Null: *integrity only*, with the keys that the log's genesis names; that proves no origin. */
  constructor(pinned: PinnedKeys | null) {
    this.pinned = pinned
    this.mode = pinned === null ? 'integrity only' : 'pinned keys'
    this.origin = pinned?.origin ?? null
    for (const key of pinned?.receipt ?? []) this.receipt.set(keyIdOf(key), key)
    this.checkpoint.push({ from: 0, keys: pinned?.checkpoint ?? [] })
  }

  /**
   * Every receipt key known so far, by key id: what a signature can be checked with before its place is looked at.
   * Grows with the `key` entries of the log.
   */
  known(): ReadonlyMap<string, Uint8Array> {
    return this.receipt
  }

  /** The receipt key with this id, if it may have signed the entry at this place. */
  receiptKey(keyid: string, _place: KeyPlace): Uint8Array | undefined {
    return this.inForce === null || this.inForce === keyid ? this.receipt.get(keyid) : undefined
  }

  /** The keys of which one must have signed a checkpoint over so many entries. */
  checkpointKeys(size: number): readonly Uint8Array[] {
    return this.checkpoint.findLast(({ from }) => from <= size)?.keys ?? []
  }

  /** The keys that may have signed a checkpoint of this log that its entries don't reach. */
  laterCheckpointKeys(): readonly Uint8Array[] {
    return [...this.checkpoint.flatMap(({ keys }) => keys), ...(this.pinned?.checkpoint ?? [])]
  }

  /** Since when a key is not believed, Unix milliseconds, −∞ where nobody said; null where it is not revoked. */
  revokedSince(publicKey: Uint8Array): number | null {
    return this.pinned?.revoked?.get(formatPublicKey(publicKey)) ?? null
  }

  /**
   * Takes the first entry, before its own signature is looked at: of the trusted keys it says which ones this log
   * began with; without pinned keys the log can only be held to its own word. Returns false where the entry names no
   * usable keys.
   */
  begin(genesis: Entry): boolean {
    if (genesis.type !== 'genesis') return this.mode === 'pinned keys'
    try {
      this.take('receipt', genesis.data.receipt as string, 0)
      this.take('checkpoint', genesis.data.checkpoint as string, 0)
      return true
    } catch {
      return this.mode === 'pinned keys'
    }
  }

  /**
   * Role of which the genesis names another key than the trusted ones; null where there is none. ATTACK: the enrolled
   * keys sign a log that says of others that they are its own.
   */
  unnamed(genesis: Entry): 'receipt' | 'checkpoint' | null {
    if (this.pinned === null || genesis.type !== 'genesis') return null
    for (const role of ['receipt', 'checkpoint'] as const) {
      const trusted = this.pinned[role].map(formatPublicKey)
      if (trusted.length > 0 && !trusted.includes(genesis.data[role] as string)) return role
    }
    return null
  }

  /**
   * Takes an entry whose own signature holds; one of type `key` changes which keys are good behind it. Answers what is
   * wrong with it, and then nothing changes.
   */
  follow(entry: Entry): KeyProblem | null {
    if (entry.type === 'genesis') return this.beginning(entry)
    if (entry.type !== 'key') return null
    const { action, role, key } = entry.data as { action: string; role: InstanceRole; key: string }
    if (action === 'revoked') {
      this.end(role, key, entry.seq + 1)
      return null
    }
    const problem = this.succession(role, key, entry.data) ?? this.certification(role, key, entry)
    if (problem !== null) return problem
    try {
      this.enrol(role, key, entry.seq + 1)
      return null
    } catch {
      return { code: 'entry_malformed', detail: 'a key that is no Ed25519 key' }
    }
  }

  /** ATTACK: keys whose enrolment has ended, or has yet to begin, start a log of their own. */
  private beginning({ data, t }: Entry & { data: JsonObject }): KeyProblem | null {
    const certify = this.pinned?.certify
    if (certify === undefined || typeof data.enrolment !== 'string') return null
    try {
      return notCurrent(certify(utf8(data.enrolment)), t)
    } catch {
      // Its seal may be by a key that was revoked since. An enrolment in the verifier's hands that stands in for it may
      // be younger than the log, so nothing holds the beginning to a time then.
      return null
    }
  }

  /** ATTACK: a key that was replaced, or another role's, comes back: somebody kept it, or found it. */
  private succession(role: InstanceRole, key: string, data: JsonObject): KeyProblem | null {
    const before = this.current.get(role)
    const known = this.roles.get(key)
    if (known !== undefined && (known !== role || key !== before)) return { code: 'key_returns', detail: key }
    // The genesis doesn't name the grant key, nor does a log whose first key is not trusted.
    if (before !== undefined && data.replaces !== undefined && data.replaces !== before)
      return { code: 'key_uncertified', detail: `it replaces ${data.replaces}, which was not in force` }
    return null
  }

  private certification(
    role: InstanceRole,
    key: string,
    entry: Entry & { data: JsonObject },
  ): KeyProblem | null {
    if (this.pinned === null) return null
    const uncertified = (detail: string): KeyProblem => ({ code: 'key_uncertified', detail })
    const { certify } = this.pinned
    if (certify === undefined)
      return this.isPinned(role, key) ? null : uncertified('only keys that were named are trusted')
    if (typeof entry.data.enrolment !== 'string') return uncertified('it carries no enrolment')
    let enrolment: Enrolment
    try {
      enrolment = certify(utf8(entry.data.enrolment))
    } catch (error) {
      // Its seal may be by a key that was revoked since: another enrolment in the verifier's hands can stand in.
      if (this.isPinned(role, key)) return null
      return uncertified((error as { code?: string }).code ?? 'its enrolment can’t be opened')
    }
    if (!entry.chain.startsWith(`${enrolment.origin}/`))
      return uncertified(`the enrolment is of ${enrolment.origin}`)
    if (enrolment.keys[role] !== key) return uncertified(`the enrolment is of another ${role} key`)
    return notCurrent(enrolment, entry.t)
  }

  /** Nothing in a log depends on its grant keys. */
  private isPinned(role: InstanceRole, key: string): boolean {
    return role === 'grant' || this.pinned?.[role].some(each => formatPublicKey(each) === key) === true
  }

  private enrol(role: InstanceRole, key: string, from: number): void {
    const raw = parsePublicKey(key)
    this.roles.set(key, role)
    this.current.set(role, key)
    if (role === 'checkpoint') this.checkpoint.push({ from, keys: [raw] })
    if (role !== 'receipt') return
    this.receipt.set(keyIdOf(raw), raw)
    this.inForce = keyIdOf(raw)
  }

  private end(role: InstanceRole, key: string, from: number): void {
    this.roles.set(key, role)
    if (this.current.get(role) !== key) return
    this.current.delete(role)
    if (role === 'receipt') this.inForce = NOBODY
    if (role === 'checkpoint') this.checkpoint.push({ from, keys: [] })
  }

  /** A key that the log began with, as far as it is trusted. */
  private take(role: 'receipt' | 'checkpoint', key: string, from: number): void {
    const raw = parsePublicKey(key)
    if (this.pinned !== null && !this.pinned[role].some(each => equalBytes(each, raw))) return
    this.checkpoint.splice(0, role === 'checkpoint' ? 1 : 0)
    this.enrol(role, key, from)
  }
}

function notCurrent(enrolment: Enrolment, ms: number): KeyProblem | null {
  if (isEnrolledAt(enrolment, ms)) return null
  return { code: 'key_not_current', detail: `${enrolment.notBefore} to ${enrolment.notAfter}` }
}
