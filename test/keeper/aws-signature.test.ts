import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { awsGrantKeys } from '../../src/credential/index.js'
import type { AdmitCall, KeeperClient } from '../../src/gate/index.js'
import { verifySignature } from '../../src/keeper/signature.js'
import type { linkErrors } from '../../src/link/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import {
  type AgentRequest,
  type AwsGrant,
  type AwsSetting,
  awsGrant,
  awsSetting,
  REGION,
  SigningBroker,
  signedCall,
} from './aws-house.js'
import { entriesOf, ofType } from './keeper-fixture.js'

const TERMINATE: AgentRequest = {
  operation: 'ec2:TerminateInstances',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: 'Action=TerminateInstances&Version=2016-11-15&InstanceId.1=i-1',
}
const UPLOAD: AgentRequest = {
  operation: 's3:PutObject',
  service: 's3',
  method: 'PUT',
  path: '/bucket/a%20b//../%C3%BC',
  headers: { 'x-amz-acl': 'private', 'content-type': 'text/plain' },
  body: 'hello',
}
const READ: AgentRequest = { operation: 's3:GetObject', service: 's3', method: 'GET', path: '/bucket/key' }

type Signed = NonNullable<AdmitCall['signed']>

async function codeOf(client: KeeperClient, call: AdmitCall): Promise<string> {
  const { verdict } = await client.admit(call)
  return verdict.kind === 'refuse' ? verdict.code : verdict.kind
}

async function outcome(
  setting: AwsSetting,
  request: AgentRequest,
  change: Partial<Signed> = {},
): Promise<string> {
  const call = await signedCall(setting, setting.grant, request)
  return codeOf(setting.client, { ...call, signed: { ...(call.signed as Signed), ...change } })
}

function lying(call: AdmitCall, change: Partial<Signed>): AdmitCall {
  return { ...call, signed: { ...(call.signed as Signed), ...change } }
}

