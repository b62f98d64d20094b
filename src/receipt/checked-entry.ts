import type { Crypto } from '../canon/index.js'
import type { Entry } from './entry.js'
import { openEntry } from './seal.js'
import { leafHash } from './tree.js'

/** What can be said of an entry without any other: its leaf, its form and its signature. */
export type CheckedEntry =
  | { readonly kind: 'malformed'; readonly leaf: Uint8Array; readonly detail: string }
  | {
      readonly kind: 'well-formed'
      readonly leaf: Uint8Array
      readonly entry: Entry
      /** The bytes that it was read from. */
      readonly payload: Uint8Array
      /** As written. */
      readonly keyid: string
      readonly signature: SignatureVerdict
    }

/** `unknown key`: not among the keys that were at hand; `unchecked`: nobody asked. */
export type SignatureVerdict = 'valid' | 'invalid' | 'unknown key' | 'unchecked'

/** Receipt keys by key id; null where signatures are not to be checked. */
export type KeysById = ReadonlyMap<string, Uint8Array> | null

/** One entry of a log with what was found in it, ready for its place. */
export interface LogStep {
  /** Envelope bytes. */
  readonly bytes: Uint8Array
  readonly checked: CheckedEntry
}

/** Envelopes in the order of a log, as many at a time as their source gives. */
export type EntryBatches = AsyncIterable<readonly Uint8Array[]>

/**
 * Checks entries by themselves, in their order, some at a time; `keys` is asked again as the log goes on. May run ahead
 * of whoever takes the steps, on other threads for one: a key that it did not have yet is `unknown key`.
 */
export type EntryChecker = (entries: EntryBatches, keys: () => KeysById) => AsyncIterable<readonly LogStep[]>

/** Checks one entry by itself. */
export function checkEntry(
  crypto: Crypto,
  keys: KeysById,
  bytes: Uint8Array,
  leaf = leafHash(crypto, bytes),
): CheckedEntry {
  try {
    const { entry, payload, keyid, signed, signature } = openEntry(bytes)
    return {
      kind: 'well-formed',
      leaf,
      entry,
      payload,
      keyid,
      signature: verdictOn(crypto, keys, keyid, signed, signature),
    }
  } catch (error) {
    return { kind: 'malformed', leaf, detail: (error as Error).message }
  }
}

function verdictOn(
  crypto: Pick<Crypto, 'verify'>,
  keys: KeysById,
  keyid: string,
  signed: Uint8Array,
  signature: Uint8Array,
): SignatureVerdict {
  if (keys === null) return 'unchecked'
  const key = keys.get(keyid)
  if (key === undefined) return 'unknown key'
  return crypto.verify(key, signed, signature) ? 'valid' : 'invalid'
}

/** In this thread, one after the other. */
export function checkInTurn(crypto: Crypto): EntryChecker {
  return async function* steps(entries, keys) {
    for await (const batch of entries)
      for (const bytes of batch) yield [{ bytes, checked: checkEntry(crypto, keys(), bytes) }]
  }
}

/** One entry at a time, as sources give them that have no batches. */
export async function* oneByOne(entries: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Uint8Array[]> {
  for await (const bytes of entries) yield [bytes]
}
