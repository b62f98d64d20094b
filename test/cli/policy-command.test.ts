import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { base64, canonicalBytes } from '../../src/canon/index.js'
import { compilePolicyFile } from '../../src/cli/policy-file.js'
import { runCommandLine } from '../../src/cli/program.js'
import { policyJsonSchema } from '../../src/policy/index.js'

const POLICY = `apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: test, version: 1, expires: 2030-01-01T00:00:00Z, audience: [staging] }
apis:
  railway: { catalog: railway, credential: railway }
  stripe: { catalog: stripe, credential: stripe }
  billing:
    upstream: https://billing.internal
    credential: billing
    openapi: billing.yaml
credentials:
  railway: { minter: railway-project-token, project: p, environment: e }
  stripe: { minter: stripe-restricted-key, livemode: false }
  billing: { minter: jwt, audience: https://billing.internal }
agents:
  coder: { environment: staging }
rules:
  - id: read-freely
    allow: { api: "*", class: read }
    to: coder
  - id: customers
    allow: { api: stripe, operations: ["POST /v1/customers"] }
    to: coder
  - id: never-volumes
    deny: { api: railway, operations: volumeDelete }
    because: Backups live on the volume.
`
const OPENAPI = `openapi: 3.1.0
info: { title: billing, version: "1" }
paths:
  /invoices/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
    get: { responses: {} }
`

let folder: string
let policy: string

async function run(...argv: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  return runWith('', ...argv)
}

async function runWith(
  stdin: string,
  ...argv: readonly string[]
): Promise<{ code: number; out: string; err: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const io = { stdin: Readable.from([stdin]), stdout, stderr, env: {}, cwd: folder }
  const code = await runCommandLine(argv, io)
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') }
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-policy-'))
  policy = join(folder, 'policy.yaml')
  await writeFile(policy, POLICY)
  await writeFile(join(folder, 'billing.yaml'), OPENAPI)
})
after(() => rm(folder, { recursive: true }))

const graphql = (query: string): readonly string[] => [
  ...['-H', 'content-type: application/json', '-d', JSON.stringify({ query })],
  'https://backboard.railway.com/graphql/v2',
]

describe('a policy that somebody else wrote', () => {
  it('attack: names a device, a pipe, a folder or a ring of links as a description, and nobody waits for it', async () => {
    execFileSync('mkfifo', [join(folder, 'pipe')])
    await symlink('ring', join(folder, 'ring'))
    await symlink('/dev/zero', join(folder, 'zeros'))
    await writeFile(
      join(folder, 'latin.yaml'),
      Buffer.from(OPENAPI.replace('billing', 'b\u00fcro'), 'latin1'),
    )
    const file = join(folder, 'named.yaml')
    for (const name of ['/dev/zero', 'zeros', 'pipe', '.', 'ring', 'latin.yaml']) {
      await writeFile(file, POLICY.replace('openapi: billing.yaml', `openapi: ${name}`))
      const { code, out } = await run('policy', 'lint', file)
      assert.equal(code, 1, name)
      assert.match(out, /missing_file/, name)
    }
  })

  it('attack: is in another encoding, so that a name reads well and fits nothing', async () => {
    const file = join(folder, 'encoded.yaml')
    await writeFile(file, Buffer.from(POLICY.replace('Backups live', 'B\u00fccher liegen'), 'latin1'))
    for (const command of ['lint', 'prove', 'seal']) {
      const { code, err } = await run('policy', command, file)
      assert.equal(code, 2)
      assert.match(err, /is not UTF-8/)
    }
  })

  it('attack: is sealed and holds no policy at all, and the answer is a fault with a name', async () => {
    const file = join(folder, 'sealed.json')
    const payloadType = 'application/vnd.countersign.policy.v1+json'
    for (const payload of [null, [], 7, { apis: null }, { apis: { a: null } }, { apis: 'a' }]) {
      const envelope = { payload: base64(canonicalBytes(payload)), payloadType, signatures: [] }
      await writeFile(file, canonicalBytes(envelope))
      for (const command of ['show', 'prove', 'matrix']) {
        const { code, err } = await run('policy', command, file)
        assert.equal(code, 2)
        assert.match(
          err,
          /^error (compiled_policy_malformed|expiry_missing):/,
          `${command} ${JSON.stringify(payload)}`,
        )
      }
    }
  })
})

