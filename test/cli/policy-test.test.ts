import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { SaxesParser } from 'saxes'
import { parse } from 'yaml'
import { casesJsonSchema } from '../../src/cli/policy-test/case-schema.js'
import { countersign, scratch } from './command-line.js'

const ROOT = new URL('../../../', import.meta.url)
const POLICY = `apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: test, version: 1, expires: 2030-01-01T00:00:00Z, audience: [staging] }
apis:
  billing:
    upstream: https://billing.internal
    credential: billing
    routes:
      - { route: "GET /invoices/{id}", class: read }
      - { route: "POST /invoices/{id}/remind", class: update, args: { note: string } }
      - { route: "POST /invoices/{id}/void", class: irreversible }
      - { route: "DELETE /invoices/{id}", class: irreversible }
credentials:
  billing: { minter: jwt, audience: https://billing.internal }
agents:
  coder: { environment: staging }
  tester: { environment: staging }
approvers:
  finance: { keys: { maria: "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" } }
windows:
  night: { from: "22:00", to: "06:00", zone: UTC }
rules:
  - { id: read, allow: { api: billing, class: read }, to: coder }
  - { id: read-more, allow: { api: billing, operations: ["GET *"] }, to: coder }
  - id: remind
    allow: { api: billing, operations: ["POST /invoices/{id}/remind"] }
    to: coder
    limit: { count: 3, per: 1h }
  - id: mine
    allow: { api: billing, operations: ["POST /invoices/{id}/remind"] }
    to: tester
    when: agent.owner == "maria" && agent.task == "t-1" && args.note == "now"
  - id: quiet
    hold: { api: billing, class: update }
    to: coder
    during: night
    approvers: finance
    because: Nobody looks.
  - { id: never-void, deny: { api: billing, operations: ["POST /invoices/{id}/void"] }, because: It stays void. }
`
const HEAD = `apiVersion: countersign.dev/v1
kind: PolicyCases
policy: policy.yaml
agent: coder
now: 2027-01-13T12:00:00Z
cases:
`
const READS = `  - { name: reads, request: curl /billing/invoices/1, expect: allow, rule: read }
`

async function folder(t: TestContext, cases: string, policy = POLICY) {
  const path = await scratch(t)
  await writeFile(path('policy.yaml'), policy)
  await writeFile(path('cases.yaml'), HEAD + cases)
  return path
}

async function outcomeOf(t: TestContext, cases: string, ...flags: readonly string[]) {
  const path = await folder(t, cases)
  const { code, out, err } = await countersign('policy', 'test', path('cases.yaml'), '--json', ...flags)
  assert.equal(err, '')
  return { code, report: JSON.parse(out) }
}

