import { fromBase64, fromBase64url, fromUtf8, parseStrictJson } from '../canon/index.js'
import { POD_GRANT } from '../link/index.js'
import type { Header, Slot } from '../protocol/index.js'
import {
  credentialParameters,
  hasCredentialShape,
  isCredentialHeader,
  parameterValues,
} from './credential-shapes.js'

export interface Presented {
  readonly slot: Slot
  readonly token: string
}

/** What a request carries to be known by. Values other than the one presented grant are dropped where they are found. */
export interface Identity {
  readonly presented: Presented | null
  /** Places that carried a credential which is not the grant: header names, `query:<name>`. At most eight. */
  readonly foreign: readonly string[]
}

/** A grant is at most 2 KB (DESIGN: credentials). */
const MAX_GRANT_CHARACTERS = 2_048
const MAX_FOREIGN = 8
const COMPACT_JWS = /^([A-Za-z0-9_-]{10,})\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/

const NOTHING: Identity = { presented: null, foreign: [] }

/** Where a presigned URL says who signed it (SigV4). */
const TOKEN_PARAMETER = 'x-amz-security-token'
const SIGNATURE_PARAMETERS = ['x-amz-credential', 'x-amz-signature'] as const
const NO_PARAMETERS: ReadonlySet<string> = new Set()
const SIGV4_PARAMETERS: ReadonlySet<string> = new Set([TOKEN_PARAMETER, ...SIGNATURE_PARAMETERS])

/**
 * Finds the one grant, in one of the API's slots, and the name of every other place that holds a credential.
 * Whatever stands in a slot and isn't a token of ours by its form, and every second slot that is filled, is foreign.
 *
 * In the slot `aws-sigv4` the grant is the session token, in its header or in a presigned URL, and what signs the
 * request belongs to it. ATTACK: a found AWS key is one that no grant stands beside, or that has AWS's own form.
 */
export function identify(slots: readonly Slot[], headers: readonly Header[], query: string | null): Identity {
  const signing = slots.includes('aws-sigv4')
  let presented: Presented | null = null
  let foreign: string[] | null = null
  /** Places of a signature; whose it is shows when all slots were looked at. */
  let signatures: string[] | null = null
  for (const [name, value] of headers) {
    if (signing && name === 'authorization' && /^AWS4-/i.test(value)) {
      signatures ??= []
      signatures.push(name)
      if (!hasCredentialShape(value)) continue
    } else {
      // A shell whose variable is empty: there is nothing in it to have found.
      if (name === 'authorization' && /^bearer\s*$/i.test(value)) continue
      const place = slotOf(name, value)
      if (place === null) {
        if (!isForeignHeader(name, value, signing)) continue
      } else if (presented === null && slots.includes(place.slot) && isGrantShaped(place.token)) {
        presented = place
        continue
      }
    }
    foreign ??= []
    foreign.push(name.slice(0, 64))
  }
  if (query !== null && query !== '') {
    const found = credentialParameters(query, signing ? SIGV4_PARAMETERS : NO_PARAMETERS)
    if (signing) {
      for (const token of parameterValues(query, TOKEN_PARAMETER)) {
        if (presented === null && isGrantShaped(token)) presented = { slot: 'aws-sigv4', token }
        else found.push(TOKEN_PARAMETER)
      }
      for (const name of SIGNATURE_PARAMETERS) {
        for (const value of parameterValues(query, name)) {
          signatures ??= []
          signatures.push(`query:${name}`)
          if (hasCredentialShape(value)) found.push(name)
        }
      }
    }
    for (const name of found) {
      foreign ??= []
      // ATTACK: a name that is cut within a character, which the keeper would close the link over.
      foreign.push(`query:${name.slice(0, 58).toWellFormed()}`)
    }
  }
  if (signatures !== null && presented?.slot !== 'aws-sigv4') foreign = [...(foreign ?? []), ...signatures]
  if (foreign === null) return presented === null ? NOTHING : { presented, foreign: NOTHING.foreign }
  return { presented, foreign: [...new Set(foreign)].slice(0, MAX_FOREIGN) }
}

