import {
  base64,
  type Crypto,
  canonicalBytes,
  contentId,
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  fromBase64,
  fromUtf8,
  type JsonValue,
  parseCanonical,
  utf8,
} from '../canon/index.js'
import { COMMITTED_FIELD, type CommittedField } from './commitment.js'
import { receiptFault } from './error-table.js'
import { count, exactly, list, matching, object, text } from './shape.js'

export const BUNDLE_KIND = 'application/vnd.countersign.bundle.v1+json'

/** What a bundle may have at most, so that a reader can bound its memory. */
export const MAX_BUNDLE_BYTES = 128 * 1024 * 1024

/**
 * The evidence of one incident in one file, to be checked without asking anybody. On disk, as JCS without a newline:
 *
 *     {"catalogs":["<catalog>",…],"checkpoint":"<signed note>",
 *      "disclosures":[{"field":"target","key":"<base64>","seq":4182,"value":"<base64>"},…],
 *      "entries":[{"entry":"<envelope>","proof":["<base64>",…],"seq":4182},…],
 *      "kind":"application/vnd.countersign.bundle.v1+json",
 *      "policies":["<envelope>",…],"trust":["<envelope>",…],"v":1}
 */
export interface Bundle {
  /** Text of the one checkpoint that every proof leads to: the log's own line first, the others in ascending order. */
  readonly checkpoint: string
  /** Ascending by `seq`. */
  readonly entries: readonly BundledEntry[]
  /** Sealed policies that the entries cite, as envelopes; ascending by content id. */
  readonly policies: readonly string[]
  /** Catalogs that the policies pin, as the text whose digest they name; ascending by it. */
  readonly catalogs: readonly string[]
  /** Versions of the trust root as envelopes, oldest first. */
  readonly trust: readonly string[]
  /** Ascending by `seq`, then by `field`. */
  readonly disclosures: readonly Disclosure[]
}

export interface BundledEntry {
  readonly seq: number
  /** The envelope as it stands in the log. */
  readonly entry: string
  /** Hashes from the leaf's sibling up (RFC 6962 §2.1.1). */
  readonly proof: readonly Uint8Array[]
}

/** One commitment of one attempt, opened; see `commitment.ts`. */
export interface Disclosure {
  /** The attempt; `resp` and a streamed `body` stand in its outcome. */
  readonly seq: number
  readonly field: CommittedField
  /** Key of the field, 32 bytes: it opens this one and no other. */
  readonly key: Uint8Array
  readonly value: Uint8Array
}

const shape = object({
  v: exactly(1),
  kind: exactly(BUNDLE_KIND),
  checkpoint: text,
  entries: list(object({ entry: text, proof: list(text), seq: count })),
  policies: list(text),
  catalogs: list(text),
  trust: list(text),
  disclosures: list(object({ field: matching(COMMITTED_FIELD), key: text, seq: count, value: text })),
})

/** Throws `bundle_malformed` beyond `MAX_BUNDLE_BYTES`. */
export function encodeBundle(bundle: Bundle): Uint8Array {
  const bytes = canonicalBytes({
    ...bundle,
    v: 1,
    kind: BUNDLE_KIND,
    entries: bundle.entries.map(({ entry, proof, seq }) => ({ entry, proof: proof.map(base64), seq })),
    disclosures: bundle.disclosures.map(({ field, key, seq, value }) => {
      return { field, key: base64(key), seq, value: base64(value) }
    }),
  })
  if (bytes.length > MAX_BUNDLE_BYTES) throw malformed('larger than a bundle may be')
  return bytes
}

/**
 * Takes a bundle apart and throws `bundle_malformed` unless it would be written back byte for byte. Nothing of it is
 * verified; see `verifyBundle`.
 */
export function parseBundle(bytes: Uint8Array): Bundle {
  if (bytes.length > MAX_BUNDLE_BYTES) throw malformed('larger than a bundle may be')
  const value = canonicalIn(bytes)
  const wrong = shape(value)
  if (wrong !== undefined) throw malformed(wrong)
  try {
    return bundleOf(value as unknown as Written)
  } catch (error) {
    throw malformed((error as Error).message)
  }
}

function canonicalIn(bytes: Uint8Array): JsonValue {
  try {
    return parseCanonical(bytes)
  } catch (error) {
    throw malformed((error as Error).message)
  }
}

/** True where a file begins as a bundle and not as a dump of envelopes or a note. */
export function looksLikeBundle(head: Uint8Array): boolean {
  return String.fromCharCode(...head.subarray(0, BUNDLE_HEAD.length)) === BUNDLE_HEAD
}