describe('policy explain', () => {
  const explain = (...argv: readonly string[]): ReturnType<typeof run> =>
    run('policy', 'explain', '--policy', policy, ...argv)

  it('admits with 0 and names the rule with its line', async () => {
    const { code, out } = await explain('-d', 'email=a@b.example', 'https://api.stripe.com/v1/customers')
    assert.equal(code, 0)
    assert.match(
      out,
      /^POST \/v1\/customers\n {2}classes {4}create\nALLOW allowed by rule customers \(.*policy\.yaml:21\)\n$/,
    )
  })

  it('denies with 1 and says why', async () => {
    const { code, out } = await explain(
      '--agent',
      'coder',
      ...graphql('mutation { a: volumeDelete(volumeId: "v-91") }'),
    )
    assert.equal(code, 1)
    assert.match(out, /resources {2}volume v-91\nDENY denied_by_rule by rule never-volumes/)
    assert.match(out, /because {4}Backups live on the volume\./)
  })

  it('takes an upstream’s URL, a sidecar’s, a path, and an API by name', async () => {
    for (const at of [
      ['https://billing.internal/invoices/7'],
      ['http://127.0.0.1:7070/billing/invoices/7'],
      ['/billing/invoices/7'],
      ['--api', 'billing', '/invoices/7'],
    ]) {
      const { code, out } = await explain(...at)
      assert.match(out, /^GET \/invoices\/\{id\}\n {2}classes {4}read\n {2}scope {6}id=7\n/, at.join(' '))
      assert.equal(code, 0)
    }
  })

  it('answers in JSON', async () => {
    const { code, out } = await explain('--json', '-X', 'DELETE', '/stripe/v1/customers/cus_1')
    const answer = JSON.parse(out)
    assert.equal(code, 1)
    assert.deepEqual(answer.operations, [
      {
        name: 'DELETE /v1/customers/{customer}',
        classes: ['irreversible'],
        scope: { customer: 'cus_1' },
        resources: [{ type: 'customer', id: 'cus_1' }],
      },
    ])
    assert.deepEqual(
      [answer.decision.effect, answer.decision.code, answer.decision.rule],
      ['deny', 'no_matching_rule', null],
    )
  })

  it('refuses what a gate refuses, without normalising it first', async () => {
    const { code, out } = await explain('https://api.stripe.com/v1/customers/../charges')
    assert.deepEqual([code, out.split(':')[0]], [1, 'REFUSED target_dot_segment'])
  })

  it('answers many requests, a line each, in order', async () => {
    const get = { api: 'billing', method: 'GET', target: '/invoices/7', headers: [['accept', '*/*']] }
    const form = [['content-type', 'application/x-www-form-urlencoded']]
    const post = {
      api: 'stripe',
      method: 'POST',
      target: '/v1/customers',
      headers: form,
      bodyBase64: base64(Buffer.from('name=x')),
    }
    const lines = [get, { ...get, api: 'nope' }, { ...get, target: '//x' }, post, { ...get, extra: 1 }].map(
      each => JSON.stringify(each),
    )
    const { code, out } = await runWith(
      `${lines.join('\n')}\n{"api":\n`,
      'policy',
      'explain',
      '--policy',
      policy,
      '--requests',
      '-',
    )
    assert.equal(code, 0)
    const answers = out
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    assert.deepEqual(
      answers.map(each => each.decision?.code ?? each.refused.code),
      [
        'allowed',
        'unknown_api',
        'target_empty_segment',
        'allowed',
        'request_line_malformed',
        'request_line_malformed',
      ],
    )
    assert.deepEqual(Object.keys(answers[0]), ['operations', 'decision'])
    assert.deepEqual(Object.keys(answers[0].operations[0]), ['name', 'classes', 'scope', 'resources'])
  })

  it('reads a sealed policy with its catalogs, whoever signed it', async () => {
    const { payload, catalogs } = compilePolicyFile(policy)
    const sealed = join(folder, 'sealed')
    await mkdir(join(sealed, 'catalogs'), { recursive: true })
    for (const [digest, document] of catalogs) {
      await writeFile(join(sealed, 'catalogs', `${digest.slice(7)}.json`), canonicalBytes(document))
    }
    const envelope = {
      payload: base64(canonicalBytes(payload)),
      payloadType: 'application/vnd.countersign.policy.v1+json',
      signatures: [],
    }
    await writeFile(join(sealed, 'policy.sealed.json'), canonicalBytes(envelope))
    const { code, out } = await run(
      'policy',
      'explain',
      '--policy',
      join(sealed, 'policy.sealed.json'),
      '/billing/invoices/7',
    )
    assert.match(out, /ALLOW allowed by rule read-freely\n$/)
    assert.equal(code, 0)
  })

  it('exits with 2 and says what to do when it is used wrongly', async () => {
    const wrong: readonly (readonly [readonly string[], RegExp])[] = [
      [[], /Pass a URL/],
      [['--agent', 'codr', '/billing/x'], /one of: coder/],
      [['https://elsewhere.example/x'], /--api with one of/],
      [['-H', 'nonsense', '/billing/x'], /Name: value/],
      [['--requests', join(folder, 'none.jsonl')], /cannot read/],
    ]
    for (const [argv, message] of wrong) {
      const { code, err } = await explain(...argv)
      assert.equal(code, 2, argv.join(' '))
      assert.match(err, message)
    }
    const { code, err } = await run('policy', 'explain', '--policy', join(folder, 'none.yaml'), '/x')
    assert.deepEqual([code, /cannot read the policy/.test(err)], [2, true])
  })
})

