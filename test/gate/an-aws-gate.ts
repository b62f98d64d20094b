import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import { pino } from 'pino'
import { type AdmitCall, type Gate, type GateOptions, startGate } from '../../src/gate/index.js'
import type { AdmitReply, SignedRequest } from '../../src/link/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { awsCatalog, type Header, requestSignature, signingKey } from '../../src/protocol/index.js'
import { GRANT, policyOf } from './a-gate.js'
import { type ReceivedRequest, RecordingUpstream } from './recording-upstream.js'
import { ATTEMPT, TableKeeper } from './table-keeper.js'

export const REGION = 'eu-west-1'
/** What `countersign exec` gives an AWS client. */
export const AGENT_KEYS = { accessKeyId: 'grant-1', secretAccessKey: 'agent-secret', sessionToken: GRANT }
/** What the upstream knows the sidecar by. */
export const MINTED_KEYS = {
  accessKeyId: 'ASIAMINTED0000000000',
  secretAccessKey: 'minted-secret',
  sessionToken: 'minted/session+token==',
}

/** Verifies what agents sign and signs anew, as the keeper does; admits whatever is signed well. */
export class SigningKeeper extends TableKeeper {
  private count = 0

  override async admit(call: AdmitCall): Promise<AdmitReply> {
    this.admitted.push(call)
    await this.onAdmit(call)
    const receipt = { seq: ++this.count, leaf: 'ab'.repeat(32) }
    return { type: 'admitted', call: 0, receipt, verdict: this.judge(call) }
  }

  private judge(call: AdmitCall): AdmitReply['verdict'] {
    const { signed, finding } = call
    if (call.foreign.length > 0) return refused('foreign_credential')
    if (finding.kind === 'refused') return refused(finding.code)
    const [operation] = finding.operations
    if (signed === null || call.presented?.token !== GRANT) return refused('grant_missing')
    const key = signingKey(AGENT_KEYS.secretAccessKey, signed, nativeCrypto)
    const { method } = call
    const { target, headers, payload } = signed
    if (
      requestSignature({ method, target, headers, payload }, signed, key, nativeCrypto) !== signed.signature
    )
      return refused('signature_mismatch')
    if (signed.receivedSha256 !== null && /^[0-9a-f]{64}$/.test(payload) && payload !== signed.receivedSha256)
      return refused('signature_payload')
    return {
      kind: 'forward',
      code: 'allowed',
      attempt: ATTEMPT,
      headers: signedAnew(call, signed, operation?.region ?? REGION, this.view?.apis[0]?.origins ?? {}),
      chunkKey: payload.startsWith('STREAMING-AWS4-') ? Buffer.from(key).toString('base64') : null,
      budgets: [],
      awaitMark: this.awaitMark,
    }
  }
}

function refused(code: string): AdmitReply['verdict'] {
  return {
    kind: 'refuse',
    code,
    effect: 'deny',
    rule: null,
    because: null,
    operation: '',
    resource: '',
    others: 0,
    agent: 'coder',
    approval: null,
    retryAfterMs: null,
    budgets: [],
  }
}

function signedAnew(
  { method, target, body }: AdmitCall,
  { outbound, payload, service }: SignedRequest,
  region: string,
  origins: Readonly<Record<string, string>>,
): readonly Header[] {
  const host = new URL(Object.values(origins)[0] ?? '').host
  const date = new Date().toISOString().replace(/\.\d{3}|[:-]/g, '')
  const hash =
    body.kind === 'inspected' ? body.sha256 : /^[0-9a-f]{64}$/.test(payload) ? payload : 'UNSIGNED-PAYLOAD'
  const added: Header[] = [
    ['x-amz-content-sha256', hash],
    ['x-amz-date', date],
    ['x-amz-security-token', MINTED_KEYS.sessionToken],
  ]
  const headers: Header[] = [...outbound, ...added, ['host', host]]
  const scope = { date, region, service }
  const key = signingKey(MINTED_KEYS.secretAccessKey, scope, nativeCrypto)
  const signature = requestSignature({ method, target, headers, payload: hash }, scope, key, nativeCrypto)
  const names = [...new Set(headers.map(([name]) => name))].sort().join(';')
  const credential = `${MINTED_KEYS.accessKeyId}/${date.slice(0, 8)}/${region}/${service}/aws4_request`
  return [
    [
      'authorization',
      `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`,
    ],
    ...added,
  ]
}

/**
 * Throws unless the request that reached the upstream carries a good signature over every header that it came with
 * but those of the connection. Verified by AWS's own signer, from the bytes on the wire.
 */