const BUNDLE_HEAD = '{"catalogs":['

/** A bundle as JSON has it. */
interface Written extends Omit<Bundle, 'entries' | 'disclosures'> {
  readonly entries: readonly { readonly entry: string; readonly proof: string[]; readonly seq: number }[]
  readonly disclosures: readonly {
    readonly field: CommittedField
    readonly key: string
    readonly seq: number
    readonly value: string
  }[]
}

function bundleOf({ checkpoint, entries, policies, catalogs, trust, disclosures }: Written): Bundle {
  return {
    checkpoint,
    entries: entries.map(({ entry, proof, seq }) => ({ entry, proof: proof.map(fromBase64), seq })),
    policies,
    catalogs,
    trust,
    disclosures: disclosures.map(({ field, key, seq, value }) => {
      return { field, key: fromBase64(key), seq, value: fromBase64(value) }
    }),
  }
}

/** An envelope in the one form that a bundle holds: JCS, signatures ascending by key id, each once. */
export function settledEnvelope(envelope: Envelope): string {
  const byKey = new Map(envelope.signatures.map(signature => [signature.keyid, signature]))
  const signatures = [...byKey.values()].sort((a, b) => (a.keyid < b.keyid ? -1 : 1))
  return fromUtf8(encodeEnvelope({ ...envelope, signatures }))
}

/** Opens an envelope of a bundle; throws `bundle_malformed` unless `settledEnvelope` would write it. Signatures are not verified. */
export function parseSettledEnvelope(written: string): Envelope {
  const envelope = decodeEnvelope(utf8(written))
  if (settledEnvelope(envelope) !== written) throw malformed('an envelope in another form')
  return envelope
}

/** A checkpoint's note in the form that a bundle holds: the log's own line first, the others ascending, each once. */
export function settledNote(note: string): string {
  const split = note.lastIndexOf('\n\n') + 2
  const lines = new Set(note.slice(split).split('\n').slice(0, -1))
  const own = `— ${note.slice(0, note.indexOf('\n'))} `
  const rank = (line: string) => (line.startsWith(own) ? 0 : 1)
  const sorted = [...lines].sort((a, b) => rank(a) - rank(b) || compareUtf8(a, b))
  return `${note.slice(0, split)}${sorted.map(line => `${line}\n`).join('')}`
}

/** Sealed policies in the order of a bundle. */
export function settledPolicies(
  crypto: Pick<Crypto, 'sha256'>,
  envelopes: readonly Envelope[],
): readonly string[] {
  return byContentId(crypto, envelopes, ({ payload }) => payload).map(settledEnvelope)
}

/** Catalogs in the order of a bundle. */
export function settledCatalogs(
  crypto: Pick<Crypto, 'sha256'>,
  catalogs: readonly string[],
): readonly string[] {
  return byContentId(crypto, catalogs, utf8)
}

/** Disclosures in the order of a bundle. Where one field stands twice, the later one is kept. */
export function settledDisclosures(disclosures: readonly Disclosure[]): readonly Disclosure[] {
  const byPlace = new Map(disclosures.map(each => [`${each.seq} ${each.field}`, each]))
  return [...byPlace.values()].sort(compareDisclosures)
}

/** Negative where `a` stands before `b`; 0 where they open the same field. */
export function compareDisclosures(
  a: Pick<Disclosure, 'seq' | 'field'>,
  b: Pick<Disclosure, 'seq' | 'field'>,
): number {
  return a.seq - b.seq || compareUtf8(a.field, b.field)
}

function byContentId<T>(
  crypto: Pick<Crypto, 'sha256'>,
  values: readonly T[],
  bytesOf: (value: T) => Uint8Array,
): readonly T[] {
  const byId = new Map(values.map(value => [contentId(crypto, bytesOf(value)), value]))
  return [...byId].sort(([a], [b]) => compareUtf8(a, b)).map(([, value]) => value)
}

/** Order of the UTF-8 bytes, which is that of the code points. */
function compareUtf8(a: string, b: string): number {
  const [left, right] = [utf8(a), utf8(b)]
  const at = left.findIndex((byte, i) => byte !== right[i])
  return at < 0 ? left.length - right.length : (left[at] as number) - (right[at] ?? -1)
}

/** The payload of a settled envelope as JSON, in canonical form. Throws `not_canonical` and what else is wrong with it. */
export function payloadOf({ payload }: Envelope): JsonValue {
  return parseCanonical(payload)
}

function malformed(detail: string): Error {
  return receiptFault('bundle_malformed', detail)
}