describe('policy lint', () => {
  it('exits with 0 where only warnings are left, and 1 with --strict', async () => {
    const loose = await run('policy', 'lint', policy)
    assert.equal(loose.code, 0)
    assert.match(loose.out, /policy\.yaml:19:14: warning broad_wildcard: /)
    assert.match(loose.out, /: 0 errors, 1 warning\n$/)
    assert.equal((await run('policy', 'lint', '--strict', policy)).code, 1)
  })

  it('exits with 1 and lists every error', async () => {
    const broken = join(folder, 'broken.yaml')
    await writeFile(
      broken,
      POLICY.replace('to: coder', 'to: codr').replace('catalog: stripe', 'catalog: stripes'),
    )
    const { code, out } = await run('policy', 'lint', '--json', broken)
    const report = JSON.parse(out)
    assert.equal(code, 1)
    assert.deepEqual(
      report.findings.map((each: { code: string; line: number }) => `${each.line} ${each.code}`),
      ['6 unknown_catalog', '20 undefined_name'],
    )
    const explained = await run('policy', 'explain', '--policy', broken, '/billing/x')
    assert.equal(explained.code, 2)
    assert.match(explained.err, /broken\.yaml:6:\d+: error unknown_catalog/)
  })
})

it('policy lint says where the rules were not looked at yet, for want of a form that can be read', async () => {
  const broken = join(folder, 'formless.yaml')
  const form = POLICY.replace('class: read', 'class: reed').replace('to: coder', 'to: codr')
  await writeFile(broken, form)
  const { code, out } = await run('policy', 'lint', broken)
  assert.equal(code, 1)
  assert.match(out, /wrong_value[\s\S]*1 error[\s\S]*lint it again\.\n$/)
  assert.doesNotMatch((await run('policy', 'lint', policy)).out, /lint it again/)
})

it('policy schema prints the schema', async () => {
  const { code, out } = await run('policy', 'schema')
  assert.deepEqual([code, JSON.parse(out)], [0, policyJsonSchema()])
})
