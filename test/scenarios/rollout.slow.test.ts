import assert from 'node:assert/strict'
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { parse, stringify } from 'yaml'
import { packageRoot } from '../../src/cli/catalogs.js'
import { RAILWAY_IDS } from '../../src/sandbox/index.js'
import { countersign } from '../cli/command-line.js'
import { type Attempt, attemptsOf, type Sidecar, startSidecar } from './sidecar.js'

const DAY_MS = 86_400_000

/** The sample policy with nothing allowed but one limited rule, and its agent observing for a day. */
function observingPolicy(): string {
  const policy = parse(readFileSync(join(packageRoot(), 'config', 'policies', 'sandbox.yaml'), 'utf8'))
  policy.agents.coder.mode = 'observe'
  policy.agents.coder.until = new Date(Date.now() + DAY_MS).toISOString()
  policy.agents.idle = { environment: 'staging' }
  policy.rules = policy.rules.filter(({ id }: { id: string }) =>
    ['never-volumes', 'work-in-staging', 'void-with-a-second-person'].includes(id),
  )
  return stringify(policy)
}

const railway = (query: string) => ({
  path: '/railway/graphql/v2',
  method: 'POST',
  type: 'application/json',
  body: JSON.stringify({ query }),
})
const form = (path: string, body: string) => ({
  path,
  method: 'POST',
  type: 'application/x-www-form-urlencoded',
  body,
})

interface Call {
  readonly path: string
  readonly method?: string
  readonly type?: string
  readonly body?: string
}

const REDEPLOY = `mutation { serviceInstanceRedeploy(serviceId: "${RAILWAY_IDS.web}", environmentId: "${RAILWAY_IDS.staging}") }`

/** What only observing lets pass. */
const OBSERVED: readonly Call[] = [
  { path: '/billing/invoices' },
  { path: '/billing/invoices/in_1001' },
  { path: '/billing/invoices/in_1002' },
  { path: '/stripe/v1/customers?limit=3' },
  form('/stripe/v1/customers', 'email=maria@example.com'),
  railway(`{ project(id: "${RAILWAY_IDS.project}") { name } }`),
  // One field that a rule allows, one that none reaches.
  railway(
    `mutation { serviceInstanceRedeploy(serviceId: "${RAILWAY_IDS.web}", environmentId: "${RAILWAY_IDS.staging}") variableUpsert(input: { projectId: "${RAILWAY_IDS.project}", environmentId: "${RAILWAY_IDS.production}", name: "LEVEL", value: "debug" }) }`,
  ),
]
const ALLOWED: readonly Call[] = [railway(REDEPLOY)]
const STOPPED: readonly Call[] = [
  railway(`mutation { volumeDelete(volumeId: "${RAILWAY_IDS.volume}") }`),
  { path: '/stripe/v1/customers/cus_1', method: 'DELETE' },
  form('/stripe/v1/refunds', 'charge=ch_1&amount=100'),
  { path: '/billing/invoices/in_1001/void', method: 'POST' },
]

