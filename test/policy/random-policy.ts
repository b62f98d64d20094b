import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { JsonObject, JsonValue } from '../../src/canon/index.js'
import { loadShippedCatalogs } from '../../src/cli/catalogs.js'
import {
  type ActivePolicy,
  activate,
  type CompiledResult,
  compilePolicy,
  type DecisionInput,
  parsePolicySource,
} from '../../src/policy/index.js'
import { type CatalogDocument, OPERATION_CLASSES, type Operation } from '../../src/protocol/index.js'
import { A_KEY } from './a-policy.js'
import type { Answer, World } from './reference-decider.js'

/*
 * Small random policies, as somebody would write them, and random requests. What doesn't compile is left out rule by
 * rule, so that few policies are empty.
 */

const TYPES = /^(Query|Mutation|Project|Environment|PageInfo)$|Volume/
/** Railway's catalog with few of its operations: opening all of them would take most of the time. */
const catalogs = new Map([
  ['railway', fewOperations(loadShippedCatalogs().get('railway') as CatalogDocument)],
])

function fewOperations(document: CatalogDocument): CatalogDocument {
  const kept = ['volumeDelete', 'variableUpsert', 'apiTokenCreate', 'project', 'volumeInstanceBackupList']
  const body = document.body as JsonObject
  const among = (member: string, keep: (name: string) => boolean): JsonObject =>
    Object.fromEntries(Object.entries(body[member] as JsonObject).filter(([name]) => keep(name)))
  const operations = among('operations', name => kept.includes(name))
  const known = among('types', name => TYPES.test(name))
  const fieldsOf = (type: JsonValue): JsonValue =>
    Object.fromEntries(
      Object.entries(type as JsonObject).filter(([name, field]) => {
        const result = typeof field === 'string' ? field : String((field as JsonObject).of)
        return kept.includes(name) || ((result === '' || TYPES.test(result)) && !('args' in Object(field)))
      }),
    )
  const types = Object.fromEntries(Object.entries(known).map(([name, type]) => [name, fieldsOf(type)]))
  return { ...document, body: { ...body, operations, types } }
}

const APIS = {
  shop: {
    upstream: 'https://shop.internal',
    credential: 'own',
    routes: [
      { route: 'GET /orders/{order}', class: 'read' },
      {
        route: 'PATCH /orders/{order}',
        class: 'update',
        args: { state: 'string', amount: 'int', force: 'bool', currency: 'string' },
      },
      {
        route: 'POST /orders/{order}/refund',
        class: ['billing', 'irreversible'],
        effect: 'refund',
        args: { amount: 'int' },
      },
      { route: 'DELETE /orders/{order}', class: 'destructive' },
    ],
  },
  depot: {
    upstream: 'https://depot.internal',
    credential: 'own',
    routes: [
      { route: 'GET /boxes/{box}', class: ['read', 'sensitive_read'] },
      {
        route: 'POST /orders/{order}/refund',
        class: 'billing',
        effect: 'refund',
        args: { amount: 'string' },
      },
      { route: 'POST /boxes/{box}/run', class: 'opaque' },
      { route: 'POST /boxes', class: 'create', args: { amount: 'int', force: 'bool' } },
    ],
  },
  railway: {
    catalog: 'railway',
    credential: 'railway',
    probes: { credential: 'viewer', given: { project: 'p' } },
  },
} as const

const REST: JsonObject = {
  apiVersion: 'countersign.dev/v1',
  kind: 'RoutePolicy',
  metadata: { name: 'random', version: 1, expires: '2028-01-01T00:00:00Z', audience: ['staging'] },
  apis: JSON.parse(JSON.stringify(APIS)) as JsonObject,
  credentials: {
    own: { minter: 'jwt', audience: 'https://own.internal' },
    railway: { minter: 'railway-project-token', project: 'p', environment: 'e' },
    viewer: { minter: 'static' },
  },
  approvers: {
    finance: { keys: { maria: A_KEY } },
    ops: { keys: { jo: 'ed25519:PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw' } },
  },
  windows: {
    night: { from: '22:00', to: '06:00', zone: 'Europe/Berlin' },
    day: { from: '06:00', to: '22:00', zone: 'Europe/Berlin' },
    tokyo: { from: '01:00', to: '12:30', zone: 'Asia/Tokyo' },
  },
}

