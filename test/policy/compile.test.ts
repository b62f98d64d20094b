import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { canonicalize, type JsonObject } from '../../src/canon/index.js'
import { activate, compilePolicy } from '../../src/policy/index.js'
import { activeOf, codesOf, compiledOf, findingsOf, policyText, sourceOf } from './a-policy.js'
import { Authenticator } from './authenticator.js'

/** A passkey as a policy writes it. */
function passkeyFor(rpId: string, origins?: readonly string[]): string {
  const { credential, key } = new Authenticator('es256').passkey
  return JSON.stringify({ credential, key, rpId, ...(origins === undefined ? {} : { origins }) })
}

const READ = '  - { id: read, allow: { api: shop, class: read }, to: coder }'

describe('compiling', () => {
  it('gives the same bytes for the same policy, whatever the order of its rules', () => {
    const update = '  - { id: update, allow: { api: shop, class: update }, to: coder }'
    const one = compiledOf(policyText(`${READ}\n${update}`))
    const other = compiledOf(policyText(`${update}\n${READ}`))
    assert.equal(canonicalize(one.payload), canonicalize(other.payload))
    assert.match(one.cid, /^sha256:[0-9a-f]{64}$/)
    assert.equal(one.cid, other.cid)
  })

  it('writes every default out', () => {
    const { payload } = compiledOf(policyText(READ))
    const { agents, approvers, credentials } = payload as Record<string, Record<string, JsonObject>>
    assert.deepEqual(agents?.coder?.session, 28_800)
    assert.deepEqual(agents?.coder?.identities, [{ kind: 'grant' }])
    assert.deepEqual([approvers?.finance?.threshold, approvers?.finance?.expires], [1, 1_800])
    assert.deepEqual(credentials?.shop, {
      minter: 'jwt',
      audience: 'https://shop.internal',
      ttlSeconds: 60,
      alg: 'Ed25519',
    })
  })

  it('pins every catalog by the digest of its content', () => {
    const { payload, catalogs } = compiledOf(policyText(READ))
    const digest = (payload.apis as { shop: { catalog: string } }).shop.catalog
    assert.equal(catalogs.get(digest)?.name, 'shop')
  })

  it('knows a private upstream by its name or address, or by being told', () => {
    const of = (upstream: string, more = ''): boolean => {
      const apis = `  shop: { upstream: "${upstream}", routes: [{ route: "GET /x", class: read }]${more} }`
      return activeOf(policyText(READ, { apis })).apis.get('shop')?.privateUpstream ?? false
    }
    const hosts = [
      'http://127.0.0.1:80',
      'https://10.1.2.3',
      'https://[::1]:8443',
      'https://169.254.169.254',
      'https://db',
    ]
    assert.deepEqual(
      hosts.map(host => of(host)),
      [true, true, true, true, true],
    )
    assert.deepEqual([of('https://api.example.com'), of('https://8.8.8.8')], [false, false])
    assert.equal(of('https://api.example.com', ', private: true'), true)
  })

  it('reads an API of one’s own from an OpenAPI description or a GraphQL schema', () => {
    const apis = `  rest: { upstream: https://rest.internal, openapi: api.yaml }
  graph: { upstream: https://graph.internal, graphql: { path: /graphql, schema: schema.graphql } }`
    const rules = `  - { id: read, allow: { api: [rest, graph], class: read }, to: coder }
  - { id: gone, deny: { api: graph, operations: thingDelete } }`
    const files = new Map([
      [
        'api.yaml',
        'openapi: 3.1.0\ninfo: { title: t, version: "1" }\npaths: { /x: { get: { responses: {} } } }\n',
      ],
      [
        'schema.graphql',
        'type Query { thing(id: ID!): String }\ntype Mutation { thingDelete(id: ID!): Boolean }',
      ],
    ])
    const compiled = compilePolicy(sourceOf(policyText(rules, { apis })), { catalogs: new Map(), files })
    assert.ok(compiled.kind === 'compiled', JSON.stringify(compiled))
    const active = activate(compiled.payload, compiled.cid, compiled.catalogs)
    const names = [...active.apis.values()].flatMap(api => api.catalog.operations().map(each => each.name))
    assert.deepEqual(names.includes('GET /x') && names.includes('thingDelete'), true)
    assert.deepEqual(
      findingsOf(policyText(rules, { apis }))
        .map(each => `${each.code} ${each.path}`)
        .slice(0, 2),
      ['missing_file apis.rest.openapi', 'missing_file apis.graph.graphql.schema'],
    )
  })
})

