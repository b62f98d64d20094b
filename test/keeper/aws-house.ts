import { createHash } from 'node:crypto'
import type { TestContext } from 'node:test'
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import type { MintScope, RecordedCredential } from '../../src/credential/index.js'
import type { AdmitCall, KeeperClient } from '../../src/gate/index.js'
import type { OpenedPolicy } from '../../src/keeper/index.js'
import type { ActivePolicy, PolicyApi } from '../../src/policy/index.js'
import type { Header, OperationClass, Recognised, Slot } from '../../src/protocol/index.js'
import { CountingBroker, House, onTheWire, openedPolicy } from './keeper-fixture.js'

export const REGION = 'eu-west-1'
const HOST = '127.0.0.1:7070'

/** Operations of the stand-in for AWS's catalog, with their classes. */
const CLASSES: Readonly<Record<string, OperationClass>> = {
  's3:PutObject': 'update',
  's3:UploadPart': 'update',
  's3:GetObject': 'read',
  's3:PutBucketPolicy': 'privilege',
  'ec2:DescribeInstances': 'read',
  'ec2:TerminateInstances': 'irreversible',
}

/**
 * A policy with an API `aws`: its catalog admits every target, takes a grant in the AWS slot alone, and describes
 * the operations above. What the real catalog makes of requests is tested with it; here only signatures count.
 */
export function awsPolicy(
  slots: readonly Slot[] = ['aws-sigv4'],
  sts?: string,
  identity = '[{ grant: true }]',
  rules = '- { id: aws, allow: { api: aws, class: [read, update, irreversible, privilege] }, to: coder }',
): OpenedPolicy {
  const endpoint = sts === undefined ? '' : `, insecureTestEndpoint: "${sts}"`
  const opened = openedPolicy(`
apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: acme, version: 1, expires: 2099-01-01T00:00:00Z, audience: [staging] }
apis:
  aws:
    upstream: https://ec2.eu-west-1.amazonaws.com
    credential: aws
    routes: [{ route: "GET /x", class: read }]
credentials:
  aws: { minter: aws-sts, role: "arn:aws:iam::111122223333:role/agents", region: ${REGION}${endpoint} }
agents:
  coder: { environment: staging, session: 8h, identity: ${identity} }
rules:
  ${rules}
`)
  const { policy } = opened
  return { ...opened, policy: { ...policy, apis: new Map([['aws', awsApi(policy, slots)]]) } }
}

function awsApi(policy: ActivePolicy, slots: readonly Slot[]): PolicyApi {
  const api = policy.apis.get('aws') as PolicyApi
  return {
    ...api,
    catalog: {
      ...api.catalog,
      classifier: 'aws/2',
      profile: { ...api.catalog.profile, slots },
      parseTarget: raw => ({ raw, path: raw, segments: [], query: null }),
      originOf: () => 'default',
      lastingArgs: ({ args }) => args,
      describe: (name, { name: operation, args, region }) => {
        const classes = [CLASSES[operation] ?? 'unknown']
        const scope: Record<string, string> = region === undefined ? {} : { region }
        return {
          api: name,
          name: operation,
          baseClasses: classes,
          classes,
          scope,
          resources: [],
          args,
          effects: [],
          permissions: { actions: [operation], resources: ['*'] },
        }
      },
    },
  }
}

const SIGNATURE: readonly string[] = [
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-SignedHeaders',
  'X-Amz-Signature',
  'X-Amz-Security-Token',
  'X-Amz-Content-Sha256',
]

/** Hands out credentials that sign, and remembers what they were asked to. */
export class SigningBroker extends CountingBroker {
  readonly signed: Parameters<NonNullable<RecordedCredential['sign']>>[0][] = []

  override async obtain(scope: MintScope): Promise<RecordedCredential> {
    const credential = await super.obtain(scope)
    return {
      ...credential,
      headers: [],
      sign: request => {
        this.signed.push(request)
        return [['authorization', `AWS4-HMAC-SHA256 upstream-${this.signed.length}`]]
      },
    }
  }
}

/** What an agent is given for AWS. */
export interface AwsGrant {
  readonly token: string
  readonly jti: string
  readonly secret: string
}

export async function awsGrant(house: House, order: Record<string, unknown> = {}): Promise<AwsGrant> {
  const envelope = house.order({ slot: 'aws-sigv4', ttlSeconds: 3_600, ...order })
  const { body } = await house.admin('POST', '/v1/grants', { order: onTheWire(envelope) })
  return body as unknown as AwsGrant
}

export interface AwsSetting {
  readonly house: House
  readonly broker: SigningBroker
  readonly client: KeeperClient
  readonly grant: AwsGrant
}

