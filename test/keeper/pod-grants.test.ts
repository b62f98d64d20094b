import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { type IdentityVerifier, identityVerifier, issuerKeys } from '../../src/credential/index.js'
import type { KeeperClient } from '../../src/gate/index.js'
import { POD_GRANT } from '../../src/link/index.js'
import { References } from '../../src/receipt/index.js'
import { Cluster, ISSUER, POD_CLAIMS, SUBJECT } from '../credential/pod-tokens.js'
import { awsPolicy, SigningBroker, signedCall } from './aws-house.js'
import {
  type Asked,
  entriesOf,
  House,
  ORIGIN,
  ofType,
  openedPolicy,
  operation,
  policyOf,
  slowLedger,
  until,
} from './keeper-fixture.js'

const POLICY = (identity: string) => `
apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: acme, version: 2, expires: 2099-01-01T00:00:00Z, audience: [staging] }
apis:
  billing:
    upstream: https://billing.acme.test
    routes: [{ route: "GET /invoices/{id}", class: read }]
agents:
  coder: { environment: staging, identity: ${identity} }
rules: [{ id: read-invoices, allow: { api: billing, class: [read] }, to: [coder] }]
`
const POD = `[{ issuer: "${ISSUER}", subject: "${SUBJECT}" }]`

interface Home {
  readonly house: House
  readonly cluster: Cluster
  readonly identities: IdentityVerifier
}

/** `podUid` is null where it serves several pods. */
async function home(
  t: TestContext,
  identity = POD,
  podUid: string | null = POD_CLAIMS.pod.uid,
): Promise<Home> {
  const house = await House.build(t)
  house.shelf.next = openedPolicy(POLICY(identity))
  const cluster = await Cluster.start()
  const keys = issuerKeys(async () => cluster.jwks)
  const identities = identityVerifier({
    origin: ORIGIN,
    podUid,
    issuers: [{ issuer: ISSUER, keys, review: null }],
  })
  return { house, cluster, identities }
}

function askAs({ house }: Home, client: KeeperClient, token: string): Promise<Asked> {
  return house.ask(client, { presented: { slot: 'bearer', token } })
}

const codeOf = ({ verdict }: Asked) => (verdict.kind === 'refuse' ? verdict.code : verdict.kind)

