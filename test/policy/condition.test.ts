import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { JsonObject, JsonValue } from '../../src/canon/index.js'
import { ConditionContext, compileCondition } from '../../src/policy/condition.js'
import { checkCondition } from '../../src/policy/condition-check.js'
import type { ArgumentType, OperationSpec } from '../../src/protocol/index.js'
import { inputOf, operation } from './a-policy.js'

const ARGS: ArgumentType = {
  fields: {
    amount: 'int',
    ratio: 'double',
    name: 'string',
    force: 'bool',
    tags: { list: 'string' },
    meta: 'any',
    labels: { map: 'string' },
    input: { fields: { state: 'string', deep: 'any' } },
    items: { list: { fields: { price: 'int' } } },
  },
}

function spec(args: ArgumentType, parts: Partial<OperationSpec> = {}): OperationSpec {
  return {
    name: 'op',
    classes: ['update'],
    raisable: [],
    args,
    scope: ['environment'],
    resources: [],
    effects: [],
    ...parts,
  }
}

function codes(
  source: string,
  effect: 'allow' | 'deny' = 'allow',
  operations = [spec(ARGS)],
): readonly string[] {
  const facts: ArgumentType = { fields: { team: 'string', tags: { list: 'string' } } }
  return checkCondition(source, { effect, operations, facts }).map(({ code, at }) => `${code}@${at}`)
}

describe('a condition, when it is compiled', () => {
  const fine = [
    'args.amount < 100 && args.ratio > 0.5 && args.name == "x" && args.force',
    'args.amount > 5.5',
    'args.tags.exists(t, t == "x") && args.items.all(i, i.price < 10)',
    'has(args.name) && !has(args.meta)',
    'args.labels.team == "web" && args.input.state != "DELETED"',
    'args["name"].startsWith("a") && size(args.tags) < 3 && args.tags[0] == "a"',
    'scope.environment in ["staging", "test"] && agent.facts.team == "web"',
    'resources.all(r, r.type == "volume") && "read" in operation.classes',
    'now > timestamp("2027-01-01T00:00:00Z") && now.getHours("Europe/Berlin") < 18',
    'request.method == "GET" && agent.task != "" && operation.name.endsWith("x")',
  ]
  for (const source of fine) it(`accepts ${source}`, () => assert.deepEqual(codes(source), []))

  const refused: readonly (readonly [string, readonly string[]])[] = [
    ['args.amont < 100', ['when_unknown_path@5']],
    ['has(args.amont)', ['when_unknown_path@9']],
    ['args.input.stat == "x" && args.nme == "y"', ['when_unknown_path@11', 'when_unknown_path@31']],
    ['scope.region == "eu"', ['when_unknown_path@6']],
    ['agent.facts.tem == "web"', ['when_unknown_path@12']],
    ['args.meta == "x"', ['when_untyped@5']],
    ['args.meta.x == 1', ['when_untyped@5']],
    ['args.input.deep', ['when_untyped@11']],
    ['string(args.meta) == "x"', ['when_untyped@12']],
    ['probe.mounted', ['when_unasked@6']],
    ['args.amount == "5"', ['when_type@0']],
    ['args.name > 3', ['when_type@0']],
    ['args.amount', ['when_not_bool@0']],
    ['args.name + ', ['when_syntax@12']],
    ['args.items.all(i, i.prize < 10)', ['when_type@20']],
    ['size(args) > 1', ['when_refused@0']],
    ['args[args.name] == 1', ['when_refused@0']],
    ['args.name.matches("(a+)+$")', ['when_refused@0']],
    ['args.name.split("").all(c, c == "a")', ['when_refused@0']],
    ['args.tags.all(a, args.tags.exists(b, a == b))', ['when_refused@17']],
    ['cel.bind(x, args.tags + args.tags, true)', ['when_refused@0']],
    ['args.tags.all(args, true)', ['when_refused@14']],
    ['args.items.exists(i, has(i.price))', ['when_refused@25']],
    ['dyn(args.name) == 1', ['when_refused@0']],
    ['type(args.meta) == string', ['when_refused@0']],
    ['nothing.here == 1', ['when_type@0']],
  ]
  for (const [source, expected] of refused) {
    it(`refuses ${source}`, () => assert.deepEqual(codes(source), expected))
  }

  it('lets a deny use a value without a type', () => {
    assert.deepEqual(codes('args.meta.x == 1', 'deny'), [])
    assert.deepEqual(codes('args.meta.x == 1 || probe.mounted', 'deny'), ['when_unasked@26'])
    assert.deepEqual(codes('args.amont == 1', 'deny'), ['when_unknown_path@5'])
  })

  it('takes a path that exists in one of the selected operations', () => {
    const operations = [spec({ fields: { a: 'int' } }), spec({ fields: { b: 'int' } })]
    assert.deepEqual(codes('args.a == 1 || args.b == 2', 'allow', operations), [])
    assert.deepEqual(codes('args.c == 1', 'allow', operations), ['when_unknown_path@5'])
  })

  it('takes a path whose types disagree for untyped', () => {
    const operations = [spec({ fields: { a: 'int' } }), spec({ fields: { a: 'string' } })]
    assert.deepEqual(codes('args.a == 1', 'allow', operations), ['when_untyped@5'])
    assert.deepEqual(codes('args.a == 1', 'deny', operations), [])
  })

  it('takes every argument of an operation that describes none for untyped', () => {
    assert.deepEqual(codes('args.a == 1', 'allow', [spec('any')]), ['when_untyped@5'])
  })

  it('suggests the member that was meant', () => {
    const [finding] = checkCondition('args.amont < 1', {
      effect: 'allow',
      operations: [spec(ARGS)],
      facts: 'any',
    })
    assert.match(
      finding?.message ?? '',
      /args\.amont exists in no selected operation\. Did you mean "amount"\?/,
    )
  })

  it('ATTACK: an expression that is too large is refused', () => {
    assert.match(codes(Array.from({ length: 300 }, () => 'args.force').join(' && '))[0] ?? '', /^when_syntax/)
    assert.match(codes(`${'('.repeat(60)}args.force${')'.repeat(60)}`)[0] ?? 'when_syntax', /^when_syntax/)
    assert.match(
      codes(`args.amount in [${Array.from({ length: 300 }, (_, i) => i).join(',')}]`)[0] ?? '',
      /^when_syntax/,
    )
  })
})

