/** Entries of one log in a row, to be stored somewhere else. */
export interface Batch {
  /** Origin of the log with its epoch. */
  readonly chain: string
  readonly first: number
  /** Inclusive. */
  readonly last: number
  /** Leaf hash of entry `last`, hex. */
  readonly leaf: string
  /** Envelope bytes, in order. */
  readonly entries: readonly Uint8Array[]
  /** The newest checkpoint when the batch was made; it covers the batch, and may cover more. */
  readonly checkpoint: { readonly size: number; readonly note: string }
}

export type Delivery =
  /** The other side has it, durably as far as it says. Over plain syslog: it was written to the connection. */
  | { readonly kind: 'stored' }
  /** The other side stands elsewhere and names the entry that it wants next; `leaf` is that of the entry before, where it says. */
  | { readonly kind: 'elsewhere'; readonly next: number; readonly leaf: string | null }

export const SINK_KINDS = ['s3', 'http', 'syslog'] as const
export type SinkKind = (typeof SINK_KINDS)[number]

/**
 * A place off the host that entries are shipped to. INVARIANT: the same batch sent twice leaves there what it leaves
 * there once: objects are named after what they hold, and messages carry their number.
 */
export interface Sink {
  readonly kind: SinkKind
  /** Where it is, for people: no credential in it. */
  readonly to: string
  /** Whether `stored` is the other side's word. */
  readonly acknowledges: boolean
  /** Rejects with a fault of the ledger room. Stops within reason when the signal says so. */
  send(batch: Batch, signal: AbortSignal): Promise<Delivery>
  close(): Promise<void>
}

/** Entries as dump lines: an envelope and a newline each. */
export function linesOf(entries: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(entries.flatMap(bytes => [bytes, NEWLINE]))
}

const NEWLINE = Buffer.from('\n')
