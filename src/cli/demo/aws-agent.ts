import { createHash } from 'node:crypto'
import { nativeCrypto } from '../../native/index.js'
import {
  EMPTY_PAYLOAD,
  type Header,
  requestSignature,
  SIGV4_ALGORITHM,
  scopeText,
  signedHeaderNames,
  signingKey,
} from '../../protocol/index.js'
import { type Answer, call } from './agent.js'

/** Where somebody reaches AWS, and what they sign with. */
export interface AwsScene {
  /** Base URL of the API at the gate, or of AWS itself. */
  readonly aws: string
  readonly region: string
  readonly keys: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    /** Null for a key that is not a session's. */
    readonly sessionToken: string | null
  }
}

export interface AwsCall {
  /** Signing name: `rds`. */
  readonly service: string
  readonly method?: 'GET' | 'PUT' | 'DELETE'
  /** Path and query below the base URL; `/` unless told. */
  readonly target?: string
  /** Parameters of the query protocol; makes it a POST. */
  readonly form?: Readonly<Record<string, string>>
  readonly body?: string
}

/** One call as AWS's own clients make it. */
export function callAws(
  { aws, region, keys }: AwsScene,
  { service, method, target = '/', form, body }: AwsCall,
): Promise<Answer> {
  const url = new URL(aws)
  const text = form === undefined ? body : new URLSearchParams(form).toString()
  const date = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '')
  const payload = text === undefined ? EMPTY_PAYLOAD : createHash('sha256').update(text).digest('hex')
  const headers: Header[] = [
    ['host', url.host],
    ['x-amz-content-sha256', payload],
    ['x-amz-date', date],
  ]
  if (keys.sessionToken !== null) headers.push(['x-amz-security-token', keys.sessionToken])
  if (form !== undefined) headers.push(['content-type', 'application/x-www-form-urlencoded; charset=utf-8'])
  const verb = method ?? 'POST'
  const scope = { date, region, service }
  const key = signingKey(keys.secretAccessKey, scope, nativeCrypto)
  const signed = { method: verb, target: url.pathname.replace(/\/$/, '') + target, headers, payload }
  const signature = requestSignature(signed, scope, key, nativeCrypto)
  const authorization = `${SIGV4_ALGORITHM} Credential=${keys.accessKeyId}/${scopeText(scope)}, SignedHeaders=${signedHeaderNames(headers)}, Signature=${signature}`
  const sent = Object.fromEntries(headers.filter(([name]) => name !== 'host'))
  return call(`${aws}${target}`, { ...sent, authorization }, text, verb)
}
