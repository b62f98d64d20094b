/**
 * A request target that passed the positive grammar (see `parseTarget`). `raw` is exactly what is matched,
 * signed and sent: the API prefix is already taken off.
 */
export interface Target {
  /** Origin form, `/v1/customers/cus_1?limit=3`; ASCII. */
  readonly raw: string
  /** The path without the query, still percent-encoded. */
  readonly path: string
  /** Raw, still percent-encoded segments of the path: `/v1/x` → `['v1', 'x']`; `/` → `['']`. */
  readonly segments: readonly string[]
  /** The raw query without `?`, or null when there is no `?`. */
  readonly query: string | null
}

/** Name in lower case and value, in the order received, duplicates kept. */
export type Header = readonly [name: string, value: string]

/** What is known of a request before its body is read. */
export interface RequestHead {
  /** Upper-case token. */
  readonly method: string
  readonly target: Target
  readonly headers: readonly Header[]
}

export type RequestBody =
  | { readonly kind: 'none' }
  /** Read whole and, if it was encoded, decoded within bounds. */
  | { readonly kind: 'buffered'; readonly bytes: Uint8Array }
  /** Forwarded without a look; only where the decision does not depend on it. */
  | { readonly kind: 'streamed' }

export interface RequestFacts extends RequestHead {
  readonly body: RequestBody
}

/** What the catalog wants done with the body before it classifies. */
export type BodyPlan =
  | { readonly kind: 'none' }
  | { readonly kind: 'inspect'; readonly maxBytes: number }
  | { readonly kind: 'stream' }
