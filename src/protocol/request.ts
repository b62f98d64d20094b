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

/**
 * What the catalog wants done with the body before it classifies.
 *
 * Content-Encoding is the caller's to take off, because this room has no decompressor: under `inspect` it
 * decodes gzip, deflate or br, stops with `body_too_large` as soon as the decoded bytes pass `maxBytes`, hands
 * the decoded bytes to `recognise` and forwards exactly these, without the header. `planBody` refuses every
 * other encoding, and any encoding under `stream`.
 */
export type BodyPlan =
  /** No body may come: the caller refuses the first byte with `body_unexpected` and passes `{ kind: 'none' }`. */
  | { readonly kind: 'none' }
  /** `maxBytes` counts decoded bytes. An absent or empty body is passed as `{ kind: 'none' }`. */
  | { readonly kind: 'inspect'; readonly maxBytes: number }
  | { readonly kind: 'stream'; readonly check?: StreamCheck }

/**
 * What a streamed body must turn out to be. INVARIANT: its last part goes upstream only when it has; otherwise the
 * request is broken off, and the upstream never has the whole of it.
 */
export type StreamCheck =
  /** Lower-case hex of the bytes as they come. */
  | { readonly kind: 'sha256'; readonly hex: string }
  /**
   * AWS's own chunks (`aws-chunked`), which are taken off: the payload goes upstream bare, with this length.
   * `signed`: every chunk's signature follows from the one before, the first from the request's.
   * `trailer`: name of the one trailing header that is announced, `x-amz-checksum-crc32`.
   */
  | {
      readonly kind: 'aws-chunked'
      readonly payloadBytes: number
      readonly signed: boolean
      readonly trailer: string | null
    }

/** A whole request, API prefix off and body decoded, as `explain`, replays and tests have it. */
export interface RawRequest {
  readonly method: string
  readonly target: string
  readonly headers: readonly Header[]
  readonly body: Uint8Array | null
}