describe('the identity of a pod as a grant', () => {
  it('is of an issuer that the keeper knows, or its log says that none of them gets in', async t => {
    const strange = '[{ issuer: "https://other.example", subject: "system:serviceaccount:agents:coder" }]'
    const warned = async (at: Home) => {
      await at.house.start({ identities: at.identities })
      return at.house.logged.filter(({ sentence }) => sentence.includes('keeper.identities'))
    }
    assert.equal((await warned(await home(t, strange))).length, 1)
    assert.deepEqual(await warned(await home(t)), [])
  })

  it('is written down once before anything passes under it, and the receipt cites it', async t => {
    const at = await home(t)
    const { ledger } = await at.house.start({ identities: at.identities })
    const client = await at.house.connect()
    const token = await at.cluster.token(ORIGIN, Date.now())
    const answers = await Promise.all([1, 2, 3].map(() => askAs(at, client, token)))
    assert.deepEqual(answers.map(codeOf), ['forward', 'forward', 'forward'])
    const grants = await ofType(ledger, 'grant')
    const [recorded] = grants
    assert.ok(recorded !== undefined && grants.length === 1)
    const { jti, expires, session, ...data } = recorded.data as Record<string, unknown>
    assert.deepEqual(data, {
      action: 'issued',
      agent: 'coder',
      environment: 'staging',
      task: 'agents/coder-1',
      owner: SUBJECT,
      slot: 'bearer',
      issuer: ISSUER,
      subject: SUBJECT,
    })
    const attempts = await ofType(ledger, 'attempt')
    assert.ok(attempts.every(({ agent, seq }) => agent.grant === jti && seq > recorded.seq))
    assert.equal(attempts[0]?.agent.owner, SUBJECT)
    assert.ok(expires !== undefined && session !== undefined)
  })

  it('is written down once more where another policy gives it to another agent', async t => {
    const at = await home(t)
    const { ledger, keeper } = await at.house.start({ identities: at.identities })
    const client = await at.house.connect()
    const token = await at.cluster.token(ORIGIN, Date.now())
    assert.equal(codeOf(await askAs(at, client, token)), 'forward')
    const renamed = POLICY(POD)
      .replace('version: 2', 'version: 3')
      .replace('coder: {', 'builder: {')
      .replace('to: [coder]', 'to: [builder]')
    at.house.shelf.next = openedPolicy(renamed)
    assert.equal(await keeper.activation.reload(), true)
    await until(() => client.policy()?.cid === keeper.activation.inForce()?.cid)
    for (let i = 0; i < 2; i++) assert.equal(codeOf(await askAs(at, client, token)), 'forward')
    const grants = await ofType(ledger, 'grant')
    assert.deepEqual(
      grants.map(({ data }) => data.agent),
      ['coder', 'builder'],
    )
    const references = new References()
    const found: string[] = []
    for (const entry of await entriesOf(ledger))
      references.audit(entry, (code, seq, detail) => found.push(`${code} ${seq} ${detail}`))
    assert.deepEqual(found, [])
  })

  it('attack: has no task in common with a pod whose long name begins like its own', async t => {
    const at = await home(t, POD, null)
    const { ledger } = await at.house.start({ identities: at.identities })
    const client = await at.house.connect()
    for (const last of ['a', 'b']) {
      const pod = { name: `${'x'.repeat(122)}${last}`, uid: `uid-${last}` }
      const claims = { 'kubernetes.io': { ...POD_CLAIMS, pod } }
      assert.equal(
        codeOf(await askAs(at, client, await at.cluster.token(ORIGIN, Date.now(), claims))),
        'forward',
      )
    }
    const tasks = (await ofType(ledger, 'grant')).map(({ data }) => (data as { task: string }).task)
    assert.deepEqual(tasks, ['pod/uid-a', 'pod/uid-b'])
  })

  it('attack: is no grant where its session is ended while it is written down', async t => {
    const at = await home(t)
    const { ledger, asked, goOn } = slowLedger(
      await at.house.openLedger(),
      body => body.type === 'grant' && body.data.action === 'issued',
    )
    await at.house.start({ ledger, identities: at.identities })
    const client = await at.house.connect()
    // Nothing that is looked at again because something is minted for it.
    const unruled = operation('DELETE /invoices/{id}')
    const token = await at.cluster.token(ORIGIN, Date.now())
    const answer = at.house.ask(client, { ...unruled, presented: { slot: 'bearer', token } })
    await asked
    const [grant] = (await at.house.admin('GET', '/v1/grants')).body.grants as { jti: string }[]
    await at.house.admin('POST', `/v1/grants/${grant?.jti}/revoke`)
    goOn()
    assert.equal(codeOf(await answer), 'grant_revoked')
    const attempts = await ofType(ledger, 'attempt')
    assert.deepEqual(
      attempts.map(({ decision }) => decision.code),
      ['grant_revoked'],
    )
  })

  it('is one grant again after the keeper has started anew', async t => {
    const at = await home(t)
    const first = await at.house.start({ identities: at.identities })
    const token = await at.cluster.token(ORIGIN, Date.now())
    assert.equal(codeOf(await askAs(at, await at.house.connect(), token)), 'forward')
    await first.keeper.stop()
    const { ledger } = await at.house.start({ identities: at.identities })
    assert.equal(codeOf(await askAs(at, await at.house.connect(), token)), 'forward')
    assert.equal((await ofType(ledger, 'grant')).length, 1)
  })

  it('is not taken where the keeper was told of no issuer', async t => {
    const at = await home(t)
    await at.house.start()
    const token = await at.cluster.token(ORIGIN, Date.now())
    assert.equal(codeOf(await askAs(at, await at.house.connect(), token)), 'grant_malformed')
  })

  it('is nobody’s where the policy names another subject', async t => {
    const at = await home(t, `[{ issuer: "${ISSUER}", subject: "system:serviceaccount:agents:other" }]`)
    await at.house.start({ identities: at.identities })
    const token = await at.cluster.token(ORIGIN, Date.now())
    assert.equal(codeOf(await askAs(at, await at.house.connect(), token)), 'grant_identity')
  })

  it('attack: a grant of this sidecar doesn’t pass for an agent that the policy knows by its pod alone', async t => {
    const at = await home(t)
    await at.house.start({ identities: at.identities })
    assert.equal(codeOf(await askAs(at, await at.house.connect(), await at.house.token())), 'agent_identity')
  })

  it('stands beside grants where the policy takes both', async t => {
    const at = await home(t, `[{ grant: true }, { issuer: "${ISSUER}", subject: "${SUBJECT}" }]`)
    await at.house.start({ identities: at.identities })
    const client = await at.house.connect()
    assert.equal(codeOf(await askAs(at, client, await at.house.token())), 'forward')
    assert.equal(codeOf(await askAs(at, client, await at.cluster.token(ORIGIN, Date.now()))), 'forward')
  })

  it('is revoked with every other token of its pod, those to come and a new start included', async t => {
    const at = await home(t)
    const first = await at.house.start({ identities: at.identities })
    const client = await at.house.connect()
    const token = await at.cluster.token(ORIGIN, Date.now())
    await askAs(at, client, token)
    const { body } = await at.house.admin('GET', '/v1/grants')
    const [granted] = body.grants as { jti: string }[]
    assert.ok(granted)
    const { jti } = granted
    assert.equal((await at.house.admin('POST', `/v1/grants/${jti}/revoke`)).status, 200)
    const next = await at.cluster.token(ORIGIN, Date.now())
    for (const each of [token, next]) assert.equal(codeOf(await askAs(at, client, each)), 'grant_revoked')
    const attempts = (await entriesOf(first.ledger)).filter(entry => entry.type === 'attempt')
    // What was never noted here is named in no receipt.
    assert.deepEqual(
      attempts.map(({ agent }) => [agent.id, agent.grant]),
      [
        ['coder', jti],
        ['coder', jti],
        ['', ''],
      ],
    )
    await first.keeper.stop()
    const { ledger } = await at.house.start({ identities: at.identities })
    const again = await at.house.connect()
    assert.equal(codeOf(await askAs(at, again, await at.cluster.token(ORIGIN, Date.now()))), 'grant_revoked')
    const actions = (await ofType(ledger, 'grant')).map(({ data }) => data.action)
    assert.deepEqual(actions, ['issued', 'revoked'])
  })

  it('attack: a revoked token is not another one in another spelling of its signature', async t => {
    const at = await home(t, POD, null)
    await at.house.start({ identities: at.identities })
    const client = await at.house.connect()
    const token = await at.cluster.token(ORIGIN, Date.now(), { 'kubernetes.io': undefined })
    assert.equal(codeOf(await askAs(at, client, token)), 'forward')
    const { body } = await at.house.admin('GET', '/v1/grants')
    const [granted] = body.grants as { jti: string }[]
    assert.equal((await at.house.admin('POST', `/v1/grants/${granted?.jti}/revoke`)).status, 200)
    assert.equal(codeOf(await askAs(at, client, token)), 'grant_revoked')
    // Of the last character of 342 only two bits are the signature's.
    const respelled = token.slice(0, -1) + { A: 'B', Q: 'R', g: 'h', w: 'x' }[token.at(-1) ?? '']
    assert.equal(codeOf(await askAs(at, client, respelled)), 'grant_revoked')
  })

  it('is ended by a halt of its agent', async t => {
    const at = await home(t)
    await at.house.start({ identities: at.identities })
    const client = await at.house.connect()
    const token = await at.cluster.token(ORIGIN, Date.now())
    await askAs(at, client, token)
    const halt = { of: { scope: 'agent', agent: 'coder' }, by: 'maria', because: 'enough' }
    assert.equal((await at.house.admin('POST', '/v1/stops/halt', halt)).status, 200)
    assert.equal(codeOf(await askAs(at, client, token)), 'agent_halted')
    const next = await at.cluster.token(ORIGIN, Date.now())
    assert.equal(codeOf(await askAs(at, client, next)), 'agent_halted')
  })

  it('attack: whoever makes tokens without end doesn’t fill the ledger with them', async t => {
    const at = await home(t)
    const { ledger } = await at.house.start({ identities: at.identities })
    const client = await at.house.connect()
    const codes: string[] = []
    for (let i = 0; i < 12; i++)
      codes.push(codeOf(await askAs(at, client, await at.cluster.token(ORIGIN, Date.now()))))
    assert.deepEqual([...new Set(codes)], ['forward', 'grant_too_many'])
    assert.equal((await ofType(ledger, 'grant')).length, 8)
  })

  it('attack: nor whoever makes them for no pod, each a session of its own', async t => {
    const at = await home(t, POD, null)
    const { ledger } = await at.house.start({ identities: at.identities })
    const client = await at.house.connect()
    const codes: string[] = []
    for (let i = 0; i < 68; i++) {
      const token = await at.cluster.token(ORIGIN, Date.now(), { 'kubernetes.io': undefined })
      codes.push(codeOf(await askAs(at, client, token)))
    }
    assert.deepEqual([...new Set(codes)], ['forward', 'grant_too_many'])
    assert.equal((await ofType(ledger, 'grant')).length, 64)
  })

  it('goes with AWS’s own signature, made with the word that stands for the pod, and changed by nobody', async t => {
    const at = await home(t)
    at.house.shelf.next = awsPolicy(['aws-sigv4'], undefined, POD)
    const broker = new SigningBroker()
    await at.house.start({ identities: at.identities, broker })
    const client = await at.house.connect()
    const word = { token: POD_GRANT, jti: POD_GRANT, secret: POD_GRANT }
    const request = { operation: 's3:PutObject', service: 's3', method: 'PUT', path: '/b/k', body: 'hello' }
    const call = await signedCall({ client }, word, request)
    const presented = { slot: 'aws-sigv4', token: await at.cluster.token(ORIGIN, Date.now()) } as const
    const { signed } = call
    assert.ok(signed)
    const changed = { ...signed, signature: '0'.repeat(64) }
    assert.equal(
      codeOf(await at.house.ask(client, { ...call, presented, signed: changed })),
      'signature_mismatch',
    )
    assert.equal(codeOf(await at.house.ask(client, { ...call, presented })), 'forward')
    assert.equal(codeOf(await at.house.ask(client, { ...call, presented })), 'signature_reused')
  })

  it('is refused under a policy that no longer names it', async t => {
    const at = await home(t)
    const { keeper } = await at.house.start({ identities: at.identities })
    const client = await at.house.connect()
    const token = await at.cluster.token(ORIGIN, Date.now())
    assert.equal(codeOf(await askAs(at, client, token)), 'forward')
    at.house.shelf.next = policyOf(3)
    await keeper.activation.reload()
    let asked = await askAs(at, client, token)
    while (asked.verdict.kind === 'stale') asked = await askAs(at, client, token)
    assert.equal(codeOf(asked), 'grant_identity')
  })
})
