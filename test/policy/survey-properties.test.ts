import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { JsonObject } from '../../src/canon/index.js'
import { loadShippedCatalogs } from '../../src/cli/catalogs.js'
import { readCompiled } from '../../src/policy/compiled.js'
import { decide } from '../../src/policy/decide.js'
import { activate, type Effect, OBSERVING, openSurvey, surveyOperation } from '../../src/policy/index.js'
import { indexRules } from '../../src/policy/rule-index.js'
import {
  type Catalog,
  OPERATION_CLASSES,
  type Operation,
  type OperationSpec,
} from '../../src/protocol/index.js'
import { compiledOf, inputOf, policyText } from './a-policy.js'

const APIS = `  shop:
    upstream: https://shop.internal
    credential: shop
    routes:
      - { route: "GET /orders/{order}", class: read }
      - { route: "PATCH /orders/{order}", class: update, args: { state: string, amount: int, force: bool } }
      - { route: "POST /orders/{order}/refund", class: [billing, irreversible], effect: refund, args: { amount: int } }
  railway: { catalog: railway, credential: railway }
  stripe: { catalog: stripe, credential: stripe }
credentials:
  shop: { minter: jwt, audience: https://shop.internal }
  railway: { minter: railway-project-token, project: p, environment: e }
  stripe: { minter: stripe-restricted-key, livemode: false }`
const compiled = compiledOf(
  policyText('  - { id: read, allow: { api: shop, class: read }, to: coder }', {
    apis: APIS,
  }).replace(
    'night: {',
    'day: { from: "06:00", to: "22:00", zone: Europe/Berlin }\n  tokyo: { from: "01:00", to: "12:00", zone: Asia/Tokyo }\n  night: {',
  ),
  new Map(loadShippedCatalogs()),
)
const { apis: whole, agents } = activate(compiled.payload, compiled.cid, compiled.catalogs)

/** A few operations of every kind: own routes, raised classes, another account, scope, resources, effects. */
const OPERATIONS: readonly (readonly [api: string, name: string])[] = [
  ['shop', 'GET /orders/{order}'],
  ['shop', 'PATCH /orders/{order}'],
  ['shop', 'POST /orders/{order}/refund'],
  ['railway', 'variableUpsert'],
  ['railway', 'variableCollectionUpsert'],
  ['railway', 'volumeInstanceUpdate'],
  ['railway', 'environmentPatchCommit'],
  ['railway', 'volumeDelete'],
  ['stripe', 'GET /v1/customers/{customer}'],
  ['stripe', 'POST /v1/refunds'],
  ['stripe', 'POST /v1/customers/{customer}'],
]

/** The APIs with these operations only, so that there is time for many policies. */
const apis = new Map(
  [...whole].map(([name, api]) => {
    const names = OPERATIONS.filter(([owner]) => owner === name).map(([, operation]) => operation)
    const specs = api.catalog.operations().filter(spec => names.includes(spec.name))
    return [name, { ...api, catalog: { operations: () => specs } as Pick<Catalog, 'operations'> as Catalog }]
  }),
)

const CONDITIONS = [
  'args.amount < 5',
  'args.amount > 7',
  'args.amount >= 5 && args.amount <= 7',
  'args.amount > 5 && args.amount < 3',
  '!(args.amount < 5)',
  'has(args.force) && args.force',
  'has(args.amount) ? args.amount == 3 : false',
  'agent.environment == "staging"',
  'agent.environment != "staging"',
  'agent.facts.team == "web" && args.amount < 5',
  'scope.order == "o1"',
  'scope.order in ["o1", "o2"]',
  '"update" in operation.classes',
  'resources.size() == 1',
  'resources.exists(r, r.id == "o1")',
  'operation.api == "shop" || args.amount == 9',
  'args.state != "open"',
  'args.state == "open" && args.state == "shut"',
  'true',
]
const WINDOWS = ['night', 'day', 'tokyo']

