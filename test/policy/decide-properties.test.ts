import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { JsonObject } from '../../src/canon/index.js'
import { type ActivePolicy, activate, type Effect } from '../../src/policy/index.js'
import { OPERATION_CLASSES, type Operation } from '../../src/protocol/index.js'
import { compiledOf, inputOf, policyText } from './a-policy.js'

const compiled = compiledOf(policyText('  - { id: read, allow: { api: shop, class: read }, to: coder }'))
const NAMES = [
  'GET /orders/{order}',
  'PATCH /orders/{order}',
  'POST /orders/{order}/refund',
  'POST /elsewhere',
]
const SEVERITY: Record<Effect, number> = { allow: 0, hold: 1, deny: 2 }

interface ArbitraryRule {
  readonly effect: Effect
  readonly select: JsonObject
  readonly except?: JsonObject
  readonly everyone: boolean
  readonly limited: boolean
  readonly when?: string
}

const criteria = fc.record(
  {
    classes: fc.subarray([...OPERATION_CLASSES], { minLength: 1 }),
    effects: fc.constant(['refund']),
    scope: fc.constantFrom({ order: ['o1'] }, { order: ['o2'] }),
    resources: fc.constantFrom([{ id: 'o*' }], [{ type: 'order', id: 'x' }]),
    operations: fc.subarray(NAMES.slice(0, 3), { minLength: 1 }).map(named => ({
      named: { shop: named },
      globbed: { shop: [] },
      patterns: named.length > 1 ? ['POST *'] : [],
    })),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<JsonObject>

const rule = fc.record(
  {
    effect: fc.constantFrom<Effect>('allow', 'hold', 'deny'),
    select: criteria,
    except: criteria,
    everyone: fc.boolean(),
    limited: fc.boolean(),
    when: fc.constantFrom('args.amount < 5', 'scope.order == "o1"', 'has(args.force)'),
  },
  { requiredKeys: ['effect', 'select', 'everyone', 'limited'] },
) as fc.Arbitrary<ArbitraryRule>

const classes = fc.subarray([...OPERATION_CLASSES], { minLength: 1 })
const operation: fc.Arbitrary<Operation> = fc
  .record({
    name: fc.constantFrom(...NAMES),
    base: classes,
    raised: fc.subarray([...OPERATION_CLASSES]),
    scope: fc.constantFrom<Operation['scope']>({}, { order: 'o1' }, { order: 'o2' }),
    resources: fc.constantFrom<Operation['resources']>(
      [],
      [{ type: 'order', id: 'o1' }],
      [{ type: 'x', id: 'x' }],
    ),
    args: fc.constantFrom<JsonObject>({}, { amount: 3 }, { amount: 9, force: true }, { amount: '3' }),
    effects: fc.constantFrom([], ['refund']),
    account: fc.option(fc.constant('acct_2'), { nil: undefined }),
  })
  .map(({ base, raised, account, ...rest }) => ({
    api: 'shop',
    ...rest,
    baseClasses: base,
    classes: [...new Set([...base, ...raised])],
    ...(account === undefined ? {} : { account }),
  }))

function policyOf(
  rules: readonly ArbitraryRule[],
  order: readonly number[] = rules.map((_, i) => i),
): ActivePolicy {
  const payload = {
    ...compiled.payload,
    rules: order.map(index => compiledRule(rules[index] as ArbitraryRule, index)),
  } as JsonObject
  return activate(payload, compiled.cid, compiled.catalogs)
}

function compiledRule({ everyone, limited, ...rest }: ArbitraryRule, index: number): JsonObject {
  const select =
    rest.effect === 'allow' && rest.select.operations === undefined && rest.select.effects === undefined
      ? { classes: ['read', 'update'], ...rest.select }
      : rest.select
  return {
    ...rest,
    id: `rule-${index}`,
    select,
    apis: ['shop'],
    ...(everyone && rest.effect === 'deny' ? {} : { to: ['coder'] }),
    ...(rest.effect === 'deny' ? {} : { approvers: ['finance'] }),
    ...(limited && rest.effect !== 'deny'
      ? { limit: { max: 2, window: { kind: 'day' }, over: index % 2 === 0 ? 'deny' : 'hold' } }
      : {}),
  } as JsonObject
}

/** The same policy while its agent observes. */
function observing(rules: readonly ArbitraryRule[]): ActivePolicy {
  const { agents } = compiled.payload as { agents: { coder: JsonObject } }
  const coder = { ...agents.coder, observeUntil: Date.parse('2027-01-11T00:00:00Z') }
  const payload = {
    ...compiled.payload,
    agents: { coder },
    rules: rules.map((each, index) => compiledRule(each, index)),
  } as JsonObject
  return activate(payload, compiled.cid, compiled.catalogs)
}

/** Admits any operation of any account, so that whatever bars it is seen. */
const ALLOW_ALL: readonly ArbitraryRule[] = [{}, { scope: { account: ['acct_2'] } }].map(select => ({
  effect: 'allow',
  select: { ...select, classes: [...OPERATION_CLASSES] },
  everyone: false,
  limited: false,
}))

const rules = fc.array(rule, { maxLength: 8 })
const operations = fc.array(operation, { minLength: 1, maxLength: 4 })

describe('decide, for any policy and request', () => {
  it('never depends on the order of the rules', () => {
    const shuffled = rules.chain(list => {
      const indexes = list.map((_, index) => index)
      return fc.tuple(fc.constant(list), fc.shuffledSubarray(indexes, { minLength: list.length }))
    })
    fc.assert(
      fc.property(shuffled, operations, ([list, order], requested) => {
        const input = inputOf(requested)
        assert.deepEqual(policyOf(list, order).decide(input), policyOf(list).decide(input))
      }),
      { numRuns: 150 },
    )
  })

  it('never depends on the order of the operations', () => {
    fc.assert(
      fc.property(rules, operations, (list, requested) => {
        const policy = policyOf(list)
        const { decisive: _, ...forward } = policy.decide(inputOf(requested))
        const { decisive: __, ...backward } = policy.decide(inputOf([...requested].reverse()))
        assert.deepEqual(backward, forward)
      }),
      { numRuns: 150 },
    )
  })

  it('is never widened by another deny', () => {
    fc.assert(
      fc.property(rules, rule, operations, (list, extra, requested) => {
        const input = inputOf(requested)
        const before = policyOf(list).decide(input)
        const after = policyOf([...list, { ...extra, effect: 'deny' }]).decide(input)
        assert.ok(SEVERITY[after.effect] >= SEVERITY[before.effect])
      }),
      { numRuns: 150 },
    )
  })

  it('is never turned from a deny by rule into anything else by another allow or hold', () => {
    fc.assert(
      fc.property(
        rules,
        rule,
        fc.constantFrom<Effect>('allow', 'hold'),
        operations,
        (list, extra, effect, requested) => {
          const input = inputOf(requested)
          // What its limits count is told to the agent, and decides nothing.
          const decided = (all: readonly ArbitraryRule[]) => {
            const { counted: _, ...decision } = policyOf(all).decide(input)
            return decision
          }
          const before = decided(list)
          fc.pre(before.code === 'denied_by_rule')
          assert.deepEqual(decided([...list, { ...extra, effect }]), before)
        },
      ),
      { numRuns: 150 },
    )
  })

  it('is as severe as its most severe operation alone, limits apart', () => {
    fc.assert(
      fc.property(rules, operations, (list, requested) => {
        const policy = policyOf(list.map(each => ({ ...each, limited: false })))
        const alone = requested.map(each => SEVERITY[policy.decide(inputOf([each])).effect])
        assert.equal(SEVERITY[policy.decide(inputOf(requested)).effect], Math.max(...alone))
      }),
      { numRuns: 150 },
    )
  })

  it('attack: observing never admits more than reading, creating and updating, nor past a deny or a hold', () => {
    fc.assert(
      fc.property(rules, operations, (list, requested) => {
        const enforced = policyOf(list).decide(inputOf(requested))
        const observed = observing(list).decide(inputOf(requested))
        if (observed.code !== 'observed') {
          assert.deepEqual(observed, enforced)
          return
        }
        assert.deepEqual([observed.effect, observed.rule], ['allow', null])
        assert.equal(enforced.code, 'no_matching_rule')
        for (const each of requested) {
          const alone = policyOf(list.map(rule => ({ ...rule, limited: false }))).decide(inputOf([each]))
          if (alone.effect === 'allow') continue
          assert.equal(alone.code, 'no_matching_rule')
          assert.ok(each.classes.every(name => ['read', 'create', 'update'].includes(name)))
          const holds = list.filter(rule => rule.effect === 'hold')
          // No rule here asks for the account: naming it lets the two allows reach any operation.
          const scope = each.account === undefined ? each.scope : { ...each.scope, account: each.account }
          assert.equal(
            policyOf([...holds, ...ALLOW_ALL]).decide(inputOf([{ ...each, scope }])).effect,
            'allow',
            'a hold reaches it',
          )
        }
      }),
      { numRuns: 300 },
    )
  })

  it('admits nothing without an allow or a hold', () => {
    fc.assert(
      fc.property(rules, operations, (list, requested) => {
        const denies = list.map(each => ({ ...each, effect: 'deny' as const }))
        assert.equal(policyOf(denies).decide(inputOf(requested)).effect, 'deny')
      }),
    )
  })
})
