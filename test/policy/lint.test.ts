import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { openAwsShelf } from '../../src/cli/aws-shelf.js'
import { lintPolicy } from '../../src/policy/index.js'
import { policyText, sourceOf } from './a-policy.js'
import { Authenticator } from './authenticator.js'

const NOW = Date.parse('2027-01-10T12:00:00Z')

function lint(text: string): readonly string[] {
  const findings = lintPolicy(sourceOf(text), { catalogs: new Map(), files: new Map(), nowMs: NOW })
  assert.ok(findings.every(each => each.line > 0 && each.column > 0 && each.mend !== ''))
  return findings.map(each => `${each.code} ${each.path}`)
}

/** A policy that lint has nothing to say about, with more rules. */
function quiet(more = ''): string {
  return policyText(`  - { id: read, allow: { api: shop, class: read }, to: coder }
  - { id: watch, hold: { api: shop, class: update }, to: coder, during: night, approvers: finance, because: Nobody looks. }
${more}`)
}

describe('linting', () => {
  it('is quiet about a policy that is well kept', () => assert.deepEqual(lint(quiet()), []))

  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    [
      'a fixed secret',
      quiet().replace('minter: jwt, audience: https://shop.internal', 'minter: static'),
      ['static_credential credentials.shop'],
    ],
    [
      'a passkey that every page of its host may ask',
      quiet().replace(
        /"ed25519:[^"]*"/,
        `{ passkey: ${JSON.stringify(new Authenticator('es256', { rpId: 'console.acme.test' }).passkey)} }`,
      ),
      ['origin_open approvers.finance.keys.maria.passkey'],
    ],
    [
      'an API without a credential',
      quiet().replace('    credential: shop\n', ''),
      ['credential_missing apis.shop', 'unused_name credentials.shop'],
    ],
    [
      'an agent that observes',
      quiet().replace('coder: { ', 'coder: { mode: observe, until: 2027-01-20T00:00:00Z, '),
      ['observes agents.coder.mode'],
    ],
    [
      'an agent that observed, and no rule for it',
      `${policyText('  []').replace('coder: { ', 'coder: { mode: observe, until: 2027-01-09T00:00:00Z, ')}`,
      [
        'agent_without_rule agents.coder',
        'observes agents.coder.mode',
        'unused_name approvers.finance',
        'unused_name windows.night',
      ],
    ],
    ['plain http', quiet().replace('upstream: https', 'upstream: http'), ['plain_http apis.shop.upstream']],
    [
      'an allow of what can’t be undone',
      quiet('  - { id: pay, allow: { api: shop, effect: refund }, to: coder }'),
      ['allows_destruction rules.2.allow'],
    ],
    [
      'an allow of every class',
      quiet('  - { id: all, allow: { api: shop, class: "*" }, to: coder }'),
      ['allows_destruction rules.2.allow', 'broad_wildcard rules.2.allow.class'],
    ],
    [
      'an allow of every operation of every API to everybody',
      quiet('  - { id: all, allow: { api: "*", operations: "*" }, to: "*" }'),
      [
        'allows_destruction rules.2.allow',
        'broad_wildcard rules.2.allow.api',
        'broad_wildcard rules.2.allow.operations',
        'broad_wildcard rules.2.to',
      ],
    ],
    [
      'a deny that names a thing alone, where calls name none',
      quiet(
        '  - { id: no, deny: { api: shop, resources: { type: order, id: o1 } }, because: It is kept. }',
      ).replace('    routes:\n', '    routes:\n      - { route: "GET /me", class: read }\n'),
      ['meets_nameless rules.2.deny'],
    ],
    [
      'a deny that names a thing and what is done to it',
      quiet(
        '  - { id: no, deny: { api: shop, class: update, resources: { type: order, id: o1 } }, because: It is kept. }',
      ),
      [],
    ],
    [
      'a deny without a reason',
      quiet('  - { id: no, deny: { api: shop, effect: refund } }'),
      ['missing_because rules.2'],
    ],
    ['a policy that has expired', quiet().replace('2030-01-01', '2027-01-01'), ['expired metadata.expires']],
    [
      'a policy that soon expires',
      quiet().replace('2030-01-01', '2027-01-20'),
      ['expires_soon metadata.expires'],
    ],
    [
      'an agent without a rule',
      quiet().replace('  coder: {', '  idle: { environment: x }\n  coder: {'),
      ['agent_without_rule agents.idle'],
    ],
    ['an unused window', quiet().replace('during: night, ', ''), ['unused_name windows.night']],
    [
      'an unused approver group',
      policyText('  - { id: read, allow: { api: shop, class: read }, to: coder, during: night }'),
      ['unused_name approvers.finance'],
    ],
    [
      'an allow that a deny covers',
      quiet('  - { id: no-reads, deny: { api: shop, class: [read, billing] }, because: Closed. }'),
      ['shadowed_rule rules.0.allow'],
    ],
    [
      'an allow that several denies cover together',
      quiet(`  - { id: pay, allow: { api: shop, effect: refund }, to: coder, when: args.amount > 5 }
  - { id: no-pay, deny: { api: shop }, when: args.amount > 2, because: Closed. }`),
      ['allows_destruction rules.2.allow', 'shadowed_rule rules.2.allow'],
    ],
    [
      'a condition that can never be true',
      quiet(
        '  - { id: x, allow: { api: shop, operations: ["PATCH /orders/{order}"] }, to: coder, when: args.amount > 5 && args.amount < 3 }',
      ),
      ['when_never_true rules.2.when'],
    ],
    [
      'a condition that is about another environment',
      quiet(
        '  - { id: x, deny: { api: shop }, when: \'agent.environment == "production"\', because: Closed. }',
      ),
      ['when_never_true rules.2.when'],
    ],
    [
      'a rule that excepts all it selects',
      quiet('  - { id: x, allow: { api: shop, class: read, except: { class: read } }, to: coder }'),
      ['unreachable_rule rules.2.allow'],
    ],
    [
      'two rules that mean the same',
      quiet('  - { id: again, allow: { api: shop, class: read }, to: coder }'),
      ['duplicate_rule rules.2.allow'],
    ],
    [
      'a rule that another covers',
      quiet('  - { id: again, allow: { api: shop, class: read, scope: { order: o1 } }, to: coder }'),
      ['covered_rule rules.2.allow'],
    ],
    [
      'a statement that the policy breaks',
      quiet().replace('rules:', 'never: { class: read }\nrules:'),
      ['never_broken never'],
    ],
    [
      'a policy that does not compile',
      quiet('  - { id: x, deny: { api: shp } }'),
      ['undefined_name rules.2.deny.api'],
    ],
  ]
  for (const [name, text, expected] of cases)
    it(`finds ${name}`, () => assert.deepEqual(lint(text), expected))

  it('does not take a deny with a condition for one that covers', () => {
    const denies = [
      'deny: { api: shop, class: read }, during: night',
      'deny: { api: shop, class: read }, when: resources.size() > 1',
      'deny: { api: shop, class: read, scope: { order: o1 } }',
      'deny: { api: shop, class: read, except: { scope: { order: o1 } } }',
    ]
    for (const deny of denies) assert.deepEqual(lint(quiet(`  - { id: no, ${deny}, because: Closed. }`)), [])
  })
})

