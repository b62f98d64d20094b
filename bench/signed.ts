import { createHash } from 'node:crypto'
import type { IssuedGrant } from '../src/cli/grant-session.js'
import { nativeCrypto } from '../src/native/index.js'
import {
  type Header,
  requestSignature,
  SIGV4_ALGORITHM,
  scopeText,
  signedHeaderNames,
  signingKey,
} from '../src/protocol/index.js'

/**
 * Headers of one AWS request, signed once and sent over and over: a read may be repeated under its signature for a
 * quarter of an hour, so that the load generator needs no signer.
 */
export function signedHeaders(
  method: string,
  url: string,
  service: string,
  type: string,
  body: string,
  keys: IssuedGrant,
): Readonly<Record<string, string>> {
  const { host, pathname } = new URL(url)
  const date = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '')
  const payload = createHash('sha256').update(body).digest('hex')
  const headers: Header[] = [
    ['content-type', type],
    ['host', host],
    ['x-amz-date', date],
    ['x-amz-security-token', keys.token],
  ]
  const scope = { date, region: 'eu-west-1', service }
  const key = signingKey(keys.secret ?? '', scope, nativeCrypto)
  const signature = requestSignature({ method, target: pathname, headers, payload }, scope, key, nativeCrypto)
  return {
    ...Object.fromEntries(headers.filter(([name]) => name !== 'host')),
    authorization: `${SIGV4_ALGORITHM} Credential=${keys.jti}/${scopeText(scope)}, SignedHeaders=${signedHeaderNames(headers)}, Signature=${signature}`,
  }
}