/** Operations that are asked for: base classes, effects, members of the scope and types of resources as the catalogs have them. */
const OPERATIONS: readonly Kind[] = [
  kind('shop', 'GET /orders/{order}', ['read'], ['order']),
  kind('shop', 'PATCH /orders/{order}', ['update'], ['order']),
  kind('shop', 'POST /orders/{order}/refund', ['billing', 'irreversible'], ['order'], ['refund']),
  kind('shop', 'DELETE /orders/{order}', ['destructive'], ['order']),
  kind('shop', 'POST /elsewhere', ['unknown'], ['order']),
  kind('depot', 'GET /boxes/{box}', ['read', 'sensitive_read'], ['box']),
  kind('depot', 'POST /orders/{order}/refund', ['billing'], ['order'], ['refund']),
  kind('depot', 'POST /boxes/{box}/run', ['opaque'], ['box']),
  kind('depot', 'POST /boxes', ['create'], []),
  kind('depot', 'DELETE /orders/{order}', ['unknown'], ['order']),
  {
    ...kind('railway', 'volumeDelete', ['irreversible'], []),
    resources: ['volume'],
    effects: ['data-delete'],
  },
  kind('railway', 'Mutation.volumeDestroy', ['unknown'], []),
  { ...kind('railway', 'variableUpsert', ['update'], ['environment', 'service']), resources: ['service'] },
]

export interface Kind {
  readonly api: string
  readonly name: string
  readonly base: Operation['classes']
  readonly scope: readonly string[]
  /** Types. */
  readonly resources: readonly string[]
  readonly effects: readonly string[]
}

function kind(
  api: string,
  name: string,
  base: Operation['classes'],
  scope: readonly string[],
  effects: readonly string[] = [],
): Kind {
  return { api, name, base, scope, resources: scope, effects }
}

/** One id in two spellings. */
const [WRITTEN, PLAIN] = ['0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b', '{0E1F2A3B4C5D4E6F8A9B0C1D2E3F4A5B}']
const IDS = ['o1', 'o2', 'x/1', 'acct_2', '', 'O1', WRITTEN, PLAIN]
const PATTERNS = ['o*', '*1', 'o1', '*', 'x/*', 'o1*', '*o*', 'o*1', '**', 'o2', '*1*1', 'O1', 'X/*', '0E1*']
const NAMED = [...PATTERNS, WRITTEN, PLAIN]
/** What else a name may mean. */
const LIKES = ['o*', 'o1*', 'x/*', '*1']
const MEMBERS = ['order', 'box', 'volume', 'environment', 'account']

/** Conditions with what they say, as CEL and its errors have it (docs/policy.md, "Conditions"). */
const CONDITIONS: Readonly<Record<string, Answer>> = {
  'args.amount < 5': (_, op) => compare(numberAt(op, 'amount'), amount => amount < 5n),
  'args.amount > 7': (_, op) => compare(numberAt(op, 'amount'), amount => amount > 7n),
  '!(args.amount < 5)': (_, op) => compare(numberAt(op, 'amount'), amount => amount >= 5n),
  'args.amount == 3': (_, op) => equals(numberAt(op, 'amount'), 3n),
  'has(args.force)': (_, op) => present(op, 'force', 'boolean'),
  'has(args.force) && args.force': (_, op) => {
    const there = present(op, 'force', 'boolean')
    if (there !== true) return there
    return typeof op.args.force === 'boolean' ? op.args.force : 'error'
  },
  'has(args.force) && args.amount > 7': (_, op) => {
    const [there, amount] = [present(op, 'force', 'boolean'), numberAt(op, 'amount')]
    // One argument that doesn't have its type makes an error of the whole.
    if (there === 'error' || amount === 'wrong') return 'error'
    if (!there) return false
    return compare(amount, each => each > 7n)
  },
  'agent.environment == "staging"': (_, __, input) => input.agent.environment === 'staging',
  'agent.facts.team == "web"': (_, __, input) => (input.agent.id === 'coder' ? true : 'error'),
  'scope.order == "o1"': (_, op) => (op.scope.order === undefined ? 'error' : op.scope.order === 'o1'),
  'has(scope.order) && scope.order != "o1"': (_, op) =>
    op.scope.order !== undefined && op.scope.order !== 'o1',
  '"update" in operation.classes': (_, op) => op.classes.includes('update'),
  'resources.size() == 1': (_, op) => op.resources.length === 1,
  'resources.exists(r, r.id == "o1")': (_, op) => op.resources.some(({ id }) => id === 'o1'),
  'operation.api == "shop" || args.amount == 9': (_, op) => {
    const amount = numberAt(op, 'amount')
    if (amount === 'wrong') return 'error'
    return op.api === 'shop' || equals(amount, 9n)
  },
  'has(operation.account)': (_, op) => op.account !== undefined,
}

