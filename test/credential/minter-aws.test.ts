import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import {
  credentialBroker,
  type MintRecord,
  type MintScope,
  type OutboundRequest,
  outbound,
  type RecordedCredential,
  standardMinters,
} from '../../src/credential/index.js'
import { assumedRole } from '../../src/credential/sts-answer.js'
import type { Permissions } from '../../src/protocol/index.js'
import { type FakeSts, fakeSts, granted, refusal, type StsOptions, USER } from './aws.js'
import { mintScope, NOW, ORIGIN, operation, vaultOf } from './scope.js'

const ROLE = 'arn:aws:iam::111122223333:role/agents'
const EC2 = 'https://ec2.eu-west-1.amazonaws.com'
const INSTANCE = 'arn:aws:ec2:eu-west-1:111122223333:instance/i-1'

function needing(name: string, permissions?: Permissions) {
  return operation(name, permissions === undefined ? {} : { permissions })
}

const TERMINATE = needing('ec2:TerminateInstances', {
  actions: ['ec2:TerminateInstances'],
  resources: [INSTANCE],
})

interface Setting {
  readonly sts: FakeSts
  readonly records: readonly MintRecord[]
  obtain(changes?: Partial<MintScope>): Promise<RecordedCredential>
}

async function setting(
  t: TestContext,
  options: Partial<StsOptions> = {},
  changes: { readonly material?: object; readonly origins?: readonly string[] } = {},
): Promise<Setting> {
  const sts = await fakeSts(t, { nowMs: NOW, ...options })
  const network = outbound({ allowPlaintextLoopback: true })
  t.after(() => network.close())
  const records: MintRecord[] = []
  const broker = credentialBroker({
    vault: vaultOf({
      kind: 'aws-sts',
      material: changes.material ?? USER,
      origins: changes.origins ?? [sts.origin],
    }),
    minters: standardMinters(network, ORIGIN),
    clock: () => NOW,
    onMint: async record => void records.push(record),
  })
  const spec = { minter: 'aws-sts', role: ROLE, region: 'eu-west-1', endpoint: sts.origin } as const
  const obtain = (scope: Partial<MintScope> = {}) =>
    broker.obtain(mintScope({ spec, origin: EC2, operations: [TERMINATE], ...scope }))
  return { sts, records, obtain }
}

async function rejectsWith(promise: Promise<unknown>, code: string, what = ''): Promise<void> {
  await assert.rejects(promise, error => {
    assert.equal((error as { code: string }).code, code, `${what} ${(error as Error).message}`)
    assert.doesNotMatch(`${inspect(error, { depth: 9 })}${(error as Error).stack}`, /planted/)
    return true
  })
}

test('assumes the role for fifteen minutes, narrowed to the operation, under the id of the mint entry', async t => {
  const { sts, records, obtain } = await setting(t)
  const credential = await obtain()
  const [session] = sts.sessions
  assert.deepEqual(Object.fromEntries(session?.form ?? []), {
    Action: 'AssumeRole',
    Version: '2011-06-15',
    RoleArn: ROLE,
    RoleSessionName: records[0]?.id,
    DurationSeconds: '900',
    Policy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:TerminateInstances","Resource":"${INSTANCE}"}]}`,
  })
  assert.equal(credential.mint, records[0]?.id)
  assert.equal(credential.expiresMs, NOW + 900_000)
  assert.equal(credential.scope, `ec2:TerminateInstances on ${INSTANCE}; role ${ROLE}`)
  assert.deepEqual(credential.headers, [])
})

test('passes on an external id, and the session token of a temporary key', async t => {
  const external = await setting(t, {}, { material: { ...USER, externalId: 'e-1' } })
  await external.obtain()
  assert.equal(external.sts.sessions[0]?.form.get('ExternalId'), 'e-1')
  const temporary = await setting(t, {}, { material: { ...USER, sessionToken: 'planted-temporary' } })
  temporary.sts.keys.set(USER.accessKeyId, { ...USER, sessionToken: 'planted-temporary', policy: null })
  await temporary.obtain()
  assert.equal(temporary.sts.received[0]?.headers['x-amz-security-token'], 'planted-temporary')
})

const REQUEST: OutboundRequest = {
  method: 'PUT',
  origin: 'https://s3.eu-west-1.amazonaws.com',
  target: '/bucket/a%20b//../%C3%BC?partNumber=1&uploadId=a%2Fb',
  headers: [
    ['x-amz-acl', 'private'],
    ['content-type', 'text/plain'],
  ],
  payload: 'UNSIGNED-PAYLOAD',
  service: 's3',
  region: 'eu-west-1',
  nowMs: NOW,
}