describe('a rollout', () => {
  let sidecar: Sidecar
  let token: string
  let policy: string
  let key: string
  let next: string
  let attempts: readonly Attempt[]

  before(async () => {
    sidecar = await startSidecar({ policy: observingPolicy() })
    token = (await sidecar.grant()).token
    policy = join(sidecar.folder, 'policy', 'policy.yaml')
    next = join(sidecar.folder, 'policy', 'next.yaml')
    key = join(sidecar.folder, 'auditor', 'private.jwk')
  })
  after(() => sidecar.strike())

  async function call({ path, method = 'GET', type, body }: Call) {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(type === undefined ? {} : { 'content-type': type }),
    }
    const answer = await fetch(`${sidecar.gate}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    })
    await answer.arrayBuffer()
    return answer.headers.get('countersign-decision') ?? ''
  }

  it('observes loudly: in headers, receipts, metrics, logs and the status', async () => {
    for (const each of OBSERVED) assert.equal(await call(each), 'effect=allow, code=observed', each.path)
    for (const each of ALLOWED) assert.match(await call(each), /^effect=allow, code=allowed/)
    for (const each of STOPPED) assert.match(await call(each), /^effect=(deny|hold)/, each.path)
    attempts = attemptsOf(await sidecar.ledger())
    const codes = attempts.map(({ decision }) => decision.code)
    assert.equal(codes.filter(code => code === 'observed').length, OBSERVED.length)
    const metrics = await (await fetch(`${sidecar.gate}/metrics`)).text()
    assert.match(metrics, /countersign_requests_total\{api="billing",effect="allow",code="observed"\} 3/)
    assert.match(sidecar.printed(), /"code":"observed","agent":"coder","api":"stripe"/)
    assert.match(sidecar.printed(), /"agent":"coder","until":"[^"]+"[^\n]*an agent observes/)
    const { out } = await sidecar.command(['status'])
    assert.match(out, /OBSERVING {3}coder, until/)
    const sealed = sidecar.loaded.path('policy/policy.sealed.json')
    assert.match((await countersign('policy', 'show', sealed)).out, /OBSERVES {4}coder, until/)
  })

  it('suggests a policy from the running keeper, with the evidence for each line', async () => {
    const { code, err } = await sidecar.command([
      ...['policy', 'suggest', '--policy', policy, '--auditor-key', key, '-o', next],
    ])
    assert.equal(code, 0, err)
    const text = readFileSync(next, 'utf8')
    const suggested = parse(text)
    assert.equal(suggested.metadata.version, 2)
    const { environment, session } = suggested.agents.coder
    assert.deepEqual({ environment, session }, { environment: 'staging', session: '8h' })
    const added = suggested.rules.slice(3)
    const rulesFor = (name: string) =>
      added.filter(({ allow }: { allow: { operations: string[] } }) => allow.operations.includes(name))
    assert.deepEqual(rulesFor('GET /invoices/{id}')[0].allow.resources, [
      { type: 'invoice', id: 'in_1001' },
      { type: 'invoice', id: 'in_1002' },
    ])
    assert.deepEqual(rulesFor('variableUpsert')[0].allow.scope.environment, [RAILWAY_IDS.production])
    assert.equal(rulesFor('serviceInstanceRedeploy').length, 0, 'a rule that is there is not suggested again')
    assert.match(text, /- GET \/v1\/customers # 1 attempt, receipt \d+, 1 task/)
    assert.match(text, /# 2 attempts, receipts \d+ to \d+, 1 task\n {2}- id: work-in-staging/)
    // Above update only as a comment, and without anybody who approves.
    const active = JSON.stringify(suggested)
    for (const name of ['DELETE /v1/customers/{customer}', 'POST /v1/refunds']) {
      assert.ok(!active.includes(name), name)
      assert.match(text, new RegExp(`^# .*${name.replace(/[{}]/g, '\\$&')} # 1 attempt`, 'm'))
    }
    assert.match(text, /^# +approvers: YOUR-APPROVERS$/m)
    const lint = await countersign('policy', 'lint', next, '--json')
    assert.equal(lint.code, 0, lint.out)
    const codes = JSON.parse(lint.out).findings.map((each: { code: string }) => each.code)
    assert.ok(!codes.includes('observes') && !codes.includes('allows_destruction'), codes.join())
  })

  it('replays it over the same attempts: whatever was observed passes by a rule, and nothing else changes', async () => {
    const { code, out, err } = await sidecar.command([
      ...['policy', 'replay', '--auditor-key', key, '--json', next],
    ])
    assert.equal(code, 0, out + err)
    const report = JSON.parse(out)
    assert.equal(report.attempts, attempts.length)
    assert.deepEqual([report.differs, report.unknown, report.same], [0, 0, attempts.length])
    assert.deepEqual(report.observed, { byRule: OBSERVED.length, stillObserved: 0, stopped: 0 })
    const suspicious = await sidecar.command(['policy', 'replay', '--auditor-key', key, policy])
    assert.match(suspicious.out, new RegExp(`0 would pass by a rule, ${OBSERVED.length} by observing again`))
  })

  it('says what a policy that lacks a rule would have stopped, from a dump as well', async () => {
    const less = join(sidecar.folder, 'policy', 'less.yaml')
    const shortened = parse(readFileSync(next, 'utf8'))
    shortened.rules = shortened.rules.filter(
      ({ allow }: { allow?: { api: string } }) => allow?.api !== 'billing',
    )
    writeFileSync(less, stringify(shortened))
    const running = await sidecar.command(['policy', 'replay', '--auditor-key', key, less])
    assert.equal(running.code, 1)
    assert.match(running.out, /^allow → deny: 3 attempts$/m)
    assert.match(
      running.out,
      /coder billing "GET \/invoices\/\{id\}": observed → no_matching_rule; receipts \d+, \d+/,
    )
    const dump = join(sidecar.folder, 'evidence.jsonl')
    assert.equal((await sidecar.command(['receipts', 'export', dump])).code, 0)
    const fromDump = await countersign('policy', 'replay', '--in', dump, less)
    assert.match(fromDump.out, /^allow → deny: 3 attempts$/m)
  })

  it('enforces it once it is sealed: what was seen passes by its rule, anything new is denied', async () => {
    const sealed = join(sidecar.folder, 'policy', 'next.sealed.json')
    const signed = await countersign(
      ...['policy', 'seal', next, '--key', sidecar.loaded.path('trust/keys/policy.jwk'), '-o', sealed],
    )
    assert.equal(signed.code, 0, signed.err)
    const target = sidecar.loaded.path('policy/policy.sealed.json')
    assert.equal(dirname(target), dirname(sealed), 'its catalogs lie beside it')
    assert.ok(readdirSync(join(dirname(sealed), 'catalogs')).length >= 3)
    copyFileSync(sealed, target)
    const reload = await sidecar.command(['policy', 'reload'])
    assert.equal(reload.code, 0, reload.err)
    for (const each of OBSERVED) assert.match(await call(each), /^effect=allow, code=allowed/, each.path)
    for (const each of STOPPED) assert.match(await call(each), /^effect=(deny|hold)/, each.path)
    assert.match(await call({ path: '/billing/invoices/in_1003' }), /^effect=deny, code=no_matching_rule/)
  })

  it('breaks glass with a policy for an hour, and rolls back with the next version; the ledger has both', async () => {
    const target = sidecar.loaded.path('policy/policy.sealed.json')
    const put = async (version: number, expires: string, rules: readonly object[]) => {
      const source = parse(readFileSync(next, 'utf8'))
      source.metadata = { ...source.metadata, version, expires }
      source.rules.push(...rules)
      const file = join(sidecar.folder, 'policy', `version-${version}.yaml`)
      writeFileSync(file, stringify(source))
      const signed = await countersign(
        ...['policy', 'seal', file, '--key', sidecar.loaded.path('trust/keys/policy.jwk'), '-o', target],
      )
      assert.equal(signed.code, 0, signed.err)
      assert.equal((await sidecar.command(['policy', 'reload'])).code, 0)
    }
    const inAnHour = new Date(Date.now() + 3_600_000).toISOString()
    await put(3, inAnHour, [{ id: 'break-glass', allow: { api: 'billing', class: 'read' }, to: ['coder'] }])
    assert.match(await call({ path: '/billing/invoices/in_1003' }), /^effect=allow, code=allowed/)
    const status = await sidecar.command(['status', '--json'])
    assert.equal(new Date(JSON.parse(status.out).keeper.policy.expiresMs).toISOString(), inAnHour)
    await put(4, '2030-01-01T00:00:00Z', [])
    assert.match(await call({ path: '/billing/invoices/in_1003' }), /^effect=deny, code=no_matching_rule/)
    const activated = (await sidecar.ledger()).flatMap(({ entry }) =>
      entry.type === 'policy' && 'data' in entry ? [[entry.data.action, entry.data.version]] : [],
    )
    assert.deepEqual(
      activated,
      [1, 2, 3, 4].map(version => ['activated', version]),
    )
  })
})