describe('what does not compile', () => {
  const rule = (text: string): string => policyText(`  - { id: it, ${text} }`)
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    ['a rule without an effect', rule('to: coder'), ['rule_effect rules.0']],
    [
      'a rule with two effects',
      rule('allow: { api: shop, class: read }, deny: { api: shop }, to: coder'),
      ['rule_effect rules.0'],
    ],
    ['an allow for nobody', rule('allow: { api: shop, class: read }'), ['to_required rules.0']],
    ['a hold for nobody', rule('hold: { api: shop }, approvers: finance'), ['to_required rules.0']],
    ['a hold without approvers', rule('hold: { api: shop }, to: coder'), ['approvers_required rules.0']],
    [
      'an over: hold without approvers',
      rule('allow: { api: shop, class: read }, to: coder, limit: { count: 1, per: 1h, over: hold }'),
      ['approvers_required rules.0'],
    ],
    ['an allow of no API', rule('allow: { class: read }, to: coder'), ['api_required rules.0.allow']],
    [
      'an allow that does not say what',
      rule('allow: { api: shop }, to: coder'),
      ['allow_too_wide rules.0.allow'],
    ],
    [
      'an allow by scope alone',
      rule('allow: { api: shop, scope: { order: o1 } }, to: coder'),
      ['allow_too_wide rules.0.allow'],
    ],
    [
      'an unknown operation',
      rule('deny: { api: shop, operations: "DELETE /x" }'),
      ['nothing_selected rules.0.deny', 'nothing_selected rules.0.deny.operations'],
    ],
    [
      'one unknown operation among known ones',
      rule('deny: { api: shop, operations: ["GET /orders/{order}", "GET /order/{order}"] }'),
      ['nothing_selected rules.0.deny.operations'],
    ],
    [
      'a pattern that matches nothing',
      rule('deny: { api: shop, operations: ["PUT *"] }'),
      ['nothing_selected rules.0.deny.operations'],
    ],
    [
      'an unknown effect',
      rule('deny: { api: shop, effect: refnd }'),
      ['nothing_selected rules.0.deny', 'nothing_selected rules.0.deny.effect'],
    ],
    [
      'an unknown scope member',
      rule('deny: { api: shop, scope: { ordr: x } }'),
      ['nothing_selected rules.0.deny.scope.ordr'],
    ],
    [
      'an unknown resource type',
      rule('deny: { api: shop, resources: { type: ordr, id: x } }'),
      ['nothing_selected rules.0.deny.resources'],
    ],
    [
      'a class that no operation has',
      rule('allow: { api: shop, class: privilege }, to: coder'),
      ['nothing_selected rules.0.allow'],
    ],
    [
      'a class that does not cover the named operation',
      rule('allow: { api: shop, operations: "POST /orders/{order}/refund", class: billing }, to: coder'),
      ['nothing_selected rules.0.allow'],
    ],
    ['an undefined API', rule('deny: { api: shp }'), ['undefined_name rules.0.deny.api']],
    ['an undefined agent', rule('deny: { api: shop }, to: codr'), ['undefined_name rules.0.to']],
    ['an undefined window', rule('deny: { api: shop }, during: nigt'), ['undefined_name rules.0.during']],
    [
      'an undefined approver group',
      rule('hold: { api: shop }, to: coder, approvers: finanz'),
      ['undefined_name rules.0.approvers'],
    ],
    [
      'an undefined credential',
      policyText(READ).replace('credential: shop', 'credential: shap'),
      ['undefined_name apis.shop.credential'],
    ],
    ['a rule id that is taken', policyText(`${READ}\n${READ}`), ['duplicate rules.1.id']],
    [
      'a limit on a deny',
      rule('deny: { api: shop }, limit: { count: 1, per: 1h }'),
      ['key_without_use rules.0.limit'],
    ],
    [
      'approvers that nobody asks',
      rule('allow: { api: shop, class: read }, to: coder, approvers: finance'),
      ['key_without_use rules.0.approvers'],
    ],
    [
      'a limit that counts and sums',
      rule(
        'allow: { api: shop, effect: refund }, to: coder, limit: { count: 1, sum: args.amount, max: 3, per: day }',
      ),
      ['bad_limit rules.0.limit'],
    ],
    [
      'a sum without a maximum',
      rule('allow: { api: shop, effect: refund }, to: coder, limit: { sum: args.amount, per: day }'),
      ['bad_limit rules.0.limit'],
    ],
    [
      'a sum of what is not there',
      rule('allow: { api: shop, effect: refund }, to: coder, limit: { sum: args.amont, max: 3, per: day }'),
      ['when_unknown_path rules.0.limit.sum'],
    ],
    [
      'a sum of text',
      rule(
        'allow: { api: shop, operations: "POST /orders/{order}/note" }, to: coder, limit: { sum: args.amount, max: 3, per: day }',
      ),
      ['when_untyped rules.0.limit.sum'],
    ],
    ['an expiry that is no time', policyText(READ, { expires: 'tomorrow' }), ['bad_expiry metadata.expires']],
    [
      'an expiry on a day that is not there',
      policyText(READ, { expires: '2027-02-30T00:00:00Z' }),
      ['bad_expiry metadata.expires'],
    ],
    [
      'an expiry without UTC',
      policyText(READ, { expires: '2027-02-01T00:00:00+02:00' }),
      ['bad_expiry metadata.expires'],
    ],
    [
      'a session of nonsense length',
      policyText(READ).replace('environment: staging', 'environment: staging, session: 9999999d'),
      ['bad_duration agents.coder.session'],
    ],
    [
      'a token that lives too long',
      policyText(READ).replace('minter: jwt', 'minter: jwt, ttl: 5m'),
      ['bad_duration credentials.shop.ttl'],
    ],
    [
      'an unknown zone',
      policyText(READ).replace('Europe/Berlin', 'Europe/Bonn'),
      ['bad_zone windows.night.zone'],
    ],
    ['an empty window', policyText(READ).replace('"06:00"', '"22:00"'), ['bad_window windows.night']],
    [
      'a key that is none',
      policyText(READ).replace(/"ed25519:[^"]*"/, '"ed25519:short"'),
      ['bad_key approvers.finance.keys.maria'],
    ],
    [
      'a passkey that is none',
      policyText(READ).replace(
        /"ed25519:[^"]*"/,
        '{ passkey: { credential: "a+b", key: "es256:short", rpId: 127.0.0.1 } }',
      ),
      ['credential', 'key', 'rpId'].map(name => `bad_key approvers.finance.keys.maria.passkey.${name}`),
    ],
    [
      'a passkey for every port of localhost',
      policyText(READ).replace(/"ed25519:[^"]*"/, `{ passkey: ${passkeyFor('localhost')} }`),
      ['origin_required approvers.finance.keys.maria.passkey'],
    ],
    [
      'a passkey for every page at a name that spells an address',
      policyText(READ).replace(/"ed25519:[^"]*"/, `{ passkey: ${passkeyFor('10.0.0.1.nip.test')} }`),
      ['origin_required approvers.finance.keys.maria.passkey'],
    ],
    [
      'origins that no browser writes, or of another host',
      policyText(READ).replace(
        /"ed25519:[^"]*"/,
        `{ passkey: ${passkeyFor('console.acme.test', [
          'https://console.acme.test:443',
          'http://console.acme.test',
          'https://evil.test',
          'https://console.acme.test/',
        ])} }`,
      ),
      [0, 1, 2, 3].map(index => `bad_origin approvers.finance.keys.maria.passkey.origins.${index}`),
    ],
    [
      'one key under two names in two groups',
      policyText(READ).replace(
        /( {2}finance: .*)("ed25519:[^"]*")(.*)/,
        '$1$2$3\n  board: { keys: { jo: $2 } }\n  audit: { keys: { maria: $2 } }',
      ),
      ['duplicate approvers.board.keys.jo'],
    ],
    [
      'a threshold above the keys',
      policyText(READ).replace('" } }', '" }, threshold: 2 }'),
      ['bad_threshold approvers.finance.threshold'],
    ],
    [
      'an upstream with a path',
      policyText(READ).replace('https://shop.internal\n', 'https://shop.internal/v1\n'),
      ['bad_upstream apis.shop.upstream'],
    ],
    [
      'an upstream with a user',
      policyText(READ).replace('https://shop.internal\n', 'https://a@shop.internal\n'),
      ['bad_upstream apis.shop.upstream'],
    ],
    [
      'an unknown catalog',
      policyText(READ, { apis: '  shop: { catalog: shopify }' }),
      ['unknown_catalog apis.shop.catalog'],
    ],
    [
      'an API of two kinds',
      policyText(READ).replace('credential: shop', 'catalog: stripe'),
      ['api_kind apis.shop'],
    ],
    [
      'an API of no kind',
      policyText(READ, { apis: '  shop: { upstream: https://a.internal }' }),
      ['api_kind apis.shop'],
    ],
    [
      'an API of one’s own without an upstream',
      policyText(READ, { apis: '  shop: { routes: [{ route: "GET /x", class: read }] }' }),
      ['upstream_required apis.shop'],
    ],
    [
      'AWS regions elsewhere',
      policyText(READ).replace('credential: shop', 'regions: [eu-west-1]'),
      ['key_without_use apis.shop.regions'],
    ],
    [
      'two routes that are one',
      policyText(READ).replace('"PATCH /orders/{order}"', '"GET /orders/{other}"'),
      ['bad_catalog apis.shop'],
    ],
  ]
  for (const [name, text, codes] of cases) it(name, () => assert.deepEqual(codesOf(text), codes))

  it('ATTACK: one key under two names would meet a threshold of two alone', () => {
    const key = /"(ed25519:[^"]*)"/.exec(policyText(READ))?.[1]
    const text = policyText(READ).replace(
      /keys: \{[^}]*\}/,
      `keys: { maria: "${key}", jo: "${key}" }, threshold: 2`,
    )
    assert.deepEqual(codesOf(text), [
      'duplicate approvers.finance.keys.jo',
      'bad_threshold approvers.finance.threshold',
    ])
  })

  it('ATTACK: one identity of two agents would be either of them', () => {
    const identity = 'identity: [{ issuer: "https://k8s.example", subject: "system:serviceaccount:a:b" }]'
    const text = policyText(READ).replace(
      /^agents:\n/m,
      `agents:\n  one: { environment: staging, ${identity} }\n  two: { environment: staging, ${identity} }\n`,
    )
    assert.deepEqual(codesOf(text), ['duplicate agents.two.identity.0'])
  })

  it('is reported all at once', () => {
    const rules =
      '  - { id: a, allow: { api: shop }, to: codr }\n  - { id: a, hold: { api: shp }, to: coder }'
    assert.deepEqual(codesOf(policyText(rules)), [
      'allow_too_wide rules.0.allow',
      'undefined_name rules.0.to',
      'approvers_required rules.1',
      'duplicate rules.1.id',
      'undefined_name rules.1.hold.api',
    ])
  })
})