/** A keeper over the AWS policy, a gate, and a grant for the agent. */
export async function awsSetting(
  t: TestContext,
  slots?: readonly Slot[],
): Promise<AwsSetting & { stop(): Promise<void> }> {
  const house = await House.build(t)
  house.shelf.next = awsPolicy(slots)
  const broker = new SigningBroker()
  const { keeper } = await house.start({ broker })
  const client = await house.connect()
  return { house, broker, client, grant: await awsGrant(house), stop: () => keeper.stop() }
}

/** A request as the agent's SDK makes it. */
export interface AgentRequest {
  readonly operation: string
  /** Why the gate hasn't understood all of it. */
  readonly opaque?: string
  readonly service?: string
  readonly region?: string
  readonly method?: string
  readonly path?: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Payload hash, where it isn't that of the body. */
  readonly payload?: string
  readonly streamed?: boolean
  readonly signedAt?: Date
  readonly unsigned?: readonly string[]
  /** Presigned, for so many seconds. */
  readonly expires?: number
  readonly prefix?: string
}

/**
 * Signs the request with AWS's own signer and says of it what an honest gate would: the gate's half of the
 * exchange, over a request that was never on a wire.
 */
export async function signedCall(
  { client }: Pick<AwsSetting, 'client'>,
  grant: AwsGrant,
  asked: AgentRequest,
): Promise<AdmitCall> {
  const { operation, service = 'ec2', region = REGION, method = 'POST', path = '/', query = {} } = asked
  const { body = '', prefix = '/aws', signedAt = new Date() } = asked
  const bodyHash = createHash('sha256').update(body).digest('hex')
  const payload = asked.payload ?? (asked.expires === undefined ? bodyHash : 'UNSIGNED-PAYLOAD')
  const signer = new SignatureV4({
    service,
    region,
    sha256: Sha256,
    credentials: { accessKeyId: grant.jti, secretAccessKey: grant.secret, sessionToken: grant.token },
    uriEscapePath: service !== 's3',
    applyChecksum: false,
  })
  const headers = { host: HOST, ...asked.headers, ...contentHash(asked, payload) }
  const request = {
    method,
    protocol: 'http:',
    hostname: '127.0.0.1',
    path: prefix + path,
    query,
    headers,
    body,
  }
  const common = { signingDate: signedAt, unsignableHeaders: new Set(asked.unsigned ?? []) }
  const presigned = asked.expires !== undefined
  const signed = presigned
    ? await signer.presign(request, {
        ...common,
        expiresIn: asked.expires,
        unhoistableHeaders: new Set(['host']),
      })
    : await signer.sign(request, common)
  const parameters = signed.query as Record<string, string>
  const sent = Object.fromEntries(Object.entries(parameters).filter(([name]) => !SIGNATURE.includes(name)))
  const target = path + queryText(sent)
  const authorization = signed.headers.authorization ?? ''
  const names = presigned
    ? (parameters['X-Amz-SignedHeaders'] ?? '')
    : (/SignedHeaders=([^,]+)/.exec(authorization)?.[1] ?? '')
  const signature = presigned
    ? (parameters['X-Amz-Signature'] ?? '')
    : (/Signature=([0-9a-f]{64})/.exec(authorization)?.[1] ?? '')
  const opaque = asked.opaque === undefined ? {} : { opaque: asked.opaque }
  const recognised: Recognised = { name: operation, args: {}, region, ...opaque }
  return {
    policyCid: client.policy()?.cid ?? '',
    api: 'aws',
    method,
    target,
    presented: { slot: 'aws-sigv4', token: grant.token },
    signed: {
      place: presigned ? 'query' : 'header',
      target: presigned ? prefix + path + queryText(parameters) : prefix + target,
      date: signedAt.toISOString().replace(/\.\d{3}|[:-]/g, ''),
      expiresSeconds: asked.expires ?? null,
      accessKeyId: grant.jti,
      region,
      service,
      signature,
      headers: names.split(';').map((name): Header => [name, signed.headers[name] ?? '']),
      payload,
      receivedSha256: asked.streamed === true || body === '' ? null : bodyHash,
      outbound: Object.entries(asked.headers ?? {}),
    },
    foreign: [],
    body:
      asked.streamed === true
        ? { kind: 'streamed' }
        : body === ''
          ? { kind: 'none' }
          : { kind: 'inspected', sha256: bodyHash, lengthBytes: body.length },
    classifier: 'aws/2',
    finding: { kind: 'operations', operations: [recognised] },
  }
}

/** Of a presigned URL the signer makes it a parameter. */
function contentHash({ service }: AgentRequest, payload: string): Record<string, string> {
  return service === 's3' ? { 'x-amz-content-sha256': payload } : {}
}

function queryText(query: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(query).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
  )
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}
