import type { Crypto } from '../canon/index.js'
import type {
  AwsGrantKeys,
  CredentialBroker,
  GrantIssuer,
  GrantVerifier,
  Outbound,
} from '../credential/index.js'
import type { Ledger, SideCipher } from '../ledger/index.js'
import type { EvidenceLag } from '../policy/index.js'

/** Everything that the use cases touch outside themselves. */
export interface KeeperPorts {
  readonly ledger: Ledger
  readonly verifier: GrantVerifier
  readonly broker: CredentialBroker
  /** The way to the APIs for what the keeper asks itself, with bounds of its own on time and size. */
  readonly network: Pick<Outbound, 'send'>
  readonly issuer: GrantIssuer
  /** Secrets of grants in the slot `aws-sigv4`. */
  readonly awsKeys: AwsGrantKeys
  readonly crypto: Crypto
  readonly clock: Clock
  readonly random: RandomBytes
  /** Encrypts decision inputs for the auditor; null where they are not kept: commitments then stay closed for ever. */
  readonly side: Pick<SideCipher, 'seal'> | null
  readonly log: Log
}

/** What follows the ledger from outside: witnesses, or whatever ships receipts off the host. */
export interface EvidenceFollower {
  /** How far it is behind the durable head; null where that can't be said. Asked for every request: it only looks, and never waits. */
  lag(nowMs: number): EvidenceLag | null
}

/** Null where the configuration has none. */
export interface EvidenceFollowers {
  readonly witnesses: EvidenceFollower | null
  readonly shipping: EvidenceFollower | null
}

export interface Clock {
  /** Unix milliseconds. */
  nowMs(): number
}

/** So many unpredictable bytes. */
export type RandomBytes = (length: number) => Uint8Array

/** Facts and one sentence; never a token, a header's value or a request's content. */
export interface Log {
  info(facts: object, sentence: string): void
  warn(facts: object, sentence: string): void
  error(facts: object, sentence: string): void
}