export async function verifyAtUpstream({ method, url, headers }: ReceivedRequest): Promise<void> {
  const authorization = headers.authorization ?? ''
  const [, region, service, names] =
    /^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=[0-9a-f]{64}$/.exec(
      authorization,
    ) ?? []
  if (region === undefined || service === undefined) throw new Error(`no signature: ${authorization}`)
  const unsigned = new Set([
    'authorization',
    'accept-encoding',
    'connection',
    'content-length',
    'transfer-encoding',
  ])
  const sent = Object.keys(headers).filter(name => !unsigned.has(name))
  if (sent.sort().join(';') !== names) throw new Error(`sent ${sent.join(';')}, signed ${names}`)
  // Not by way of a URL, which would tidy the path up.
  const [path = '', search = ''] = url.split(/\?(.*)/)
  const query: Record<string, string[]> = {}
  for (const [name, value] of new URLSearchParams(search)) query[name] = [...(query[name] ?? []), value]
  const signer = new SignatureV4({
    credentials: { accessKeyId: MINTED_KEYS.accessKeyId, secretAccessKey: MINTED_KEYS.secretAccessKey },
    region,
    service,
    sha256: Sha256,
    uriEscapePath: service !== 's3',
    applyChecksum: false,
  })
  const date = String(headers['x-amz-date']).replace(
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/,
    '$1-$2-$3T$4:$5:$6Z',
  )
  const { headers: again } = await signer.sign(
    {
      method,
      protocol: 'http:',
      hostname: 'upstream.test',
      path,
      query,
      headers: Object.fromEntries(sent.map(name => [name, String(headers[name])])),
    },
    { signingDate: new Date(date), signableHeaders: new Set(sent), unsignableHeaders: new Set() },
  )
  if (again.authorization !== authorization)
    throw new Error(`signature differs: ${again.authorization} instead of ${authorization}`)
}

/** The services that ship. Compiled tests lie in dist/test/gate. */
const FOLDER = fileURLToPath(new URL('../../../config/catalogs/aws/', import.meta.url))
const SERVICES = ['cloudwatch', 'dynamodb', 'ec2', 'iam', 'lambda', 's3', 'sqs', 'sts']

export interface ARunningAwsGate {
  readonly gate: Gate
  readonly keeper: SigningKeeper
  readonly upstream: RecordingUpstream
  /** Base URL of the main listener, without a prefix. */
  readonly url: string
  /** For an SDK: the gate's address with the prefix of the API. */
  readonly endpoint: string
  /** Lines of the log so far. */
  readonly log: string[]
  close(): Promise<void>
}

/** A gate before a recording upstream that stands for all of AWS. */
export async function anAwsGate(options: Partial<GateOptions> = {}): Promise<ARunningAwsGate> {
  const upstream = await RecordingUpstream.start()
  const catalog = awsCatalog(
    {
      source: { package: 'aws-sdk', version: '2', digest: 'sha256:0' },
      services: readdirSync(FOLDER).map(file => file.replace(/\.json$/, '')),
      read: id => readFileSync(`${FOLDER}${id}.json`, 'utf8'),
    },
    {
      services: SERVICES,
      regions: [REGION, 'us-east-1'],
      partition: 'aws',
      account: '111122223333',
      more: [],
    },
  )
  const origins = Object.fromEntries(
    Object.keys(catalog.profile.origins).map(label => [label, upstream.origin]),
  )
  const keeper = new SigningKeeper(
    policyOf('sha256:aws', { name: 'aws', catalog, origins, privateUpstream: true }),
  )
  const log: string[] = []
  const logger = pino({ level: 'debug' }, { write: line => void log.push(line) })
  const gate = await startGate({ listen: '127.0.0.1:0', keeper, logger, ...options })
  const url = gate.addresses().main
  return {
    gate,
    keeper,
    upstream,
    url,
    endpoint: `${url}/aws`,
    log,
    close: async () => {
      await gate.close()
      await upstream.close()
    },
  }
}

export interface AgentRequest {
  readonly method?: string
  /** Below the prefix, raw. */
  readonly path: string
  readonly service?: string
  readonly headers?: Readonly<Record<string, string>>
  /** What is signed for the payload: a hash, or one of AWS's words. */
  readonly payload: string
  readonly keys?: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string
  }
}

/** The header lines of a request as an agent's client signs it for a gate, Host among them; for tests that write raw bytes. */
export function agentSigned(
  url: string,
  request: AgentRequest,
): { readonly lines: readonly string[]; readonly signature: string; readonly date: string } {
  const { method = 'PUT', path, service = 's3', headers = {}, payload, keys = AGENT_KEYS } = request
  const date = new Date().toISOString().replace(/\.\d{3}|[:-]/g, '')
  const signed: Header[] = [
    ['host', new URL(url).host],
    ['x-amz-content-sha256', payload],
    ['x-amz-date', date],
    ...(keys.sessionToken === undefined ? [] : [['x-amz-security-token', keys.sessionToken] as const]),
    ...Object.entries(headers),
  ]
  const scope = { date, region: REGION, service }
  const key = signingKey(keys.secretAccessKey, scope, nativeCrypto)
  const target = `/aws${path}`
  const signature = requestSignature({ method, target, headers: signed, payload }, scope, key, nativeCrypto)
  const credential = `${keys.accessKeyId}/${date.slice(0, 8)}/${REGION}/${service}/aws4_request`
  const names = signed
    .map(([name]) => name)
    .sort()
    .join(';')
  return {
    lines: [
      ...signed.map(([name, value]) => `${name}: ${value}`),
      `authorization: AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`,
    ],
    signature,
    date,
  }
}