/** Conditions of rules with the probe `volume`. */
const PROBED: Readonly<Record<string, Answer>> = {
  'probe.environments.all(e, e == "e1")': (_, __, ___, answer) =>
    answer === null ? 'error' : (answer.environments as string[]).every(each => each === 'e1'),
  'size(probe.backups) == 0': (_, __, ___, answer) =>
    answer === null ? 'error' : (answer.backups as string[]).length === 0,
  'resources.size() == 1 || size(probe.backups) == 0': (_, op, ___, answer) =>
    op.resources.length === 1 || (answer === null ? 'error' : (answer.backups as string[]).length === 0),
}

/** An integer argument; `wrong` where it isn't one. The catalog of `depot` says that a refund's amount is a text. */
function numberAt({ api, name, args }: Operation, member: string): bigint | 'missing' | 'wrong' | 'text' {
  const value = args[member]
  if (value === undefined || value === null) return 'missing'
  if (api === 'depot' && name.endsWith('/refund')) return typeof value === 'string' ? 'text' : 'wrong'
  if (typeof value === 'number') return BigInt(value)
  return UNTYPED.includes(`${api} ${name}`) ? 'text' : 'wrong'
}

/** Operations whose catalog says nothing of `amount` and `force`. */
const UNTYPED = [
  'shop GET /orders/{order}',
  'shop DELETE /orders/{order}',
  'shop POST /elsewhere',
  'depot GET /boxes/{box}',
  'depot POST /boxes/{box}/run',
  'depot DELETE /orders/{order}',
  'railway volumeDelete',
  'railway Mutation.volumeDestroy',
  'railway variableUpsert',
]

type Amount = ReturnType<typeof numberAt>

/** A text is neither less nor more than a number, and equals none. */
function compare(value: Amount, holds: (value: bigint) => boolean): boolean | 'error' {
  return typeof value === 'bigint' ? holds(value) : 'error'
}

function equals(value: Amount, other: bigint): boolean | 'error' {
  return value === 'text' ? false : compare(value, each => each === other)
}

function present({ api, name, args }: Operation, member: string, type: string): boolean | 'error' {
  const value = args[member]
  if (value === undefined || value === null) return false
  const typed = ['shop PATCH /orders/{order}', 'depot POST /boxes'].includes(`${api} ${name}`)
  return typed && typeof value !== type ? 'error' : true
}

export const answerOf: Answer = (when, operation, input, answer) =>
  (CONDITIONS[when] ?? (PROBED[when] as Answer))(when, operation, input, answer)

/** There half of the time. */
const often = <T>(each: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof(fc.constant(undefined), each)
/** There a quarter of the time. */
const rarely = <T>(each: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: each })

const mostly = <T>(usual: T, seldom: T): fc.Arbitrary<T> =>
  fc.oneof({ weight: 9, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constant(seldom) })

