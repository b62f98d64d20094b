import { nativeCrypto } from '../native/index.js'
import {
  type CredentialScope,
  type Header,
  requestSignature,
  SIGV4_ALGORITHM,
  scopeText,
  signedHeaderNames,
  signingKey,
} from '../protocol/index.js'
import type { OutboundRequest } from './ports.js'
import { Recent } from './recent.js'

/** A key pair of AWS; temporary ones have a session token beside them. */
export interface AwsCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

/** Days, regions and services whose keys are remembered; a credential of minutes needs few. */
const MAX_KEYS = 64

/**
 * Signs requests with SigV4 in their headers: `host` and everything that is sent beside the signature are signed. Answers
 * what is to be added, names in lower case: `authorization`, `x-amz-date`, `x-amz-content-sha256` and, for temporary
 * credentials, `x-amz-security-token`.
 */
export function awsSigner(credentials: AwsCredentials): (request: OutboundRequest) => readonly Header[] {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials
  const keys = new Recent<string, Uint8Array>(MAX_KEYS)

  function keyFor(scope: CredentialScope): Uint8Array {
    const name = scopeText(scope)
    const known = keys.get(name)
    if (known !== undefined) return known
    const key = signingKey(secretAccessKey, scope, nativeCrypto)
    keys.set(name, key)
    return key
  }

  return ({ method, origin, target, headers, payload, service, region, nowMs }) => {
    const scope = { date: dateText(nowMs), region, service }
    const added: Header[] = [
      ['x-amz-content-sha256', payload],
      ['x-amz-date', scope.date],
      ...(sessionToken === undefined ? [] : [['x-amz-security-token', sessionToken] as const]),
    ]
    const signed: Header[] = [...headers, ...added, ['host', new URL(origin).host]]
    const request = { method, target, headers: signed, payload }
    const signature = requestSignature(request, scope, keyFor(scope), nativeCrypto)
    const authorization = [
      `${SIGV4_ALGORITHM} Credential=${accessKeyId}/${scopeText(scope)}`,
      `SignedHeaders=${signedHeaderNames(signed)}`,
      `Signature=${signature}`,
    ].join(', ')
    return [['authorization', authorization], ...added]
  }
}

/** `20260422T101500Z` */
function dateText(nowMs: number): string {
  return new Date(nowMs).toISOString().replace(/\.\d{3}|[:-]/g, '')
}
