import type { JWK } from 'jose'
import { canonicalBytes, equalBytes, utf8 } from '../canon/index.js'
import { openSide } from '../ledger/index.js'
import { nativeCrypto } from '../native/index.js'
import {
  type AttemptBody,
  type Bundle,
  type CommittedField,
  commitmentIn,
  type Disclosure,
  decodeEntry,
  type Entry,
  encodeInputs,
  fieldKey,
  opensCommitment,
  type SideRecord,
  settledDisclosures,
} from '../receipt/index.js'
import type { ReceiptSource } from './receipt-source.js'

/** What is to be disclosed. */
export interface DisclosureWish {
  /** Attempts; null for every one in the bundle. */
  readonly seqs: readonly number[] | null
  /** Null for every field that can be. */
  readonly fields: readonly CommittedField[] | null
  /** A body or a response itself: the side store keeps no digest of a streamed body or of a response. */
  readonly content: Uint8Array | null
}

export type DisclosureResult =
  | { readonly kind: 'disclosed'; readonly seq: number; readonly field: CommittedField }
  | {
      readonly kind: 'refused'
      readonly seq: number
      readonly field: CommittedField | null
      readonly why: string
    }

type Attempt = Entry & AttemptBody

/**
 * Adds disclosures to a bundle from the encrypted decision inputs of its log. What is handed out for a field is its key
 * and value, never the attempt's secret, which would open every other field as well.
 */
export async function discloseFields(
  bundle: Bundle,
  source: ReceiptSource,
  auditorKey: JWK,
  wish: DisclosureWish,
): Promise<{ readonly bundle: Bundle; readonly results: readonly DisclosureResult[] }> {
  const entries = bundle.entries.map(({ entry }) => decodeEntry(utf8(entry)))
  const attempts = entries.filter((entry): entry is Attempt => entry.type === 'attempt')
  // ATTACK: a hundred thousand attempts, each of which goes through all of these.
  const bySeq = new Map(attempts.map(attempt => [attempt.seq, attempt]))
  const outcomes = new Map(entries.flatMap(each => (each.type === 'outcome' ? [[each.attempt, each]] : [])))
  const side = openSide(auditorKey)
  const added: Disclosure[] = []
  const results: DisclosureResult[] = []
  const seqs = wish.seqs ?? attempts.map(({ seq }) => seq)
  const inLog = await standingIn(source, bundle, new Set(seqs))
  for (const seq of seqs) {
    const leave = (why: string, field: CommittedField | null = null) =>
      results.push({ kind: 'refused', seq, field, why })
    const attempt = bySeq.get(seq)
    if (attempt === undefined) {
      leave('it is no attempt of this bundle')
      continue
    }
    if (!inLog.has(seq)) {
      leave('it is not the receipt that the log has in this place')
      continue
    }
    const wrapped = wrappedKeyOf(entries, attempt.boot)
    const record = wrapped === null ? undefined : await source.side(attempt.id)
    if (wrapped === null || record === undefined) {
      leave('its decision inputs were not kept, or were erased')
      continue
    }
    const opened = await side.open(wrapped, attempt.id, record)
    const outcome = outcomes.get(seq)
    for (const field of wish.fields ?? fieldsOf(attempt)) {
      const committed = commitmentIn(attempt, outcome, field)
      const value = keptValue(opened, field, wish.content)
      const disclosure = { seq, field, key: fieldKey(nativeCrypto, opened.secret, field) }
      if (committed === undefined) leave('the receipt has no such field', field)
      else if (value === null)
        leave('its value was not kept: pass the body or response itself with --content', field)
      else if (!opensCommitment(nativeCrypto, committed, { ...disclosure, value }))
        leave('what was kept, or given, is not what the receipt has committed to', field)
      else {
        added.push({ ...disclosure, value })
        results.push({ kind: 'disclosed', seq, field })
      }
    }
  }
  return {
    bundle: { ...bundle, disclosures: settledDisclosures([...bundle.disclosures, ...added]) },
    results,
  }
}

/**
 * Those of these numbers whose entry in the bundle is the very one of the log. ATTACK: whoever asks for a harmless receipt to be opened
 * puts the id and commitments of another under its number, and is handed what that one holds.
 */
async function standingIn(
  source: Pick<ReceiptSource, 'entries'>,
  { entries }: Bundle,
  seqs: ReadonlySet<number>,
): Promise<ReadonlySet<number>> {
  const wanted = new Map(entries.flatMap(({ seq, entry }) => (seqs.has(seq) ? [[seq, entry]] : [])))
  const found = new Set<number>()
  let [first, last] = [Number.POSITIVE_INFINITY, -1]
  for (const seq of wanted.keys()) [first, last] = [Math.min(first, seq), Math.max(last, seq)]
  if (last < 0) return found
  let place = first
  for await (const bytes of source.entries(first)) {
    const written = wanted.get(place)
    if (written !== undefined && equalBytes(utf8(written), bytes)) found.add(place)
    if (++place > last) break
  }
  return found
}

function wrappedKeyOf(entries: readonly Entry[], boot: string): string | null {
  for (const entry of entries)
    if (entry.type === 'boot' && entry.boot === boot && typeof entry.data.side_key === 'string')
      return entry.data.side_key
  return null
}

/** What the side store can disclose of an attempt by itself. */
function fieldsOf({ req, ops, probes = [] }: Attempt): readonly CommittedField[] {
  const body: readonly CommittedField[] = req.body_c === undefined ? [] : ['body']
  return [
    'target',
    ...body,
    'inputs',
    ...ops.flatMap(({ more }, i) => (more === undefined ? [] : [`ops.${i}` as const])),
    ...probes.flatMap(({ facts_c }, i) => (facts_c === undefined ? [] : [`probes.${i}` as const])),
  ]
}

/** What the receipt has committed to; null where the side store doesn't know it. */
function keptValue(
  { inputs }: SideRecord,
  field: CommittedField,
  content: Uint8Array | null,
): Uint8Array | null {
  switch (field) {
    case 'target':
      return utf8(inputs.target)
    case 'inputs':
      return encodeInputs(inputs)
    case 'resp':
      return content === null ? null : nativeCrypto.sha256(content)
    case 'body':
      if (content !== null) return nativeCrypto.sha256(content)
      return inputs.body === null ? null : Buffer.from(inputs.body, 'hex')
    default: {
      if (field.startsWith('probes.')) {
        const facts = inputs.probe?.[Number(field.slice('probes.'.length))]?.facts
        return facts == null ? null : canonicalBytes(facts)
      }
      const operation = inputs.operations[Number(field.slice('ops.'.length))]
      return operation === undefined ? null : canonicalBytes(operation)
    }
  }
}
