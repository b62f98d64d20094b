import { formatPublicKey } from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { formatVerifierKey, logKey } from '../../src/receipt/index.js'
import { CHECKPOINT, ORIGIN, RECEIPT, WITNESSES } from './corpus-log.js'

/** Who else looks at a case, each at what its library knows; see corpus/README.md. */
export const OTHERS = ['tlog', 'openssl', 'sigstore', 'python'] as const
export type Other = (typeof OTHERS)[number]
export type Verdict = 'accept' | 'reject'

/** What a reader holds who didn't get it from the evidence. */
export interface Held {
  /** The reader's own trust root. */
  readonly trust: string
  /** Keys that sign entries, as `ed25519:…`: what the trust root leads to, for who can't follow it. */
  readonly receiptKeys: readonly string[]
  /** Verifier keys that may stand under the checkpoint, the log's own first. */
  readonly checkpointKeys: readonly string[]
}

/** One piece of evidence, and what everybody has to say about it. */
export interface Case extends Partial<Held> {
  /** Below `corpus/`. */
  readonly file: string
  readonly kind: 'bundle' | 'dump' | 'proof' | 'growth'
  /** What is in it; of a case that is refused, the one thing that is wrong. */
  readonly shows: string
  readonly verdict: Verdict
  /** Codes of docs/receipts.md, as `countersign receipts verify` reports them; empty where it accepts. */
  readonly findings: readonly string[]
  readonly others: Readonly<Partial<Record<Other, Verdict>>>
  /** The reader's witness policy; none unless told. */
  readonly witnesses?: string
  /** The entry that a `proof` is of; the older checkpoint that a `growth` starts from. */
  readonly against?: string
}

/** A case with its file's text. */
export interface WrittenCase extends Case {
  readonly text: string
  readonly checkpoint?: string
}

export interface CaseOptions extends Partial<Held>, Pick<Case, 'witnesses' | 'against'> {
  /** Of a dump. */
  readonly checkpoint?: string
}

export const LOG_KEY = verifierKeyOf(`${ORIGIN}/1`, CHECKPOINT.publicKey)
/** Of a case that doesn't say otherwise. */
export const USUAL: Held = {
  trust: 'trust-root.json',
  receiptKeys: [formatPublicKey(RECEIPT.publicKey)],
  checkpointKeys: [LOG_KEY],
}
export const WITNESS_KEYS = WITNESSES.map(key => formatVerifierKey(nativeCrypto, key))

export function verifierKeyOf(origin: string, publicKey: Uint8Array): string {
  return formatVerifierKey(nativeCrypto, logKey(origin, publicKey))
}

/** Each kind with where its files lie, and who looks at it. */
const KINDS = {
  bundle: ['bundles', '.json', OTHERS],
  dump: ['dumps', '.jsonl', OTHERS],
  proof: ['proofs', '.tlog-proof', ['tlog']],
  growth: ['proofs', '.growth', ['tlog']],
} as const satisfies Record<Case['kind'], readonly [string, string, readonly Other[]]>

export function accepted(
  kind: Case['kind'],
  name: string,
  shows: string,
  text: string,
  options: CaseOptions = {},
): WrittenCase {
  return written(kind, 'accept', name, shows, [], [], text, options)
}

/** `seenBy`: who refuses it; the others can't see that. */
export function refused(
  kind: Case['kind'],
  name: string,
  shows: string,
  findings: readonly string[],
  seenBy: readonly Other[],
  text: string,
  options: CaseOptions = {},
): WrittenCase {
  return written(kind, 'reject', name, shows, findings, seenBy, text, options)
}

function written(
  kind: Case['kind'],
  verdict: Verdict,
  name: string,
  shows: string,
  findings: readonly string[],
  seenBy: readonly Other[],
  text: string,
  options: CaseOptions,
): WrittenCase {
  const [folder, extension, others] = KINDS[kind]
  return {
    file: `${folder}/${verdict}/${name}${extension}`,
    kind,
    shows,
    verdict,
    findings,
    others: Object.fromEntries(
      others.map(other => [other, seenBy.includes(other) ? 'reject' : 'accept'] as const),
    ),
    ...options,
    text,
  }
}