describe('activating', () => {
  const { payload, cid, catalogs } = compiledOf(policyText(READ))
  const refusal = (change: (payload: JsonObject) => void, code = 'compiled_policy_malformed'): void => {
    const changed = structuredClone(payload)
    change(changed)
    assert.throws(() => activate(changed, cid, catalogs), { code })
  }
  const firstRule = (changed: JsonObject): JsonObject => (changed.rules as JsonObject[])[0] as JsonObject

  it('takes what the compiler made', () => {
    const active = activate(payload, cid, catalogs)
    assert.deepEqual(
      [active.cid, active.name, active.version, active.audience],
      [cid, 'test', 1, ['staging']],
    )
    assert.equal(active.expiresMs, Date.parse('2030-01-01T00:00:00Z'))
    assert.equal(active.apis.get('shop')?.origins.default, 'https://shop.internal')
    assert.equal(active.agents.get('coder')?.sessionSeconds, 28_800)
  })

  it('refuses an unknown member, anywhere', () => {
    refusal(changed => Object.assign(changed, { extra: 1 }))
    refusal(changed => Object.assign(firstRule(changed), { unless: 'x' }))
    refusal(changed => Object.assign(firstRule(changed).select as JsonObject, { method: ['GET'] }))
  })

  it('refuses a missing member, another version and an ill-typed one', () => {
    refusal(changed => delete changed.expires)
    refusal(changed => Object.assign(changed, { v: 2 }))
    refusal(changed => Object.assign(changed, { version: '1' }))
    refusal(changed => Object.assign(firstRule(changed), { effect: 'permit' }))
  })

  it('refuses names that are not there, however it was signed', () => {
    refusal(changed => Object.assign(firstRule(changed), { to: ['ghost'] }))
    refusal(changed => Object.assign(firstRule(changed), { during: ['ghost'] }))
    refusal(changed => Object.assign(firstRule(changed), { apis: ['ghost'] }))
    refusal(changed => delete firstRule(changed).to)
    refusal(changed => Object.assign(firstRule(changed), { select: {} }))
    refusal(changed => Object.assign(firstRule(changed), { effect: 'hold' }))
    refusal(changed => Object.assign(changed, { credentials: {} }))
    refusal(changed => Object.assign(changed, { rules: [firstRule(changed), firstRule(changed)] }))
  })

  it('refuses a condition that is not CEL, or more than a condition may be', () => {
    refusal(changed => Object.assign(firstRule(changed), { when: 'args.' }))
    refusal(changed => Object.assign(firstRule(changed), { when: 'request.target.matches("(a+)+$")' }))
  })

  it('refuses a catalog that is not there', () => {
    assert.throws(() => activate(payload, cid, new Map()), { code: 'catalog_missing' })
  })

  it('ATTACK: a catalog swapped under the seal', () => {
    const [[digest, document]] = [...catalogs] as [[string, NonNullable<ReturnType<typeof catalogs.get>>]]
    const swapped = new Map([[digest, { ...document, name: 'other' }]])
    assert.throws(() => activate(payload, cid, swapped), { code: 'catalog_missing' })
  })
})
