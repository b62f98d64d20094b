import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { compilePolicyFile } from '../../src/cli/policy-file.js'
import { writeSealedPolicy } from '../../src/cli/sealed-policy.js'
import { sealPolicy } from '../../src/policy/index.js'
import { countersign, scratch } from './command-line.js'
import { writePolicy } from './policy-workbench.js'

interface Proof {
  readonly breaches: readonly {
    readonly statement: string
    readonly operation: string
    readonly raised: readonly string[]
    readonly effect: string
    readonly request: { readonly body?: string } | null
    readonly confirmed: boolean
    readonly at: string | null
  }[]
}

const RULES = `  - { id: refund, allow: { api: stripe, operations: ["POST /v1/refunds"] }, to: coder, limit: { sum: args.amount, unit: eur, max: 5000, per: day } }
  - { id: redeploy, allow: { api: railway, operations: [serviceInstanceRedeploy], scope: { environment: prod } }, to: coder, during: night }
  - { id: instance, allow: { api: railway, operations: [volumeInstanceUpdate], class: [update, irreversible, destructive] }, to: coder }`

describe('policy prove', () => {
  it('shows a request for each breach that `policy explain` admits as well', async context => {
    const at = await scratch(context)
    const never = `never:
  - { id: money, class: billing, when: args.amount > 100 }
  - { id: prod, api: railway, class: update, scope: { environment: prod } }
  - { id: final, class: irreversible }`
    const policy = await writePolicy(at('p.yaml'), RULES, never)
    const { code, out } = await countersign('policy', 'prove', policy, '--json')
    const { breaches } = JSON.parse(out) as Proof
    assert.equal(code, 1)
    const shown = new Set(breaches.map(each => `${each.statement} ${each.operation}`))
    for (const each of [
      'money POST /v1/refunds',
      'prod serviceInstanceRedeploy',
      'final POST /v1/refunds',
      'final volumeInstanceUpdate',
    ])
      assert.ok(shown.has(each), `${each} in ${[...shown].join(', ')}`)
    assert.ok(
      breaches.every(each => each.confirmed),
      JSON.stringify(breaches.filter(each => !each.confirmed)),
    )
    const lines = breaches
      .filter(each => each.operation !== 'serviceInstanceRedeploy')
      .map(each => JSON.stringify(each.request))
    await writeFile(at('calls.jsonl'), lines.join('\n'))
    const asked = await countersign(
      'policy',
      'explain',
      '--policy',
      policy,
      '--agent',
      'coder',
      '--requests',
      at('calls.jsonl'),
    )
    const answers = asked.out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as { decision?: { effect: string } })
    assert.equal(answers.length, lines.length)
    assert.ok(
      answers.every(each => each.decision?.effect === 'allow'),
      asked.out,
    )
    const nightly = breaches.find(each => each.operation === 'serviceInstanceRedeploy')
    await writeFile(at('nightly.jsonl'), JSON.stringify(nightly?.request))
    for (const [now, effect] of [
      [(nightly?.at ?? '').replace(/\.\d+/, ''), 'allow'],
      ['2027-01-13T12:00:00Z', 'deny'],
    ] as const) {
      const then = ['--policy', policy, '--agent', 'coder', '--now', now]
      const { out } = await countersign('policy', 'explain', ...then, '--requests', at('nightly.jsonl'))
      assert.equal(JSON.parse(out).decision.effect, effect, now)
    }
  })

  it('says what is proven, and exits with 0', async context => {
    const at = await scratch(context)
    const policy = await writePolicy(
      at('p.yaml'),
      RULES,
      'never: { id: volumes, api: railway, operations: ["volumeDelete"], to: "*" }',
    )
    const { code, out } = await countersign('policy', 'prove', policy)
    assert.deepEqual([code, out], [0, 'PROVEN  volumes: cannot happen\n'])
  })

  it('exits with 2 where nothing is stated: proving nothing is no proof', async context => {
    const at = await scratch(context)
    const source = await writePolicy(at('p.yaml'), RULES)
    const key = at('signer.jwk')
    assert.equal((await countersign('trust', 'key', key)).code, 0)
    const sealed = await countersign('policy', 'seal', source, '--key', key, '-o', at('p.sealed.json'))
    assert.equal(sealed.code, 0, sealed.err)
    for (const asked of [[source], [at('p.sealed.json')], [source, '--json']]) {
      const { code, out, err } = await countersign('policy', 'prove', ...asked)
      assert.deepEqual([code, out], [2, ''], asked.join(' '))
      assert.match(
        err,
        /states nothing that must never happen, so there is nothing to prove\n {2}Write .*`never:`/,
      )
    }
    await writeFile(at('never.yaml'), 'never: []\n')
    assert.equal((await countersign('policy', 'prove', source, '--never', at('never.yaml'))).code, 2)
  })

  it('takes statements from a file beside the policy', async context => {
    const at = await scratch(context)
    const policy = await writePolicy(at('p.yaml'), RULES)
    await writeFile(at('never.yaml'), 'never: { id: money, class: billing, because: Money stays. }\n')
    const { code, out } = await countersign('policy', 'prove', policy, '--never', at('never.yaml'))
    assert.equal(code, 1)
    assert.match(out, /^BROKEN {2}money \(Money stays\.\)$/m)
    await writeFile(at('never.yaml'), 'never: { class: bling }\n')
    const wrong = await countersign('policy', 'prove', policy, '--never', at('never.yaml'))
    assert.equal(wrong.code, 2)
    assert.match(wrong.err, /never\.yaml:1:/)
  })
})