describe('a request that is signed with the secret of its grant', () => {
  it('is forwarded under a signature of the upstream’s own, over exactly what is sent', async t => {
    const setting = await awsSetting(t)
    const before = Date.now()
    const call = await signedCall(setting, setting.grant, UPLOAD)
    const { verdict } = await setting.client.admit(call)
    assert.ok(verdict.kind === 'forward')
    assert.deepEqual(verdict.headers, [['authorization', 'AWS4-HMAC-SHA256 upstream-1']])
    assert.equal(verdict.chunkKey, null)
    const [signed] = setting.broker.signed
    assert.ok(signed !== undefined && signed.nowMs >= before)
    assert.deepEqual(
      { ...signed, nowMs: 0 },
      {
        method: 'PUT',
        origin: 'https://ec2.eu-west-1.amazonaws.com',
        target: '/bucket/a%20b//../%C3%BC',
        headers: [
          ['x-amz-acl', 'private'],
          ['content-type', 'text/plain'],
        ],
        payload: call.body.kind === 'inspected' ? call.body.sha256 : '',
        service: 's3',
        region: REGION,
        nowMs: 0,
      },
    )
  })

  const passing: Readonly<Record<string, AgentRequest>> = {
    'for a query service': TERMINATE,
    'without a body': READ,
    'on a port of the API’s own, without the prefix': { ...TERMINATE, prefix: '' },
    'to the bare prefix': { ...TERMINATE, path: '' },
    'fourteen minutes ago': { ...TERMINATE, signedAt: new Date(Date.now() - 840_000) },
    'by a clock that is ahead': { ...TERMINATE, signedAt: new Date(Date.now() + 890_000) },
    'with an unsigned payload in S3': { ...UPLOAD, payload: 'UNSIGNED-PAYLOAD' },
    'with the hash of a streamed body': { ...UPLOAD, streamed: true },
    'with unsigned chunks': { ...UPLOAD, streamed: true, payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' },
    'in a presigned URL': { ...READ, expires: 3_600 },
    'in a presigned URL with a query of its own': {
      ...READ,
      query: { versionId: 'a+b/c', list: '' },
      expires: 60,
    },
    'in a presigned URL that is twenty minutes old': {
      ...READ,
      expires: 3_600,
      signedAt: new Date(Date.now() - 1_200_000),
    },
  }
  for (const [how, request] of Object.entries(passing))
    it(`passes: ${how}`, async t => {
      const setting = await awsSetting(t)
      const call = await signedCall(setting, setting.grant, request)
      const target = call.target === '' ? '/' : call.target
      assert.equal(await codeOf(setting.client, { ...call, target }), 'forward')
    })

  it('goes upstream without a hash only where nothing else is known of its body', async t => {
    const setting = await awsSetting(t)
    const { payload } = (await signedCall(setting, setting.grant, UPLOAD)).signed as Signed
    await outcome(setting, { ...UPLOAD, streamed: true })
    await outcome(setting, { ...UPLOAD, streamed: true, payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' })
    await outcome(setting, { ...UPLOAD, payload: 'UNSIGNED-PAYLOAD' })
    await outcome(setting, READ)
    assert.deepEqual(
      setting.broker.signed.map(signed => signed.payload),
      [
        payload,
        'UNSIGNED-PAYLOAD',
        payload,
        'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      ],
    )
  })

  it('brings the gate the key of its chunks where they are signed too, and that key alone', async t => {
    const setting = await awsSetting(t)
    const { house, grant } = setting
    const call = await signedCall(setting, grant, {
      ...UPLOAD,
      streamed: true,
      payload: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
    })
    const { verdict } = await setting.client.admit(call)
    assert.ok(verdict.kind === 'forward')
    const [key] = awsGrantKeys(house.grantKey).signingKeys(grant.jti, call.signed as Signed)
    assert.equal(verdict.chunkKey, Buffer.from(key as Uint8Array).toString('base64'))
  })

  it('leaves no secret behind: not in the ledger, not in the log', async t => {
    const setting = await awsSetting(t)
    await outcome(setting, TERMINATE)
    await outcome(setting, TERMINATE, { signature: '0'.repeat(64) })
    await setting.stop()
    const entries = JSON.stringify(await entriesOf(await setting.house.reopenLedger()))
    for (const written of [entries, JSON.stringify(setting.house.logged)]) {
      assert.equal(written.includes(setting.grant.secret), false)
      assert.equal(written.includes(setting.grant.token), false)
    }
  })
})

describe('a signature that is not good is refused, and nothing is minted', () => {
  const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000)
  type Attack = (
    setting: AwsSetting,
    sign: (request: AgentRequest, by?: AwsGrant) => Promise<AdmitCall>,
  ) => Promise<AdmitCall>
  const attacks: Readonly<Record<string, readonly [keyof typeof linkErrors, Attack]>> = {
    'by another secret': [
      'signature_mismatch',
      ({ grant }, sign) => sign(TERMINATE, { ...grant, secret: 'x'.repeat(43) }),
    ],
    'by no secret at all': [
      'signature_mismatch',
      async (_, sign) => lying(await sign(TERMINATE), { signature: '0'.repeat(64) }),
    ],
    'under the access key of another grant of the agent': [
      'signature_access_key',
      async ({ house, grant }, sign) => sign(TERMINATE, { ...(await awsGrant(house)), token: grant.token }),
    ],
    'by the secret of another grant, under this one’s access key': [
      'signature_mismatch',
      async ({ house, grant }, sign) => sign(TERMINATE, { ...grant, secret: (await awsGrant(house)).secret }),
    ],
    'sixteen minutes ago': [
      'signature_expired',
      (_, sign) => sign({ ...TERMINATE, signedAt: inSeconds(-960) }),
    ],
    'sixteen minutes from now': [
      'signature_expired',
      (_, sign) => sign({ ...TERMINATE, signedAt: inSeconds(960) }),
    ],
    'an hour ago, by a gate that says now': [
      'signature_mismatch',
      async (_, sign) => {
        const { date } = (await sign(TERMINATE)).signed as Signed
        return lying(await sign({ ...TERMINATE, signedAt: inSeconds(-3_600) }), { date })
      },
    ],
    'on a day that no calendar has': [
      'signature_expired',
      async (_, sign) => lying(await sign(TERMINATE), { date: '20260231T101500Z' }),
    ],
    'without its host': [
      'signature_unsigned_header',
      (_, sign) => sign({ ...TERMINATE, unsigned: ['host'] }),
    ],
    'without an x-amz- header that is sent': [
      'signature_unsigned_header',
      (_, sign) => sign({ ...UPLOAD, unsigned: ['x-amz-acl'] }),
    ],
    'with another value of a signed header': [
      'signature_unsigned_header',
      async (_, sign) => lying(await sign(UPLOAD), { outbound: [['x-amz-acl', 'public-read']] }),
    ],
    'with an x-amz- header in another case': [
      'signature_unsigned_header',
      async (_, sign) => lying(await sign(UPLOAD), { outbound: [['X-Amz-Acl', 'private']] }),
    ],
    'with a header that the upstream’s signature brings along': [
      'signature_unsigned_header',
      async (_, sign) => lying(await sign(UPLOAD), { outbound: [['Authorization', 'AWS4-HMAC-SHA256 …']] }),
    ],
    'over another body': [
      'signature_payload',
      async (_, sign) => lying(await sign(TERMINATE), { receivedSha256: 'a'.repeat(64) }),
    ],
    'over a body where there is none': [
      'signature_payload',
      async (_, sign) => ({ ...(await sign(TERMINATE)), body: { kind: 'none' } }),
    ],
    'over another payload hash than its header says': [
      'signature_payload',
      async (_, sign) => {
        const call = await sign(UPLOAD)
        return lying(call, { payload: 'UNSIGNED-PAYLOAD' })
      },
    ],
    'over no payload, at a service that wants one': [
      'signature_payload',
      (_, sign) => sign({ ...TERMINATE, payload: 'UNSIGNED-PAYLOAD' }),
    ],
    'in chunks by SigV4A': [
      'signature_payload',
      (_, sign) => sign({ ...UPLOAD, streamed: true, payload: 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD' }),
    ],
    'in signed chunks of a body that was read before': [
      'signature_payload',
      (_, sign) => sign({ ...UPLOAD, payload: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' }),
    ],
    'over a streamed body that decides, without its hash': [
      'signature_body_unsigned',
      (_, sign) =>
        sign({ ...UPLOAD, operation: 's3:PutBucketPolicy', streamed: true, payload: 'UNSIGNED-PAYLOAD' }),
    ],
    'over another target': [
      'signature_target',
      async (_, sign) => ({ ...(await sign(UPLOAD)), target: '/bucket/other' }),
    ],
    'over a query that is not sent': [
      'signature_target',
      async (_, sign) => ({ ...(await sign({ ...READ, query: { acl: '' } })), target: READ.path ?? '' }),
    ],
    'over the prefix of another API': [
      'signature_target',
      (_, sign) => sign({ ...UPLOAD, prefix: '/billing' }),
    ],
    'over another target, by a gate that lies about both': [
      'signature_mismatch',
      async (_, sign) => ({
        ...lying(await sign(UPLOAD), { target: '/aws/bucket/other' }),
        target: '/bucket/other',
      }),
    ],
    'over another method': [
      'signature_mismatch',
      async (_, sign) => ({ ...(await sign(UPLOAD)), method: 'DELETE' }),
    ],
    'for another region than its operation is in': [
      'signature_scope',
      async (_, sign) => ({
        ...(await sign(TERMINATE)),
        finding: {
          kind: 'operations',
          operations: [{ name: TERMINATE.operation, args: {}, region: 'us-east-1' }],
        },
      }),
    ],
    'for another region, by a gate that lies about both': [
      'signature_mismatch',
      async (_, sign) => ({
        ...lying(await sign(TERMINATE), { region: 'us-east-1' }),
        finding: {
          kind: 'operations',
          operations: [{ name: TERMINATE.operation, args: {}, region: 'us-east-1' }],
        },
      }),
    ],
    'for another service': [
      'signature_mismatch',
      async (_, sign) => lying(await sign(TERMINATE), { service: 'rds' }),
    ],
    nowhere: ['signature_missing', async (_, sign) => ({ ...(await sign(TERMINATE)), signed: null })],
    'with a bearer grant beside it': [
      'grant_slot',
      async ({ house }, sign) => ({
        ...(await sign(TERMINATE)),
        signed: null,
        presented: { slot: 'bearer', token: await house.token() },
      }),
    ],
    'with a target that is no UTF-8': [
      'signature_mismatch',
      async (_, sign) => ({ ...lying(await sign(READ), { target: '/aws/b/%FF' }), target: '/b/%FF' }),
    ],
    'in a presigned URL that is past its end': [
      'signature_expired',
      (_, sign) => sign({ ...READ, expires: 60, signedAt: inSeconds(-61) }),
    ],
    'in a presigned URL for more than seven days': [
      'signature_expired',
      async (_, sign) => lying(await sign({ ...READ, expires: 60 }), { expiresSeconds: 604_801 }),
    ],
    'in a presigned URL that a gate makes longer': [
      'signature_target',
      async (_, sign) =>
        lying(await sign({ ...READ, expires: 60, signedAt: inSeconds(-120) }), { expiresSeconds: 3_600 }),
    ],
    'in a presigned URL that somebody makes longer': [
      'signature_mismatch',
      async (_, sign) => {
        const call = await sign({ ...READ, expires: 60, signedAt: inSeconds(-120) })
        const target = (call.signed as Signed).target.replace('X-Amz-Expires=60', 'X-Amz-Expires=3600')
        return lying(call, { target, expiresSeconds: 3_600 })
      },
    ],
    'in a presigned URL with a lifetime twice': [
      'signature_target',
      async (_, sign) => {
        const call = await sign({ ...READ, expires: 60 })
        return lying(call, { target: `${(call.signed as Signed).target}&X-Amz-Expires=60` })
      },
    ],
    'in a presigned URL to which a header was added': [
      'signature_unsigned_header',
      async (_, sign) =>
        lying(await sign({ ...UPLOAD, body: '', headers: {}, expires: 60 }), {
          outbound: [['x-amz-acl', 'public-read']],
        }),
    ],
    'in a header that is said to be in the query': [
      'signature_target',
      async (_, sign) => lying(await sign(READ), { place: 'query', expiresSeconds: 60 }),
    ],
  }
  for (const [how, [code, attack]] of Object.entries(attacks))
    it(`attack: signed ${how} → ${code}`, async t => {
      const setting = await awsSetting(t)
      const call = await attack(setting, (request, by = setting.grant) => signedCall(setting, by, request))
      assert.equal(await codeOf(setting.client, call), code)
      assert.deepEqual(setting.broker.minted, [])
    })

  it('attack: a grant that was revoked signs nothing more', async t => {
    const setting = await awsSetting(t)
    await setting.house.admin('POST', `/v1/grants/${setting.grant.jti}/revoke`)
    assert.equal(await outcome(setting, READ), 'grant_revoked')
  })

  it('attack: a credential that signs is of no use to a request that names nothing to be signed', async t => {
    const setting = await awsSetting(t, ['bearer'])
    const call = await signedCall(setting, setting.grant, READ)
    const presented = { slot: 'bearer', token: await setting.house.token() } as const
    assert.equal(await codeOf(setting.client, { ...call, presented }), 'signature_stray')
    assert.equal(await codeOf(setting.client, { ...call, presented, signed: null }), 'credential_unavailable')
    assert.deepEqual(setting.broker.signed, [])
  })

  it('is told to the millisecond: a quarter of an hour either way, and a presigned URL to its end', async t => {
    const setting = await awsSetting(t)
    const keys = awsGrantKeys(setting.house.grantKey)
    const signedAt = new Date(Math.floor(Date.now() / 1_000) * 1_000)
    const grant = {
      agent: 'coder',
      environment: 'staging',
      task: 't-1',
      owner: 'maria',
      jti: setting.grant.jti,
      expiresMs: Number.MAX_SAFE_INTEGER,
      authorizationDetails: null,
    }
    const verdictAt = async (request: AgentRequest, offsetMs: number) => {
      const call = await signedCall(setting, setting.grant, { ...request, signedAt })
      const recognised = call.finding.kind === 'operations' ? call.finding.operations : []
      const asked = { ...call, type: 'admit', call: 1 } as const
      const at = { request: asked, grant, recognised, operations: [], originIn: () => undefined }
      return verifySignature({ ...at, nowMs: signedAt.getTime() + offsetMs }, keys, nativeCrypto)
    }
    const presigned = { ...READ, expires: 7 * 86_400 }
    const edges: readonly (readonly [AgentRequest, number, string])[] = [
      [READ, -900_001, 'flawed'],
      [READ, -900_000, 'good'],
      [READ, 900_000, 'good'],
      [READ, 900_001, 'flawed'],
      [presigned, -900_001, 'flawed'],
      [presigned, 7 * 86_400_000 - 1, 'good'],
      [presigned, 7 * 86_400_000, 'flawed'],
    ]
    for (const [request, offsetMs, kind] of edges)
      assert.equal((await verdictAt(request, offsetMs)).kind, kind, String(offsetMs))
    const header = await verdictAt(READ, 0)
    assert.equal(header.kind === 'good' && header.signature?.untilMs, signedAt.getTime() + 900_001)
  })

  it('is in the ledger with the operation that was asked for', async t => {
    const setting = await awsSetting(t)
    await outcome(setting, TERMINATE, { signature: '0'.repeat(64) })
    await setting.stop()
    const [attempt] = await ofType(await setting.house.reopenLedger(), 'attempt')
    assert.deepEqual(
      [attempt?.decision.code, attempt?.ops[0]?.name, attempt?.agent.grant],
      ['signature_mismatch', 'ec2:TerminateInstances', setting.grant.jti],
    )
  })
})

describe('a signature is good once for what isn’t a read', () => {
  it('attack: a recorded request that is sent again, one after the other and at once', async t => {
    const setting = await awsSetting(t)
    const call = await signedCall(setting, setting.grant, TERMINATE)
    const codes = await Promise.all([1, 2, 3].map(() => codeOf(setting.client, call)))
    assert.deepEqual(codes.sort(), ['forward', 'signature_reused', 'signature_reused'])
    assert.equal(await codeOf(setting.client, call), 'signature_reused')
    assert.equal(setting.broker.minted.length, 1)
  })

  it('attack: a recorded request that is sent again after a restart', async t => {
    const setting = await awsSetting(t)
    const call = await signedCall(setting, setting.grant, TERMINATE)
    assert.equal(await codeOf(setting.client, call), 'forward')
    await setting.client.close()
    await setting.stop()
    await setting.house.start({ broker: new SigningBroker() })
    assert.equal(await codeOf(await setting.house.connect(), call), 'signature_reused')
  })

  it('attack: a presigned upload that is used twice', async t => {
    const setting = await awsSetting(t)
    const call = await signedCall(setting, setting.grant, { ...UPLOAD, headers: {}, body: '', expires: 900 })
    assert.equal(await codeOf(setting.client, call), 'forward')
    assert.equal(await codeOf(setting.client, call), 'signature_reused')
  })

  it('a read passes as often as its SDK repeats it', async t => {
    const setting = await awsSetting(t)
    const call = await signedCall(setting, setting.grant, READ)
    for (const _ of [1, 2, 3]) assert.equal(await codeOf(setting.client, call), 'forward')
  })

  it('is given back where no credential could be made, because nothing was sent', async t => {
    const setting = await awsSetting(t)
    const call = await signedCall(setting, setting.grant, TERMINATE)
    setting.broker.failure = new Error('no STS today')
    assert.equal(await codeOf(setting.client, call), 'credential_unavailable')
    setting.broker.failure = null
    assert.equal(await codeOf(setting.client, call), 'forward')
  })

  it('a refused request spends nothing', async t => {
    const setting = await awsSetting(t)
    const call = await signedCall(setting, setting.grant, TERMINATE)
    assert.equal(
      await codeOf(setting.client, lying(call, { receivedSha256: 'a'.repeat(64) })),
      'signature_payload',
    )
    assert.equal(await codeOf(setting.client, call), 'forward')
  })
})