const classes = fc.oneof(
  fc.constant<JsonValue>('*'),
  fc.constant<JsonValue>(['*', 'unknown', 'opaque']),
  fc.subarray([...OPERATION_CLASSES], { minLength: 1 }) as fc.Arbitrary<JsonValue>,
  fc.constantFrom<JsonValue>(...OPERATION_CLASSES),
)
const criteria = {
  operations: often(
    fc.array(
      fc.constantFrom(
        ...new Set(OPERATIONS.map(each => each.name)),
        'GET *',
        '*refund',
        '*',
        'DELETE *',
        '* /boxes*',
        'volume*',
      ),
      { minLength: 1, maxLength: 3 },
    ),
  ),
  class: often(classes),
  effect: rarely(fc.constant('refund')),
  scope: rarely(
    fc.dictionary(fc.constantFrom(...MEMBERS), fc.subarray(IDS.filter(Boolean), { minLength: 1 }), {
      minKeys: 1,
      maxKeys: 2,
      noNullPrototype: true,
    }),
  ),
  resources: rarely(
    fc.array(
      fc.oneof(
        fc.constantFrom<JsonValue>(...NAMED),
        fc.record({ type: fc.constantFrom('order', 'box', 'volume'), id: fc.constantFrom(...NAMED) }),
      ),
      { minLength: 1, maxLength: 2 },
    ),
  ),
}
const api = fc.oneof(
  fc.constant<JsonValue>('*'),
  fc.subarray(['shop', 'depot', 'railway'], { minLength: 1 }) as fc.Arbitrary<JsonValue>,
)

export const someRule: fc.Arbitrary<JsonObject> = fc
  .record({
    effect: fc.constantFrom('allow', 'allow', 'allow', 'hold', 'hold', 'deny'),
    /** Where much is allowed, what bars it is seen. */
    wide: fc.nat(3),
    select: fc.record({ api, ...criteria, except: rarely(fc.record(criteria)) }),
    to: fc.constantFrom<JsonValue>('*', ['coder'], ['other'], ['coder', 'other']),
    toAll: fc.boolean(),
    when: rarely(fc.constantFrom(...Object.keys(CONDITIONS))),
    probed: rarely(fc.option(fc.constantFrom(...Object.keys(PROBED)))),
    during: rarely(fc.subarray(['night', 'day', 'tokyo'], { minLength: 1 })),
    limit: rarely(
      fc.constantFrom<JsonObject>(
        { count: 2, per: 'day' },
        { count: 1, per: '1h', over: 'hold' },
        { sum: 'args.amount', max: 8, per: 'day' },
        { sum: 'args.amount', max: 8, unit: 'eur', per: 'day', over: 'hold' },
      ),
    ),
    approvers: fc.constantFrom<JsonValue>('finance', ['ops'], ['finance', 'ops']),
  })
  .map(({ effect, wide, select: narrow, to, toAll, when, probed, during, limit, approvers }) => {
    const passes = effect !== 'deny'
    const all = { api: '*', class: [...OPERATION_CLASSES], scope: narrow.scope, except: narrow.except }
    const select = wide === 0 && effect === 'allow' ? all : narrow
    const holds = effect === 'hold' || (passes && limit?.over === 'hold')
    return withoutUndefined({
      [effect]: withoutUndefined({
        ...select,
        except: select.except && nonEmpty(withoutUndefined(select.except)),
      }),
      to: passes || !toAll ? to : undefined,
      // Null: it asks, and has no condition.
      when: probed === undefined ? when : (probed ?? undefined),
      probe: probed === undefined ? undefined : 'volume',
      during,
      limit: passes ? limit : undefined,
      approvers: holds ? approvers : undefined,
      because: effect === 'deny' ? 'It is so.' : undefined,
    })
  })

function nonEmpty(value: JsonObject): JsonObject | undefined {
  return Object.keys(value).length === 0 ? undefined : value
}

/** Without the members that have no value. */
function withoutUndefined(value: object): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as JsonObject
}

export interface Terms {
  readonly observes: boolean
  readonly limits: JsonObject | undefined
}

export const someTerms: fc.Arbitrary<Terms> = fc.record({
  observes: fc.boolean(),
  limits: fc.constantFrom<JsonObject | undefined>(
    undefined,
    undefined,
    { perAgent: { count: 2, per: 'day' } },
    { perTask: { count: 1, per: '1h' }, perAgent: { count: 3, per: '7d' } },
  ),
})

export interface RandomPolicy {
  readonly world: World
  readonly compiled: CompiledResult
  readonly active: ActivePolicy
}