describe('policy test', () => {
  it('holds every example of the project', async () => {
    const tests = fileURLToPath(new URL('config/policies/tests', ROOT))
    const { code, out } = await countersign('policy', 'test', tests, '--min-coverage', '100', '--json')
    const report = JSON.parse(out)
    assert.equal(code, 0, out)
    const ready = (await readdir(new URL('config/policies', ROOT))).filter(name => name.endsWith('.yaml'))
    assert.deepEqual(
      report.policies.map(({ policy }: { policy: string }) => basename(policy)).sort(),
      ready.sort(),
    )
    for (const { policy, coverage } of report.policies)
      assert.ok(coverage.destructive.stopped.length >= 2, `${policy} shows what it stops`)
    // That of the sandbox lets pass what staging alone has mounted.
    for (const [name, stopped] of [
      ['railway', 'volumeDelete'],
      ['sandbox', 'volumeInstanceBackupDelete'],
      ['staging', 'volumeDelete'],
    ]) {
      const { coverage } = report.policies.find(({ policy }: { policy: string }) =>
        policy.endsWith(`/${name}.yaml`),
      )
      assert.ok(coverage.destructive.stopped.includes(`railway ${stopped}`), name)
    }
  })

  it('takes requests as curl, in full and recorded, and every circumstance of a case', async t => {
    const path = await folder(
      t,
      `${READS}  - name: in full
    request: { api: billing, method: POST, target: /invoices/1/remind, headers: ["content-type: application/json"], body: "{}" }
    expect: allow
    rule: remind
    operations: ["POST /invoices/{id}/remind"]
  - { name: recorded, recorded: calls.jsonl, expect: allow }
  - { name: at night, now: 2027-01-13T23:00:00Z, request: curl -X POST /billing/invoices/1/remind, expect: hold, rule: quiet }
  - { name: used up, usage: { remind: 3 }, request: curl -X POST /billing/invoices/1/remind, expect: deny, code: over_limit }
  - name: for one owner and task
    agent: tester
    owner: maria
    task: t-1
    request: curl /billing/invoices/1/remind -d note=now
    expect: allow
    rule: mine
  - { name: not for another, agent: tester, request: curl /billing/invoices/1/remind -d note=now, expect: deny }
  - { name: never, request: curl -X POST /billing/invoices/1/void, expect: deny, rule: never-void }
  - { name: refused, request: curl /billing/../x, expect: refused, code: target_dot_segment }
`,
    )
    const line = { api: 'billing', method: 'GET', target: '/invoices/7', headers: [] }
    await writeFile(path('calls.jsonl'), `${JSON.stringify(line)}\n\n${JSON.stringify(line)}\n`)
    const { code, out } = await countersign('policy', 'test', path('cases.yaml'))
    assert.equal(code, 0, out)
    assert.match(out, /^10 cases, 0 failed$/m)
    assert.match(out, /recorded \(2\): allow read/)
    assert.match(out, /rules {8}6 of 6 tested$/m)
    assert.match(out, /destructive {2}1 of 2 operations shown to be denied or held$/m)
  })

  it('says of a case that fails what was expected, where it stands, and exits with 1', async t => {
    const path = await folder(
      t,
      `  - { name: "reads & <all>", request: curl /billing/invoices/1, expect: deny, rule: never-void, code: x, operations: [y] }\n`,
    )
    const { code, out } = await countersign(
      'policy',
      'test',
      path('cases.yaml'),
      '--junit',
      path('results.xml'),
    )
    assert.equal(code, 1)
    assert.match(out, /FAIL {2}reads & <all>: allow read/)
    assert.match(out, /cases\.yaml:7: expected the effect deny, got allow/)
    assert.match(out, /expected the rule never-void, got read/)
    assert.match(out, /expected the code x, got allowed/)
    assert.match(out, /expected the operations y, got GET \/invoices\/\{id\}/)
    assert.match(out, /not tested: read, read-more/)
    const seen: string[] = []
    const xml = new SaxesParser()
    xml.on('opentag', ({ name, attributes }) =>
      seen.push(`${name} ${attributes.name ?? attributes.message} ${attributes.failures ?? ''}`),
    )
    xml.write(await readFile(path('results.xml'), 'utf8')).close()
    assert.deepEqual(
      seen.map(each => each.split(';')[0]?.trim()),
      [
        'testsuites policy test 1',
        `testsuite ${path('cases.yaml')} 1`,
        'testcase reads & <all>',
        'failure expected the effect deny, got allow',
      ],
    )
  })

  it('counts a rule that had a say beside the one that is named, and none in a case that fails', async t => {
    const { code, report } = await outcomeOf(t, READS)
    assert.equal(code, 0)
    assert.deepEqual(report.policies[0].coverage.rules.tested, ['read', 'read-more'])
    const failing = await outcomeOf(t, READS.replace('rule: read', 'rule: read-more'))
    assert.equal(failing.code, 1)
    assert.deepEqual(failing.report.policies[0].coverage.rules.tested, [])
  })

  it('exits with 1 where less is tested than asked for', async t => {
    const stop = `  - { name: never, request: curl -X DELETE /billing/invoices/1, expect: deny }\n`
    assert.equal((await outcomeOf(t, READS, '--min-coverage', '33')).code, 0)
    const short = await outcomeOf(t, READS, '--min-coverage', '34')
    assert.equal(short.code, 1)
    assert.match(short.report.short[0], /33 % of the rules are tested, 34 % wanted/)
    assert.equal((await outcomeOf(t, stop, '--min-destructive', '50')).code, 0)
    assert.equal((await outcomeOf(t, stop, '--min-destructive', '51')).code, 1)
  })

  it('attack: a pipe or a device among the cases, or as the policy that they name; nobody waits for it', async context => {
    const at = await scratch(context)
    execFileSync('mkfifo', [at('pipe.yaml')])
    await symlink('/dev/zero', at('zeros'))
    for (const policy of ['pipe.yaml', 'zeros', '.']) {
      await writeFile(at('cases.yaml'), HEAD.replace(/^policy: .*$/m, `policy: ${policy}`) + READS)
      for (const path of [at('cases.yaml'), at('pipe.yaml')]) {
        const { code, err } = await countersign('policy', 'test', path)
        assert.equal(code, 2, err)
        assert.match(err, /cannot read/, `${policy} ${path}`)
      }
    }
  })

  it('reads the folders in a folder of cases', async t => {
    const path = await folder(t, READS)
    await mkdir(path('all/billing'), { recursive: true })
    await writeFile(path('all/reads.yaml'), HEAD + READS)
    await writeFile(path('all/billing/wrong.yaml'), HEAD + READS.replace('expect: allow', 'expect: deny'))
    const { code, out } = await countersign('policy', 'test', path('all'), '--policy', path('policy.yaml'))
    assert.equal(code, 1, out)
    assert.match(out, /^2 cases, 1 failed$/m)
  })

  it('attack: cases after the policy’s end hold for every policy, and show nothing', async t => {
    const late = (expected: string) =>
      `  - { name: late, now: 2031-01-01T00:00:00Z, request: curl -X DELETE /billing/invoices/1, expect: deny${expected} }\n`
    const found = await outcomeOf(t, late(''))
    assert.equal(found.code, 1)
    assert.match(found.report.policies[0].cases[0].differences[0], /has expired at that time/)
    const meant = await outcomeOf(t, late(', code: policy_expired'), '--min-destructive', '1')
    assert.deepEqual([meant.code, meant.report.failed], [1, 0])
    const { rules, destructive } = meant.report.policies[0].coverage
    assert.deepEqual([rules.tested, destructive.stopped], [[], []])
  })

  it('attack: a destructive operation that only a used-up limit stops is not shown to be stopped', async t => {
    const path = await folder(
      t,
      '  - { name: x, usage: { del: 1 }, request: curl -X DELETE /billing/invoices/1, expect: deny }\n',
      POLICY.replace(
        '  - { id: never-void',
        '  - { id: del, allow: { api: billing, operations: ["DELETE *"] }, to: coder, limit: { count: 1, per: day } }\n  - { id: never-void',
      ),
    )
    const { code, out } = await countersign('policy', 'test', path('cases.yaml'), '--json')
    const { coverage } = JSON.parse(out).policies[0]
    assert.equal(code, 0)
    assert.deepEqual([coverage.destructive.stopped, coverage.rules.tested], [[], ['del']])
  })

  it('attack: what stands in one request beside a denied operation is not shown to be stopped', async t => {
    const path = await scratch(t)
    await writeFile(
      path('policy.yaml'),
      POLICY.slice(0, POLICY.indexOf('apis:')) +
        `apis: { railway: { catalog: railway, credential: railway } }
credentials: { railway: { minter: railway-project-token, project: p, environment: e } }
agents: { coder: { environment: staging } }
rules:
  - { id: services, allow: { api: railway, operations: [serviceDelete] }, to: coder }
  - { id: volumes, deny: { api: railway, operations: [volumeDelete] }, because: No. }
`,
    )
    const query = 'mutation { serviceDelete(id: "s") volumeDelete(volumeId: "v") }'
    await writeFile(
      path('cases.yaml'),
      `${HEAD}  - name: both
    request: { api: railway, method: POST, target: /graphql/v2, headers: ["content-type: application/json"], body: ${JSON.stringify(JSON.stringify({ query }))} }
    expect: deny
    operations: [serviceDelete, volumeDelete]
`,
    )
    const { code, out } = await countersign('policy', 'test', path('cases.yaml'), '--json')
    assert.equal(code, 0, out)
    assert.deepEqual(JSON.parse(out).policies[0].coverage.destructive.stopped, ['railway volumeDelete'])
  })

  it('shows a destructive operation that passes once as passing', async t => {
    const policy = POLICY.replace(
      '  - { id: never-void',
      '  - { id: del, allow: { api: billing, operations: ["DELETE *"] }, to: tester }\n  - { id: never-void',
    )
    const path = await folder(
      t,
      `  - { name: coder, request: curl -X DELETE /billing/invoices/1, expect: deny }
  - { name: tester, agent: tester, request: curl -X DELETE /billing/invoices/1, expect: allow }\n`,
      policy,
    )
    const { out } = await countersign('policy', 'test', path('cases.yaml'), '--json')
    assert.deepEqual(JSON.parse(out).policies[0].coverage.destructive, {
      stopped: [],
      admitted: ['billing DELETE /invoices/{id}'],
      untested: ['billing POST /invoices/{id}/void'],
    })
  })

  it('takes --policy instead of the file’s own, and a sealed one', async t => {
    const path = await folder(t, READS)
    await writeFile(path('other.yaml'), POLICY.replace('id: read,', 'id: else,'))
    await countersign('trust', 'key', path('key.jwk'))
    const sealed = await countersign('policy', 'seal', path('other.yaml'), '--key', path('key.jwk'))
    assert.equal(sealed.code, 0, sealed.err)
    for (const file of ['other.yaml', 'other.sealed.json']) {
      const { code, out } = await countersign('policy', 'test', path('cases.yaml'), '--policy', path(file))
      assert.equal(code, 1)
      assert.match(out, /expected the rule read, got else/)
    }
  })

  it('exits with 2 and names line and column of everything that can’t be read', async t => {
    const wrong: readonly (readonly [string, RegExp])[] = [
      [`  - { name: x, request: curl /billing/x, expect: alow }\n`, /cases\.yaml:7:\d+: error wrong_value/],
      [
        `  - { name: x, request: curl /billing/x, expect: allow, rul: y }\n`,
        /unknown_key: .*Did you mean "rule"/,
      ],
      [`  - { name: x, expect: allow }\n`, /7:\d+: error missing_key: .*`request` and `recorded`/],
      [`  - { name: x, request: curl /a, recorded: b, expect: allow }\n`, /error missing_key/],
      [
        `  - { name: x, request: "curl -F a=b /billing/x", expect: allow }\n`,
        /7:\d+: error wrong_value: .*-F/,
      ],
      [`  - { name: x, request: curl https://elsewhere.test/, expect: allow }\n`, /no API of the policy/],
      [`  - { name: x, agent: codr, request: curl /billing/x, expect: allow }\n`, /error undefined_name/],
      [`  - { name: x, usage: { nope: 1 }, request: curl /billing/x, expect: allow }\n`, /no rule "nope"/],
      [`  - { name: x, now: noon, request: curl /billing/x, expect: allow }\n`, /not a time in UTC/],
      [`  - { name: x, recorded: none.jsonl, expect: allow }\n`, /cannot read/],
    ]
    for (const [cases, message] of wrong) {
      const path = await folder(t, cases)
      const { code, err } = await countersign('policy', 'test', path('cases.yaml'))
      assert.equal(code, 2, cases)
      assert.match(err, message)
    }
    const path = await folder(t, READS)
    assert.equal((await countersign('policy', 'test', path('absent'))).code, 2)
    assert.equal((await countersign('policy', 'test')).code, 2)
  })
})

describe('the schema of cases', () => {
  it('in config/schema is the one that the command checks, and describes every key', () => {
    const text = readFileSync(new URL('config/schema/cases.v1.json', ROOT), 'utf8')
    const file = JSON.parse(text) as {
      properties: { cases: { items: { properties: Record<string, { description?: string }> } } }
    }
    assert.deepEqual(file, casesJsonSchema())
    const { properties } = file.properties.cases.items
    for (const [key, { description }] of Object.entries(properties))
      assert.equal(typeof description, 'string', key)
  })

  it('accepts the examples, as another reader of it says', () => {
    const accepts = new Ajv2020({ strict: false }).compile(casesJsonSchema())
    for (const name of ['sandbox', 'staging']) {
      const text = readFileSync(new URL(`config/policies/tests/${name}.yaml`, ROOT), 'utf8')
      assert.ok(accepts(parse(text)), JSON.stringify(accepts.errors))
    }
  })

  it('is printed by policy schema --cases', async () => {
    const { code, out } = await countersign('policy', 'schema', '--cases')
    assert.deepEqual([code, JSON.parse(out)], [0, casesJsonSchema()])
  })
})