test('signs the upstream request as AWS’s own signer would, host and everything that is sent', async t => {
  const { sts, obtain } = await setting(t)
  const { sign } = await obtain()
  assert.ok(sign !== undefined)
  const headers = sign(REQUEST)
  assert.deepEqual(headers.map(([name]) => name).sort(), [
    'authorization',
    'x-amz-content-sha256',
    'x-amz-date',
    'x-amz-security-token',
  ])
  assert.match(
    headers[0]?.[1] ?? '',
    /SignedHeaders=content-type;host;x-amz-acl;x-amz-content-sha256;x-amz-date;x-amz-security-token,/,
  )
  const sent = Object.fromEntries([...REQUEST.headers, ...headers, ['host', 's3.eu-west-1.amazonaws.com']])
  const received = { method: 'PUT', path: REQUEST.target, headers: sent, body: '' }
  const at = { service: 's3', region: 'eu-west-1' }
  assert.equal(await sts.isSigned(received, at), true)
  for (const change of [
    { method: 'GET' },
    { path: '/bucket/other' },
    { headers: { ...sent, host: 'evil.example' } },
  ])
    assert.equal(await sts.isSigned({ ...received, ...change }, at), false, JSON.stringify(change))
})

test('the same needs share a session, others don’t', async t => {
  const { sts, obtain } = await setting(t)
  const first = await obtain()
  assert.equal((await obtain()).mint, first.mint)
  await obtain({
    operations: [needing('ec2:StopInstances', { actions: ['ec2:StopInstances'], resources: [INSTANCE] })],
  })
  await obtain({ agent: { ...mintScope().agent, task: 't-18' } })
  assert.equal(sts.sessions.length, 3)
})

test('no secret is in anything that can be printed, spread or serialised', async t => {
  const { obtain, records, sts } = await setting(t)
  const credential = await obtain()
  credential.sign?.(REQUEST)
  const shown = [
    inspect(credential, { depth: 9, showHidden: false }),
    JSON.stringify(credential),
    inspect({ ...credential }, { depth: 9 }),
    String(credential.sign),
    JSON.stringify(records),
  ].join('\n')
  assert.doesNotMatch(shown, /planted/)
  assert.deepEqual(Object.keys(credential).sort(), ['expiresMs', 'mint', 'minter', 'scope'])
  assert.doesNotMatch(`${sts.received[0]?.body}${JSON.stringify(sts.received[0]?.headers)}`, /planted/)
})

test('takes no longer than it asked for, and nothing that is over already', async t => {
  const long = await setting(t, { lifeMs: 43_200_000 })
  assert.equal((await long.obtain()).expiresMs, NOW + 900_000)
  const short = await setting(t, { lifeMs: 300_000 })
  assert.equal((await short.obtain()).expiresMs, NOW + 300_000)
  const over = await setting(t, { lifeMs: -1_000 })
  await rejectsWith(over.obtain(), 'mint_answer')
})

test('a refusal of STS is a refusal, and its words stay where they are', async t => {
  const cases: readonly (readonly [number, string, string])[] = [
    [403, refusal('AccessDenied', USER.secretAccessKey), 'mint_refused'],
    [403, refusal('InvalidClientTokenId', ''), 'mint_refused'],
    [400, refusal('PackedPolicyTooLarge', ''), 'mint_refused'],
    [400, refusal('Throttling', ''), 'mint_answer'],
    [403, refusal('planted', ''), 'mint_answer'],
    [403, '<html>planted</html>', 'mint_answer'],
    [403, '', 'mint_answer'],
    [503, refusal('ServiceUnavailable', ''), 'mint_answer'],
    [302, '', 'mint_answer'],
  ]
  for (const [status, body, code] of cases) {
    const { obtain, records } = await setting(t, { answer: () => ({ status, body }) })
    await rejectsWith(obtain(), code, body)
    assert.deepEqual(records, [])
  }
})

test('the keeper’s log is told which refusal it was', async t => {
  const { obtain } = await setting(t, { answer: () => ({ status: 403, body: refusal('AccessDenied', '') }) })
  await assert.rejects(obtain(), /AccessDenied/)
})

test('another role than the user may assume, or a wrong secret, makes no credential', async t => {
  const { sts, obtain } = await setting(t, {}, { material: { ...USER, secretAccessKey: 'planted/other' } })
  await rejectsWith(obtain(), 'mint_refused')
  const other = await setting(t)
  const spec = {
    minter: 'aws-sts',
    role: `${ROLE}-admin`,
    region: 'eu-west-1',
    endpoint: other.sts.origin,
  } as const
  await rejectsWith(other.obtain({ spec }), 'mint_refused')
  assert.deepEqual([sts.sessions, other.sts.sessions], [[], []])
})

