import { createHash } from 'node:crypto'
import type { TestContext } from 'node:test'
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import { type Answer, type Received, type Upstream, upstream } from './upstream.js'

/** A key pair of the stand-in, and what its session may do; null for a user who may assume roles. */
export interface AwsKey {
  readonly secretAccessKey: string
  readonly sessionToken?: string
  readonly policy: string | null
}

export interface FakeSts extends Upstream {
  /** By access key id. */
  readonly keys: Map<string, AwsKey>
  /** AssumeRole calls that were granted, as they were asked. */
  readonly sessions: { readonly accessKeyId: string; readonly form: URLSearchParams }[]
  /** Whether a request is signed by one of the keys, as AWS's own signer would have signed it. */
  isSigned(request: Received, at: { readonly service: string; readonly region: string }): Promise<boolean>
}

const ROLE = 'arn:aws:iam::111122223333:role/agents'
export const USER = { accessKeyId: 'AKIAUSER', secretAccessKey: 'planted/User+Secret0' }

export interface StsOptions {
  readonly nowMs: number
  /** Instead of a credential. */
  readonly answer?: (form: URLSearchParams) => Answer | undefined
  readonly lifeMs?: number
}

/**
 * STS on loopback: re-signs every request with AWS's own signer and compares, checks AssumeRole as AWS documents it,
 * and gives out a new session key for each.
 */
export async function fakeSts(t: TestContext, options: StsOptions): Promise<FakeSts> {
  const keys = new Map<string, AwsKey>([
    [USER.accessKeyId, { secretAccessKey: USER.secretAccessKey, policy: null }],
  ])
  const sessions: FakeSts['sessions'] = []
  const isSigned: FakeSts['isSigned'] = async (request, { service, region }) => {
    const authorization = String(request.headers.authorization)
    const [, id = '', date = '', scopeRegion, scopeService, names = ''] =
      /^AWS4-HMAC-SHA256 Credential=(\w+)\/(\d{8})\/([\w-]+)\/(\w+)\/aws4_request, SignedHeaders=([\w;-]+), Signature=/.exec(
        authorization,
      ) ?? []
    const key = keys.get(id)
    const at = String(request.headers['x-amz-date'])
    if (key === undefined || scopeRegion !== region || scopeService !== service || !at.startsWith(date))
      return false
    if (request.headers['x-amz-security-token'] !== key.sessionToken) return false
    const declared = request.headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD'
    const actual = createHash('sha256').update(request.body).digest('hex')
    if (declared !== 'UNSIGNED-PAYLOAD' && declared !== actual) return false
    const signer = new SignatureV4({
      service,
      region,
      sha256: Sha256,
      credentials: {
        accessKeyId: id,
        secretAccessKey: key.secretAccessKey,
        ...(key.sessionToken === undefined ? {} : { sessionToken: key.sessionToken }),
      },
      uriEscapePath: service !== 's3',
      applyChecksum: false,
    })
    const headers = Object.fromEntries(names.split(';').map(name => [name, String(request.headers[name])]))
    const [path = '', query = ''] = request.path.split('?')
    const again = await signer.sign(
      {
        method: request.method,
        protocol: 'http:',
        hostname: '127.0.0.1',
        path,
        query: Object.fromEntries(new URLSearchParams(query)),
        headers,
        body: request.body,
      },
      { signingDate: new Date(at.replace(/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/, '$1-$2-$3T$4:$5:$6Z')) },
    )
    return again.headers.authorization === authorization
  }
  const server = await upstream(t, async (request): Promise<Answer> => {
    const xml = { headers: { 'content-type': 'text/xml' } }
    if (!(await isSigned(request, { service: 'sts', region: 'eu-west-1' })))
      return {
        status: 403,
        ...xml,
        body: refusal('SignatureDoesNotMatch', String(request.headers.authorization)),
      }
    const form = new URLSearchParams(request.body)
    const answer = options.answer?.(form)
    if (answer !== undefined) return { ...xml, ...answer }
    const flaw = assumeRoleFlaw(form)
    if (flaw !== null) return { status: 400, ...xml, body: refusal(flaw, request.body) }
    if (form.get('RoleArn') !== ROLE || (form.get('ExternalId') ?? 'e-1') !== 'e-1')
      return { status: 403, ...xml, body: refusal('AccessDenied', request.body) }
    const accessKeyId = `ASIA${sessions.length}`
    const secretAccessKey = `planted/Session+Secret${sessions.length}`
    const sessionToken = `planted-token-${sessions.length}==`
    keys.set(accessKeyId, { secretAccessKey, sessionToken, policy: form.get('Policy') })
    sessions.push({ accessKeyId, form })
    const expiration = new Date(options.nowMs + (options.lifeMs ?? 900_000)).toISOString()
    return { status: 200, ...xml, body: granted({ accessKeyId, secretAccessKey, sessionToken, expiration }) }
  })
  return { ...server, keys, sessions, isSigned }
}

/** The constraints of https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
function assumeRoleFlaw(form: URLSearchParams): string | null {
  const seconds = Number(form.get('DurationSeconds'))
  const policy = form.get('Policy') ?? ''
  if (form.get('Action') !== 'AssumeRole' || form.get('Version') !== '2011-06-15') return 'ValidationError'
  if (seconds < 900 || seconds > 43_200) return 'ValidationError'
  if (!/^[\w+=,.@-]{2,64}$/.test(form.get('RoleSessionName') ?? '')) return 'ValidationError'
  if (!/^[ -\u00ff]{1,2048}$/.test(policy)) return 'ValidationError'
  try {
    return JSON.parse(policy).Version === '2012-10-17' ? null : 'MalformedPolicyDocument'
  } catch {
    return 'MalformedPolicyDocument'
  }
}

/** AWS's refusals repeat what was asked; whoever reads them must not. */
export function refusal(code: string, said: string): string {
  const words = said.replace(/[<&]/g, ' ')
  return `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>planted ${words}</Message></Error><RequestId>r-1</RequestId></ErrorResponse>`
}

export function granted(parts: {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
  readonly expiration: string
}): string {
  return `<?xml version="1.0"?>
<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleResult>
    <AssumedRoleUser><AssumedRoleId>AROA:x</AssumedRoleId><Arn>arn:aws:sts::111122223333:assumed-role/agents/x</Arn></AssumedRoleUser>
    <Credentials>
      <AccessKeyId>${parts.accessKeyId}</AccessKeyId>
      <SecretAccessKey>${parts.secretAccessKey}</SecretAccessKey>
      <SessionToken>${parts.sessionToken}</SessionToken>
      <Expiration>${parts.expiration}</Expiration>
    </Credentials>
    <PackedPolicySize>6</PackedPolicySize>
  </AssumeRoleResult>
  <ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata>
</AssumeRoleResponse>`
}