describe('a condition, when it is asked', () => {
  function answer(
    source: string,
    args: JsonObject,
    type: ArgumentType = ARGS,
    probe: JsonObject | null = null,
  ): string {
    const context = new ConditionContext(inputOf([]), operation('op', { args }), undefined, type)
    const facts = probe === null ? null : { values: probe, type: 'any' as const }
    return compileCondition(source).holds(context, facts)
  }

  const cases: readonly (readonly [string, JsonObject, string])[] = [
    ['args.amount == 5', { amount: 5 }, 'yes'],
    ['args.amount > 4.5', { amount: 5 }, 'yes'],
    ['args.amount + 1 == 6', { amount: 5 }, 'yes'],
    ['args.ratio > 0.5', { ratio: 1 }, 'yes'],
    ['args.ratio * 2.0 == 3.0', { ratio: 1.5 }, 'yes'],
    ['args.amount == 5', {}, 'error'],
    ['args.amount == 5', { amount: null }, 'error'],
    ['has(args.amount)', { amount: null }, 'no'],
    ['args.amount / 0 == 1', { amount: 5 }, 'error'],
    ['args.tags[3] == "x"', { tags: ['a'] }, 'error'],
    ['args.input.state == "on"', { input: { state: 'on', other: 1 } }, 'yes'],
    ['args.input.state == "on"', { input: {} }, 'error'],
    ['args.labels.constructor == "x"', { labels: {} }, 'error'],
    ['args.force == false || args.name == "x"', { name: 'x' }, 'yes'],
  ]
  for (const [source, args, expected] of cases) {
    it(`answers ${expected} to ${source} of ${JSON.stringify(args)}`, () => {
      assert.equal(answer(source, args), expected)
    })
  }

  const juggled: readonly (readonly [string, JsonObject])[] = [
    ['args.name != "prod"', { name: ['prod'] }],
    ['args.name != "prod"', { name: { toString: 'prod' } }],
    ['args.name != "prod"', { name: 0 }],
    ['args.amount < 100', { amount: '5' }],
    ['args.amount < 100', { amount: 5.5 }],
    ['args.amount < 100', { amount: true }],
    ['!args.force', { force: 'true' }],
    ['!has(args.force)', { force: 'true' }],
    ['args.tags.all(t, t != "x")', { tags: 'x' }],
    ['args.tags.all(t, t != "x")', { tags: { 0: 'x' } }],
    ['args.tags.all(t, t != "x")', { tags: [['x']] }],
    ['args.input.state != "DELETED"', { input: ['DELETED'] }],
  ]
  for (const [source, args] of juggled) {
    it(`ATTACK: type juggling, ${source} of ${JSON.stringify(args)}, is an error`, () => {
      assert.equal(answer(source, args), 'error')
    })
  }

  it('ATTACK: lists, texts and trees beyond their bounds are an error, and quick', () => {
    const long = Array.from({ length: 1_001 }, () => 'x')
    assert.equal(answer('args.tags.all(t, t == "x")', { tags: long }), 'error')
    assert.equal(answer('args.tags.all(t, t == "x")', { tags: long.slice(1) }), 'yes')
    assert.equal(answer('args.name != "x"', { name: 'y'.repeat(65_537) }), 'error')
    const wide = Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`k${i}`, i]))
    assert.equal(answer('size(args.meta) > 0', { meta: wide }), 'error')
  })

  it('looks only at the arguments that it names', () => {
    assert.equal(answer('args.amount == 5', { amount: 5, name: ['juggled'] }), 'yes')
  })

  it('answers a probe, and errs where none ran', () => {
    assert.equal(answer('probe.mounted == 2', {}, ARGS, { mounted: 2 }), 'yes')
    assert.equal(answer('probe.mounted == 2', {}, ARGS, null), 'error')
  })

  it('never throws, whatever the arguments', () => {
    const conditions = [
      'args.name != "x"',
      'args.items.all(i, i.price < 10)',
      'args.labels.a == "b"',
      'args.meta.x == 1',
    ]
    fc.assert(
      fc.property(
        fc.constantFrom(...conditions),
        fc.dictionary(fc.constantFrom(...Object.keys((ARGS as { fields: object }).fields)), fc.jsonValue()),
        (source, args) => {
          assert.match(answer(source, args as Record<string, JsonValue>), /^(yes|no|error)$/)
        },
      ),
    )
  })
})