it('attack: thousands of rules are not each held against each other', () => {
  const one = (id: string, order: number) =>
    `  - { id: ${id}, allow: { api: shop, class: read, resources: [o${order}] }, to: [coder] }`
  const rules = Array.from({ length: 3_000 }, (_, n) => `${one(`a${n}`, n)}\n${one(`b${n}`, n)}`).join('\n')
  const found = lintPolicy(sourceOf(policyText(rules)), { catalogs: new Map(), files: new Map(), nowMs: 0 })
  assert.equal(found.filter(({ code }) => code === 'duplicate_rule').length, 3_000)
})

describe('a deny of a bucket', () => {
  const source = readFileSync(new URL('../../../config/policies/aws.yaml', import.meta.url), 'utf8')
  const warned = (kept: string): boolean => {
    const text = `${source}\n  - { id: kept, deny: { api: aws, ${kept} }, because: It is kept. }\n`
    const options = { catalogs: new Map(), aws: openAwsShelf(), files: new Map(), nowMs: NOW }
    const found = lintPolicy(sourceOf(text), options)
    assert.ok(!found.some(({ severity }) => severity === 'error'), JSON.stringify(found))
    return found.some(({ code }) => code === 'objects_left_out')
  }
  const BUCKET = '"arn:aws:s3:::acme-releases"'

  it('warns of the objects in it, which it doesn’t meet', () =>
    assert.ok(warned(`class: irreversible, resources: [${BUCKET}]`)))

  const quietOnes = {
    'where the objects are named as well': `class: irreversible, resources: [${BUCKET}, "arn:aws:s3:::acme-releases/*"]`,
    'where some of the objects are named': `class: irreversible, resources: [${BUCKET}, "arn:aws:s3:::acme-releases/web/*"]`,
    'where the operations are of the bucket': `operations: ["s3:DeleteBucket"], resources: [${BUCKET}]`,
    'where a star covers both': 'class: irreversible, resources: ["arn:aws:s3:::acme-*"]',
  }
  for (const [where, kept] of Object.entries(quietOnes))
    it(`doesn’t ${where}`, () => assert.ok(!warned(kept)))
})
