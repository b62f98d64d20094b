import {
  base64,
  CountersignError,
  fromBase64,
  parsePublicKey,
  parseStrictJson,
  utf8,
} from '../../canon/index.js'

/*
 * What is said to a signer: one JSON object a line on its standard input, one answer a line on its standard output, by
 * `id` and in any order; docs/keys.md is the page for who writes one. It ends when its standard input does.
 *
 *     → {"id":1,"op":"public-key"}                            ← {"id":1,"publicKey":"ed25519:<43 base64url>"}
 *     → {"id":2,"op":"sign","messages":["<base64>",…]}        ← {"id":2,"signatures":["<base64 of 64 bytes>",…]}
 *                                                             ← {"id":2,"error":"the token is not there"}
 */

/** A program that signs, and what it gets beside PATH and LANG. */
export interface SignerSpec {
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Where relative paths in the command start from. */
  readonly folder: string
}

export type SignerRequest =
  | { readonly op: 'public-key' }
  | { readonly op: 'sign'; readonly messages: readonly Uint8Array[] }

export type SignerAnswer = { readonly id: number } & (
  | { readonly kind: 'public-key'; readonly publicKey: Uint8Array }
  | { readonly kind: 'signatures'; readonly signatures: readonly Uint8Array[] }
  | { readonly kind: 'error'; readonly error: string }
)

/** A longer line is no answer. */
export const MAX_LINE_BYTES = 1_048_576

export function requestLine(id: number, request: SignerRequest): string {
  const value =
    request.op === 'sign'
      ? { id, op: request.op, messages: request.messages.map(base64) }
      : { id, op: request.op }
  return `${JSON.stringify(value)}\n`
}

/** The answer in a line; null for anything else, which a signer must not write there. */
export function readAnswer(line: string): SignerAnswer | null {
  try {
    const value = parseStrictJson(utf8(line), { maxDepth: 3, integersOnly: true })
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
    const { id, publicKey, signatures, error, ...rest } = value
    const said = [publicKey, signatures, error].filter(each => each !== undefined)
    if (!Number.isSafeInteger(id) || said.length !== 1 || Object.keys(rest).length > 0) return null
    if (typeof publicKey === 'string')
      return { id: id as number, kind: 'public-key', publicKey: parsePublicKey(publicKey) }
    if (typeof error === 'string') return { id: id as number, kind: 'error', error: plain(error) }
    if (!Array.isArray(signatures)) return null
    const raw = signatures.map(each => fromBase64(String(each)))
    return raw.every(({ length }) => length === 64)
      ? { id: id as number, kind: 'signatures', signatures: raw }
      : null
  } catch (error) {
    if (error instanceof CountersignError) return null
    throw error
  }
}

/** What a signer says of itself, as it may stand in a log: short, one line, nothing but plain text. */
export function plain(text: string): string {
  return text
    .replace(/[^\P{C}]/gu, ' ')
    .trim()
    .slice(0, 200)
}
