import { CountersignError, type JsonObject, type JsonValue, parseStrictJson } from '../canon/index.js'
import type { Slot } from '../protocol/index.js'

/**
 * A grant on the wire: a JWS in compact form (RFC 7515 §7.1) of at most 2,048 characters, header exactly
 *
 *     {"alg":"Ed25519","kid":"<RFC 7638 thumbprint of the grant key>","typ":"at+jwt"}
 *
 * and these claims, no others, `authorization_details` (RFC 9396) alone being optional:
 *
 *     {"iss":"<origin>","aud":"<origin>","sub":"coder","environment":"staging","task":"t-17",
 *      "owner":"maria","jti":"<UUID>","slot":"bearer","iat":1790000000,"exp":1790003600}
 */
export interface GrantClaims {
  readonly iss: string
  readonly aud: string
  readonly sub: string
  readonly environment: string
  readonly task: string
  readonly owner: string
  readonly jti: string
  readonly slot: SlotClaim
  /** Unix seconds. */
  readonly iat: number
  readonly exp: number
  readonly authorization_details?: readonly JsonObject[]
}

export const GRANT_TYP = 'at+jwt'
/** RFC 9864's name; `EdDSA` is retired and not accepted. */
export const GRANT_ALG = 'Ed25519'
export const MAX_GRANT_CHARS = 2_048
export const MAX_GRANT_TTL_SECONDS = 3_600

/** The slots that a token can be issued for; the three that carry it as it is are one. */
export type SlotClaim = 'bearer' | 'project-access-token' | 'aws-sigv4'

/** Which slot claim opens which slot of a request. */
export const CLAIM_OF_SLOT: Readonly<Record<Slot, SlotClaim>> = {
  bearer: 'bearer',
  'countersign-grant': 'bearer',
  'basic-user': 'bearer',
  'project-access-token': 'project-access-token',
  'aws-sigv4': 'aws-sigv4',
}

const TEXT_CLAIMS = ['iss', 'aud', 'sub', 'environment', 'task', 'owner', 'jti'] as const
const CLAIMS: ReadonlySet<string> = new Set([...TEXT_CLAIMS, 'slot', 'iat', 'exp', 'authorization_details'])
const SLOT_CLAIMS: readonly string[] = ['bearer', 'project-access-token', 'aws-sigv4']

/** 1 to 128 characters, none of them a control, format or unassigned one: it is shown to people and written in receipts. */
export function isPlainText(value: unknown): value is string {
  return typeof value === 'string' && /^[^\p{C}]{1,128}$/u.test(value)
}

/** The claims in the bytes, or undefined unless they have exactly the shape above. */
export function parseClaims(bytes: Uint8Array): GrantClaims | undefined {
  const value = parsedObject(bytes)
  if (value === undefined) return undefined
  const sound =
    Object.keys(value).every(name => CLAIMS.has(name)) &&
    TEXT_CLAIMS.every(name => isPlainText(value[name])) &&
    SLOT_CLAIMS.includes(value.slot as string) &&
    Number.isSafeInteger(value.iat) &&
    Number.isSafeInteger(value.exp) &&
    isDetails(value.authorization_details)
  return sound ? (value as unknown as GrantClaims) : undefined
}

/** RFC 9396 §2: objects that each have a `type`; or absent. */
export function isDetails(value: JsonValue | readonly JsonObject[] | undefined): boolean {
  if (value === undefined) return true
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(
      detail =>
        typeof detail === 'object' &&
        detail !== null &&
        !Array.isArray(detail) &&
        typeof detail.type === 'string',
    )
  )
}

/** The key id of a header that is exactly ours, or undefined. */
export function parseHeader(bytes: Uint8Array): string | undefined {
  const header = parsedObject(bytes)
  // ATTACK: `jwk`, `jku`, `x5u`, `x5c` bring their own key, `crit`, `b64` and `zip` another way to read: all are unknown members here.
  if (header === undefined || Object.keys(header).length !== 3) return undefined
  const { alg, kid, typ } = header
  return alg === GRANT_ALG && typ === GRANT_TYP && typeof kid === 'string' ? kid : undefined
}

function parsedObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    const value = parseStrictJson(bytes, { maxDepth: 8 })
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch (error) {
    if (error instanceof CountersignError) return undefined
    throw error
  }
}