describe('policy prove for AWS', () => {
  it('shows as curl what a rule lets through that its author didn’t mean, and explain admits it', async context => {
    const at = await scratch(context)
    const policy = at('p.yaml')
    await writeFile(
      policy,
      AWS_POLICY.replace('RESOURCES', '"arn:aws:ecs:eu-west-1:111122223333:*/staging*"'),
    )
    const { code, out } = await countersign('policy', 'prove', policy)
    assert.equal(code, 1)
    assert.match(out, /aws ecs:UpdateService is admitted by rule roll\n {4}passes/)
    assert.match(out, /aws s3:PutObject is admitted by rule put\n {4}passes/)
    const [, json = ''] = /ecs:UpdateService[\s\S]*?-d '([^']*)' https:\/\/ecs/.exec(out) ?? []
    const { cluster, service } = JSON.parse(json) as { cluster: string; service: string }
    assert.notEqual(cluster, 'staging')
    assert.match(service, /^staging/)
    const asked = await countersign(
      ...['policy', 'explain', '--policy', policy, '--agent', 'coder', '--json'],
      ...['-H', 'X-Amz-Target: AmazonEC2ContainerServiceV20141113.UpdateService'],
      ...['-H', 'Content-Type: application/x-amz-json-1.1', '-d', json],
      'https://ecs.eu-west-1.amazonaws.com/',
    )
    assert.equal(asked.code, 0, asked.err)
    assert.match(asked.out, /"rule":\s*"roll"/)
  })

  it('proves it where the rule names the cluster', async context => {
    const at = await scratch(context)
    const policy = at('p.yaml')
    await writeFile(
      policy,
      AWS_POLICY.replace('RESOURCES', '"arn:aws:ecs:eu-west-1:111122223333:service/staging/*"'),
    )
    const { code, out } = await countersign('policy', 'prove', policy)
    assert.equal(code, 1)
    assert.match(out, /^PROVEN {2}other-clusters: cannot happen, by the ids that requests name;/m)
    assert.match(out, /^BROKEN {2}prod-releases$/m)
    assert.match(out, /curl -X PUT https:\/\/s3\.eu-west-1\.amazonaws\.com\/releases\/prod\/\S+$/m)
  })
})