const GOOD = {
  accessKeyId: 'ASIAX',
  secretAccessKey: 'planted/Secret',
  sessionToken: 'planted-token',
  expiration: new Date(NOW + 900_000).toISOString(),
}
const DISGUISED: Readonly<Record<string, string>> = {
  'with a second secret': granted(GOOD).replace(
    '</Credentials>',
    '<SecretAccessKey>planted/Other</SecretAccessKey></Credentials>',
  ),
  'with second credentials': granted(GOOD).replace(
    '</AssumeRoleResult>',
    '<Credentials><AccessKeyId>ASIAY</AccessKeyId></Credentials></AssumeRoleResult>',
  ),
  'with a document type': granted(GOOD).replace(
    '<AssumeRoleResponse',
    '<!DOCTYPE a [<!ENTITY x "y">]><AssumeRoleResponse',
  ),
  'with an entity that nobody has declared': granted({ ...GOOD, sessionToken: '&x;planted-token' }),
  'that ends early': granted(GOOD).slice(0, -30),
  'of another call': granted(GOOD).replaceAll('AssumeRoleRes', 'GetSessionTokenRes'),
  'without a session token': granted({ ...GOOD, sessionToken: '' }),
  'with a token that would break a header': granted({ ...GOOD, sessionToken: 'planted&#13;&#10;x: y' }),
  'with a key id that would break the signature’s header': granted({
    ...GOOD,
    accessKeyId: 'ASIA, Signature=x',
  }),
  'with an expiry that is no time': granted({ ...GOOD, expiration: 'tomorrow' }),
  'with an expiry that no calendar has': granted({ ...GOOD, expiration: '2026-99-99T00:00:00Z' }),
  'that is JSON': JSON.stringify(GOOD),
  'that is deeper than one of STS': `${'<a>'.repeat(5_000)}${'</a>'.repeat(5_000)}`,
}
for (const [how, body] of Object.entries(DISGUISED))
  test(`attack: an answer ${how}`, async t => {
    const { obtain } = await setting(t, { answer: () => ({ status: 200, body }) })
    await rejectsWith(obtain(), 'mint_answer')
  })

test('attack: an answer of elements in elements is read no further than one of STS is deep', t => {
  const add = t.mock.method(Set.prototype, 'add')
  const text = '<a>'.repeat(1_000)
  assert.throws(() => assumedRole({ status: 200, body: null, text }), { code: 'mint_answer' })
  assert.ok(add.mock.callCount() < 100, 'a path for each')
})

test('attack: a vault entry for another STS, or for the services themselves, is not used', async t => {
  const { sts, obtain } = await setting(t, {}, { origins: [EC2, 'https://sts.us-east-1.amazonaws.com'] })
  await rejectsWith(obtain(), 'vault_entry_origin')
  assert.deepEqual(sts.received, [])
})

test('attack: STS of a production policy that leads to this host or over plain http', async t => {
  const network = outbound({
    lookup: (_host, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }]),
  })
  t.after(() => network.close())
  for (const endpoint of [
    'https://sts.eu-west-1.amazonaws.com',
    'http://sts.eu-west-1.amazonaws.com',
    'http://127.0.0.1:1',
  ]) {
    const broker = credentialBroker({
      vault: vaultOf({ kind: 'aws-sts', material: USER, origins: [endpoint] }),
      minters: standardMinters(network, ORIGIN),
      clock: () => NOW,
      onMint: async () => undefined,
    })
    const spec = { minter: 'aws-sts', role: ROLE, region: 'eu-west-1', endpoint } as const
    await rejectsWith(broker.obtain(mintScope({ spec, operations: [TERMINATE] })), 'mint_address', endpoint)
  }
})

test('an operation whose needs are not known gets no credential', async t => {
  const { sts, obtain } = await setting(t)
  await rejectsWith(obtain({ operations: [TERMINATE, needing('ec2:Newest')] }), 'credential_insufficient')
  assert.deepEqual(sts.received, [])
})

test('a request that needs too much says in its scope how far the session reaches', async t => {
  const { obtain } = await setting(t)
  const resources = Array.from(
    { length: 47 },
    (_, i) => `arn:aws:ec2:eu-west-1:111122223333:instance/i-${'0'.repeat(40)}${i}`,
  )
  const { scope } = await obtain({
    operations: [needing('ec2:TerminateInstances', { actions: ['ec2:TerminateInstances'], resources })],
  })
  assert.equal(
    scope,
    `ec2:TerminateInstances on arn:aws:ec2:eu-west-1:111122223333:instance/i-${'0'.repeat(40)}* (47 resources were too many or too long for a session policy); role ${ROLE}`,
  )
})