export const someStatement: fc.Arbitrary<JsonObject> = fc
  .record({
    api: often(api),
    ...criteria,
    except: rarely(fc.record(criteria)),
    to: often(fc.constantFrom<JsonValue>('*', ['coder'], ['other'])),
    when: often(fc.constantFrom(...Object.keys(CONDITIONS))),
    without: rarely(fc.constant('approval')),
  })
  .map(({ except, ...rest }) =>
    withoutUndefined({ ...rest, except: except && nonEmpty(withoutUndefined(except)) }),
  )

/** The policy of these rules and statements, less those that don't compile; ids are by place, so that they sort as they stand. */
export function policyOf(
  rules: readonly JsonObject[],
  terms: Terms,
  statements: readonly JsonObject[] = [],
): RandomPolicy {
  let left = rules.map((rule, index): JsonObject => ({ id: `r${index}`, ...rule }))
  let never = statements.map((statement, index): JsonObject => ({ id: `n${index}`, ...statement }))
  for (;;) {
    const text = JSON.stringify({
      ...REST,
      agents: {
        coder: {
          environment: 'staging',
          facts: { team: 'web' },
          ...(terms.observes ? { mode: 'observe', until: '2027-01-10T12:00:00Z' } : {}),
        },
        other: { environment: 'staging' },
      },
      ...(terms.limits === undefined ? {} : { limits: terms.limits }),
      rules: [ANY_RULE, ...left],
      ...(never.length === 0 ? {} : { never }),
    })
    const source = parsePolicySource(text)
    assert.equal(source.kind, 'source', JSON.stringify(source))
    if (source.kind !== 'source') throw new Error('does not parse')
    const compiled = compilePolicy(source, { catalogs, files: new Map() })
    if (compiled.kind === 'compiled') {
      const world = { document: source.document, answer: answerOf, listed: LISTED, probes: PROBES }
      const active = activate(compiled.payload, compiled.cid, compiled.catalogs)
      return { world, compiled, active }
    }
    const wrong = new Set(compiled.findings.map(({ path }) => path.split('.').slice(0, 2).join('.')))
    const before = left.length + never.length
    left = left.filter((_, index) => !wrong.has(`rules.${index + 1}`))
    never = never.filter((_, index) => !wrong.has(`never.${index}`))
    assert.ok(left.length + never.length < before, JSON.stringify(compiled.findings))
  }
}

/** A policy needs a rule; this one is for an operation that nobody asks for. */
const ANY_RULE: JsonObject = {
  id: 'zzz',
  deny: { api: 'railway', operations: ['apiTokenCreate'] },
}

const LISTED: ReadonlySet<string> = new Set(
  OPERATIONS.filter(({ base }) => !base.includes('unknown')).map(each => `${each.api} ${each.name}`),
)
const PROBES = { volume: ['volume', 'volumeInstance'] }

/** An operation as its catalog may describe one. */
export const someOperation: fc.Arbitrary<Operation> = fc
  .record({
    of: fc.constantFrom(...OPERATIONS),
    raised: fc.oneof(fc.constant([]), fc.constant([]), fc.subarray([...OPERATION_CLASSES], { maxLength: 2 })),
    scope: fc.option(fc.constantFrom(...IDS), { freq: 3 }),
    resources: fc.array(fc.tuple(fc.boolean(), fc.constantFrom(...IDS)), { maxLength: 3 }),
    account: fc.constantFrom('acct_2', 'acct_3'),
    isForeign: mostly(false, true),
    args: fc.record(
      {
        amount: fc.constantFrom<JsonValue>(0, 3, 5, 6, 9, '3', null),
        force: fc.constantFrom<JsonValue>(true, false, 'yes'),
        currency: fc.constantFrom('eur', 'EUR', 'usd'),
      },
      { requiredKeys: [] },
    ),
  })
  .map(({ of, raised, scope, resources, account, isForeign, args }) => {
    const other = isForeign ? account : null
    const known = scope === null ? {} : Object.fromEntries(of.scope.map(member => [member, scope]))
    return {
      api: of.api,
      name: of.name,
      baseClasses: of.base,
      classes: [...new Set([...of.base, ...raised])].sort(),
      scope: other === null ? known : { ...known, account: other },
      resources:
        of.resources.length === 0
          ? []
          : resources.map(([own, id]) => ({ type: own ? (of.resources[0] as string) : 'other', id })),
      args: args as JsonObject,
      effects: of.effects,
      ...(other === null ? {} : { account: other }),
    }
  })