/** One id in two spellings. */
const [WRITTEN, PLAIN] = ['0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b', '{0E1F2A3B4C5D4E6F8A9B0C1D2E3F4A5B}']
const IDS = ['o1', 'o2', 'env-1', 'acct_2', 'O1', WRITTEN, PLAIN]
const PATTERNS = ['o*', '*1', 'o1', '*', 'env-*', 'x', 'o1*', '*o*', 'O1', 'ENV-*', WRITTEN, PLAIN, '0E1*']
/** Present half of the time, and a quarter of it. */
const often = <T>(each: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: each })
const rarely = <T>(each: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: each })

const criteria = fc
  .record({
    classes: often(
      fc.oneof(fc.constant([...OPERATION_CLASSES]), fc.subarray([...OPERATION_CLASSES], { minLength: 1 })),
    ),
    effects: rarely(fc.constantFrom(['refund'], ['other'])),
    scope: rarely(
      fc.dictionary(
        fc.constantFrom('order', 'environment', 'account', 'customer', 'volume'),
        fc.subarray(IDS, { minLength: 1 }),
        { minKeys: 1, maxKeys: 2, noNullPrototype: true },
      ),
    ),
    resources: rarely(
      fc.array(
        fc.record(
          {
            type: fc.constantFrom('order', 'volume', 'customer', 'environment'),
            id: fc.constantFrom(...PATTERNS),
          },
          { requiredKeys: ['id'] },
        ),
        { minLength: 1, maxLength: 2 },
      ),
    ),
    operations: rarely(
      fc
        .tuple(fc.subarray([...OPERATIONS]), fc.subarray([...OPERATIONS]), fc.boolean())
        .map(([named, globbed, open]) => ({
          named: byApi(named),
          globbed: byApi(globbed),
          patterns: open ? ['GET *'] : [],
        })),
    ),
  })
  .map(present)

/** Without the members that have no value. */
function present<T extends object>(value: T): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined))
}

function byApi(list: readonly (readonly [string, string])[]): Record<string, string[]> {
  const names: Record<string, string[]> = {}
  for (const [api, name] of list) names[api] = [...(names[api] ?? []), name]
  return names
}

const rule = fc
  .record({
    effect: fc.constantFrom<Effect>('allow', 'allow', 'allow', 'hold', 'deny'),
    select: criteria,
    except: rarely(criteria),
    when: rarely(fc.constantFrom(...CONDITIONS)),
    during: rarely(fc.subarray(WINDOWS, { minLength: 1 })),
    limit: rarely(
      fc.record({
        max: fc.constantFrom(1, 3),
        window: fc.constant({ kind: 'day' }),
        over: fc.constantFrom('deny', 'hold'),
      }),
    ),
  })
  .map(each => present(each) as Record<string, unknown> & { effect: Effect; select: Record<string, unknown> })

function compiledRule(
  each: Record<string, unknown> & { effect: Effect; select: Record<string, unknown> },
  index: number,
): JsonObject {
  const { limit, ...rest } = each
  const bare = ['operations', 'classes', 'effects'].every(key => each.select[key] === undefined)
  return {
    ...rest,
    id: `rule-${index}`,
    select:
      each.effect === 'allow' && bare
        ? { classes: ['read', 'update', 'billing'], ...each.select }
        : each.select,
    apis: ['railway', 'shop', 'stripe'],
    ...(each.effect === 'deny' ? {} : { to: ['coder'], approvers: ['finance'] }),
    ...(limit === undefined || each.effect === 'deny' ? {} : { limit }),
  } as unknown as JsonObject
}

/** A request for an operation, as its catalog may describe one. */
const request = fc.record({
  place: fc.nat(OPERATIONS.length - 1),
  raised: fc.subarray([...OPERATION_CLASSES]),
  scope: fc.array(fc.option(fc.constantFrom(...IDS)), { minLength: 6, maxLength: 6 }),
  resources: fc.array(fc.tuple(fc.nat(9), fc.constantFrom(...IDS)), { maxLength: 2 }),
  account: fc.option(fc.constantFrom('acct_2', 'acct_3')),
  args: fc.record(
    {
      amount: fc.constantFrom(3, 5, 6, 9, '3'),
      force: fc.boolean(),
      state: fc.constantFrom('open', 'shut'),
    },
    { requiredKeys: [] },
  ),
  hour: fc.nat(23),
  used: fc.constantFrom(0, 1, 2, 5),
})