/** The same with the pod's own token where the word stands that means it; without one there, nothing was presented. */
export function asPod(identity: Identity, podToken: () => string | null): Identity {
  if (identity.presented?.token !== POD_GRANT) return identity
  const token = podToken()
  return { ...identity, presented: token === null ? null : { ...identity.presented, token } }
}

/** AWS names parameters of its operations `x-amz-…-token`: there the value alone tells. */
function isForeignHeader(name: string, value: string, signing: boolean): boolean {
  return signing && name.startsWith('x-amz-') ? hasCredentialShape(value) : isCredentialHeader(name, value)
}

/** The slot that a header is, with what stands in it; null for a header that is none. */
function slotOf(name: string, value: string): Presented | null {
  switch (name) {
    case 'authorization':
      return authorization(value)
    case 'countersign-grant':
      return { slot: 'countersign-grant', token: value.trim() }
    case 'x-amz-security-token':
      return { slot: 'aws-sigv4', token: value.trim() }
    case 'project-access-token':
      return { slot: 'project-access-token', token: value.trim() }
    default:
      return null
  }
}

/** RFC 6750 §2.1 and RFC 7617 §2. Any other scheme is a slot with a token that can't be a grant. */
function authorization(value: string): Presented {
  const space = value.indexOf(' ')
  const scheme = value.slice(0, space < 0 ? value.length : space).toLowerCase()
  const rest = space < 0 ? '' : value.slice(space + 1).trim()
  if (scheme === 'bearer') return { slot: 'bearer', token: rest }
  if (scheme === 'basic') return { slot: 'basic-user', token: basicUser(rest) }
  return { slot: 'bearer', token: '' }
}

/** The user name where the password is empty; otherwise the empty string, which is no grant. */
function basicUser(encoded: string): string {
  if (encoded.length > 2 * MAX_GRANT_CHARACTERS) return ''
  try {
    const text = fromUtf8(fromBase64(encoded))
    const colon = text.indexOf(':')
    return colon === text.length - 1 ? text.slice(0, colon) : ''
  } catch {
    return ''
  }
}

/** The JOSE header is the same in every grant of one keeper: the last one seen is remembered. It holds no secret. */
let lastHeader: { readonly encoded: string; readonly ours: boolean } = { encoded: '', ours: false }

/**
 * True for a compact JWS whose header says `at+jwt` (RFC 9068 §2.1), for one that is meant for a sidecar, and for the
 * word that stands for the pod's. The keeper alone verifies them.
 */
function isGrantShaped(token: string): boolean {
  if (token === POD_GRANT) return true
  if (token.length > MAX_GRANT_CHARACTERS) return false
  const encoded = COMPACT_JWS.exec(token)?.[1]
  return encoded !== undefined && (isOurHeader(encoded) || isForSidecar(token))
}

function isOurHeader(encoded: string): boolean {
  if (encoded === lastHeader.encoded) return lastHeader.ours
  let ours = false
  try {
    const header = parseStrictJson(fromBase64url(encoded), { maxDepth: 4 })
    ours =
      typeof header === 'object' &&
      header !== null &&
      !Array.isArray(header) &&
      typeof header.typ === 'string' &&
      header.typ.toLowerCase() === 'at+jwt'
  } catch {
    return false
  }
  lastHeader = { encoded, ours }
  return ours
}

/** `aud` of a token that was made for a sidecar: its origin, and nobody else (RFC 7519 §4.1.3). */
const ORIGIN = /^[a-z0-9.-]+\/countersign\/[a-z0-9-]+$/

/** A pod's identity has no type. What an API server itself would take, or anybody else, is a found credential. */
function isForSidecar(token: string): boolean {
  try {
    const payload = parseStrictJson(fromBase64url(token.split('.')[1] ?? ''), { maxDepth: 8 })
    if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return false
    const audiences = Array.isArray(payload.aud) ? payload.aud : [payload.aud]
    return audiences.length === 1 && typeof audiences[0] === 'string' && ORIGIN.test(audiences[0])
  } catch {
    return false
  }
}