/** The operations of one request, which are of one API. */
export const someOperations: fc.Arbitrary<readonly Operation[]> = fc
  .array(someOperation, { minLength: 1, maxLength: 6 })
  .map(operations => operations.filter(each => each.api === operations[0]?.api))

/** The same, where some name what has other names as well. */
export const someOperationsByOtherNames: fc.Arbitrary<readonly Operation[]> = fc
  .tuple(someOperations, fc.array(rarely(fc.constantFrom(...LIKES)), { minLength: 6, maxLength: 6 }))
  .map(([operations, likes]) =>
    operations.map((operation, at) => {
      const like = likes[at]
      return like === undefined ? operation : withLike(operation, like)
    }),
  )

function withLike(operation: Operation, like: string): Operation {
  return {
    ...operation,
    resources: operation.resources.map((each, at) => (at === 0 ? { ...each, like } : each)),
  }
}

export interface Circumstances {
  readonly agent: string
  readonly environment: string
  readonly nowMs: number
  readonly lastEntryMs: number
  readonly authorizationDetails: readonly JsonObject[] | null
  readonly used: number
  readonly answers: readonly (JsonObject | null)[]
}

export const someCircumstances: fc.Arbitrary<Circumstances> = fc.record({
  agent: fc.constantFrom('coder', 'coder', 'coder', 'coder', 'coder', 'other', 'other', 'stranger'),
  environment: mostly('staging', 'production'),
  nowMs: fc.oneof(
    { weight: 20, arbitrary: fc.nat(48 * 4 - 1).map(n => Date.parse('2027-01-10T00:00:00Z') + n * 900_000) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(Date.parse('2028-01-01T00:00:00Z'), Date.parse('2027-12-31T23:59:59.999Z')),
    },
  ),
  lastEntryMs: mostly(0, Date.parse('2027-01-11T12:00:00Z')),
  authorizationDetails: fc.oneof(
    { weight: 9, arbitrary: fc.constant(null) },
    fc.array(
      fc
        .record({
          type: fc.constantFrom('countersign', 'countersign', 'countersign', 'other'),
          api: often(fc.constantFrom<JsonValue>('shop', ['shop', 'depot'])),
          operations: often(fc.constantFrom<JsonValue>('* /orders/*', ['GET *'], ['variableUpsert'])),
          class: often(fc.constantFrom<JsonValue>('read', ['read', 'update'], [...OPERATION_CLASSES])),
          scope: often(fc.constantFrom<JsonValue>({ order: 'o1' }, { order: ['o1', 'o2'] }, {})),
          actions: fc.constantFrom<JsonValue | undefined>(undefined, undefined, undefined, ['read']),
        })
        .map(withoutUndefined),
      { maxLength: 2 },
    ),
  ),
  used: fc.constantFrom(0, 0, 0, 1, 2, 7),
  answers: fc.array(
    fc.option(
      fc.record({
        name: fc.constant('v'),
        environments: fc.subarray(['e1', 'e2']),
        mountedIn: fc.constant([]),
        backups: fc.subarray(['b1']),
      }) as fc.Arbitrary<JsonObject>,
    ),
    { maxLength: 3 },
  ),
})

export function inputFrom(operations: readonly Operation[], made: Circumstances): DecisionInput {
  const subjects = operations.flatMap(({ resources }) => resources).filter(({ type }) => type === 'volume')
  return {
    agent: { id: made.agent, environment: made.environment, task: 'task', owner: 'maria' },
    authorizationDetails: made.authorizationDetails,
    request: { api: operations[0]?.api ?? 'shop', method: 'POST', target: '/' },
    operations,
    nowMs: made.nowMs,
    lastEntryMs: made.lastEntryMs,
    probe: subjects.flatMap(({ type, id }, index) => {
      const facts = made.answers[index]
      if (facts === undefined) return []
      const status = facts === null ? ('timeout' as const) : ('answered' as const)
      return [{ probe: 'volume', type, id, status, facts }]
    }),
    usage: () => made.used,
  }
}