function operationOf(
  api: string,
  spec: OperationSpec,
  made: typeof request extends fc.Arbitrary<infer T> ? T : never,
): Operation {
  const raised = made.raised.filter(each => spec.raisable.includes(each))
  const scope: Record<string, string> = {}
  spec.scope.forEach((member, i) => {
    const value = made.scope[i % made.scope.length]
    if (value !== null && value !== undefined) scope[member] = value
  })
  const account = spec.scope.includes('account') ? made.account : null
  return {
    api,
    name: spec.name,
    baseClasses: spec.classes,
    classes: [...new Set([...spec.classes, ...raised])].sort(),
    scope,
    resources:
      spec.resources.length === 0
        ? []
        : made.resources.map(([at, id]) => ({
            type: spec.resources[at % spec.resources.length] as string,
            id,
          })),
    args: made.args as JsonObject,
    effects: spec.effects,
    ...(account === null ? {} : { account }),
  }
}

function specOf(place: number): readonly [string, OperationSpec] {
  const [api, name] = OPERATIONS[place] as (typeof OPERATIONS)[number]
  const spec = apis
    .get(api)
    ?.catalog.operations()
    .find(each => each.name === name)
  assert.ok(spec, `${api} has ${name}`)
  return [api, spec]
}

/** The policy with its agent observing until then; as it is where no end is given. */
function withObserving(payload: JsonObject, until: string | undefined): JsonObject {
  if (until === undefined) return payload
  const { coder } = payload.agents as { readonly coder: JsonObject }
  return { ...payload, agents: { coder: { ...coder, observeUntil: Date.parse(until) } } }
}

function agentsOf(until: string | undefined): typeof agents {
  const observeUntilMs = until === undefined ? null : Date.parse(until)
  return new Map([...agents].map(([name, agent]) => [name, { ...agent, observeUntilMs }]))
}

describe('a survey, for any policy and request', () => {
  it('has what decide answers among its outcomes, and is right wherever it is certain', () => {
    const seen = { allow: 0, hold: 0, deny: 0, certain: 0 }
    let observed = 0
    fc.assert(
      fc.property(
        fc.array(rule, { minLength: 1, maxLength: 4 }),
        fc.array(request, { minLength: 4, maxLength: 8 }),
        rarely(fc.constantFrom('2027-01-10T12:00:00Z', '2027-01-20T00:00:00Z')),
        (list, requests, until) => {
          const payload = withObserving(
            { ...compiled.payload, rules: list.map(compiledRule) } as JsonObject,
            until,
          )
          const index = indexRules(readCompiled(payload), apis, agentsOf(until))
          const survey = openSurvey(payload, apis)
          for (const made of requests) {
            const [api, spec] = specOf(made.place)
            const operation = operationOf(api, spec, made)
            const decision = decide(
              index,
              inputOf([operation], {
                request: { api, method: 'GET', target: '/' },
                nowMs: Date.parse('2027-01-10T00:30:00Z') + made.hour * 3_600_000,
                usage: () => made.used,
              }),
            )
            const surveyed = surveyOperation(survey.of('coder', api), spec)
            const here = surveyed.cases.find(
              each =>
                each.otherAccount === (operation.account !== undefined) &&
                [...spec.classes, ...each.raised].sort().join() === operation.classes.join(),
            )
            assert.ok(here, 'every request is a case')
            assert.ok(
              here.effects.has(decision.effect),
              `${decision.effect} ${decision.code} ${decision.rule}`,
            )
            const named = decision.code === 'observed' ? OBSERVING : decision.rule
            const decided = here.ways.some(
              way => way.effect === decision.effect && (way.rule?.id ?? null) === named,
            )
            assert.ok(decided, `${decision.rule} decided`)
            seen[decision.effect]++
            if (decision.code === 'observed') observed++
            if (here.effects.size === 1) seen.certain++
          }
        },
      ),
      { numRuns: 500 },
    )
    // What never happens would prove nothing.
    for (const [what, count] of Object.entries(seen)) assert.ok(count > 60, `${what}: ${count}`)
    assert.ok(observed > 20, `observed: ${observed}`)
  })
})