describe('policy prove of a thing that has several names', () => {
  const LEFT = 'arn:aws:iam::111122223333:role/service-role/*'
  const text = (extra = '') =>
    AWS_POLICY.replace('[ecs, s3]', '[iam]').replace(
      /rules:[\s\S]*$/,
      `rules:
  - { id: roles, allow: { api: aws, operations: ["iam:DeleteRole"], resources: ["arn:aws:iam::111122223333:role/job"] }, to: coder }
${extra}never:
  - { id: service-roles, api: aws, operations: ["iam:DeleteRole"], resources: ["${LEFT}"] }
  - { id: users, api: aws, operations: ["iam:DeleteUser"], resources: ["arn:aws:iam::111122223333:user/*"] }
`,
    )

  it('attack: a role in a request without its path, said to be proven without a word', async context => {
    const at = await scratch(context)
    await writeFile(at('p.yaml'), text())
    const { code, out } = await countersign('policy', 'prove', at('p.yaml'))
    assert.equal(code, 0)
    assert.match(
      out,
      /^PROVEN {2}service-roles: cannot happen, by the ids that requests name; a thing may have others \(docs\/aws\.md\)$/m,
    )
    assert.match(out, /^PROVEN {2}users: cannot happen$/m)
    const json = await countersign('policy', 'prove', at('p.yaml'), '--json')
    assert.deepEqual((JSON.parse(json.out) as { byIds: unknown }).byIds, ['service-roles'])
  })

  it('is proven whole where a deny has the other names as well', async context => {
    const at = await scratch(context)
    await writeFile(
      at('p.yaml'),
      text('  - { id: none, deny: { api: aws, operations: ["iam:DeleteRole"] } }\n'),
    )
    const { out } = await countersign('policy', 'prove', at('p.yaml'))
    assert.match(out, /^PROVEN {2}service-roles: cannot happen$/m)
  })
})

const AWS_POLICY = `apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: aws, version: 1, expires: 2099-01-01T00:00:00Z, audience: [sandbox] }
apis:
  aws: { catalog: aws, services: [ecs, s3], regions: [eu-west-1], credential: aws }
credentials:
  aws: { minter: aws-sts, role: "arn:aws:iam::111122223333:role/agents", region: eu-west-1 }
agents:
  coder: { environment: staging }
rules:
  - { id: roll, allow: { api: aws, operations: ["ecs:UpdateService"], resources: [RESOURCES] }, to: coder }
  - { id: put, allow: { api: aws, operations: ["s3:PutObject"], resources: ["arn:aws:s3:::releases/*"] }, to: coder }
never:
  - { id: other-clusters, api: aws, operations: ["ecs:UpdateService"], resources: ["arn:aws:ecs:eu-west-1:111122223333:service/production/*"] }
  - { id: prod-releases, api: aws, operations: ["s3:*"], resources: ["arn:aws:s3:::releases/prod/*"] }
`

describe('policy seal', () => {
  it('attack: a policy that breaks its own statement is not signed', async context => {
    const at = await scratch(context)
    const policy = await writePolicy(at('p.yaml'), RULES, 'never: { class: irreversible }')
    const { code, out } = await countersign(
      'policy',
      'seal',
      policy,
      '--key',
      at('none.jwk'),
      '-o',
      at('s.json'),
    )
    assert.equal(code, 1)
    assert.match(out, /Nothing was signed/)
    assert.ok(!existsSync(at('s.json')))
  })

  it('attack: a second holder is handed a policy that breaks its own statement, and signs nothing', async context => {
    const at = await scratch(context)
    await countersign('trust', 'key', at('jo.jwk'))
    const { payload, catalogs } = compilePolicyFile(
      await writePolicy(at('p.yaml'), RULES, 'never: { class: irreversible }'),
    )
    writeSealedPolicy(at('s.json'), sealPolicy(payload, []), catalogs)
    const before = readFileSync(at('s.json'))
    const { code, out } = await countersign('policy', 'sign', at('s.json'), '--key', at('jo.jwk'))
    assert.equal(code, 1)
    assert.match(out, /^BROKEN {2}never-1$/m)
    assert.match(out, /Nothing was signed/)
    assert.deepEqual(readFileSync(at('s.json')), before)
    rmSync(at('catalogs'), { recursive: true })
    const blind = await countersign('policy', 'sign', at('s.json'), '--key', at('jo.jwk'))
    assert.notEqual(blind.code, 0)
    assert.match(blind.err, /catalog/)
    assert.deepEqual(readFileSync(at('s.json')), before)
  })

  it('attack: what a sealed policy is called can’t write over what `show` says of it', async context => {
    const at = await scratch(context)
    const { payload } = compilePolicyFile(await writePolicy(at('p.yaml'), ''))
    writeSealedPolicy(at('s.json'), sealPolicy({ ...payload, name: 'good\u001b[2J\u202e' }, []), new Map())
    const { out } = await countersign('policy', 'show', at('s.json'))
    assert.match(out, /policy "good�\[2J�", version 1$/m)
    assert.doesNotMatch(out, /[^\P{C}\n]/u)
  })
})
