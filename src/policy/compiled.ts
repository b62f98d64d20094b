import type { Static } from 'typebox'
import type { JsonValue } from '../canon/index.js'
import { OPERATION_CLASSES, type OperationClass } from '../protocol/index.js'
import { Type } from './schema-type.js'
import { checkShape } from './shape.js'

/*
 * The compiled policy: the payload that is signed. Durations in seconds, times in Unix milliseconds, names
 * resolved to lists, everything sorted, integers only. On the wire, as JCS:
 *
 *     {"agents":{…},"apis":{"railway":{"awaitMark":false,"catalog":"sha256:…",…}},"approvers":{},"audience":["staging"],
 *      "credentials":{…},"expires":1801440000000,"name":"acme-staging","rules":[…],"v":1,"version":7,"windows":{…}}
 */

const strict = { additionalProperties: false }
const anyKey = { additionalProperties: false }
const Name = Type.String({ minLength: 1 })
const Names = Type.Array(Name)
const byName = <T extends Parameters<typeof Type.Record>[1]>(value: T) =>
  Type.Record(Type.String({ pattern: '^' }), value, anyKey)
const OperationClassName = Type.Unsafe<OperationClass>(
  Type.Union(OPERATION_CLASSES.map(name => Type.Literal(name))),
)

const Api = Type.Object(
  {
    /** Content id of the catalog document's JCS. */
    catalog: Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }),
    origins: byName(Name),
    credential: Type.Optional(Name),
    private: Type.Boolean(),
    awaitMark: Type.Boolean(),
    /** What rules with a probe ask with. */
    probes: Type.Optional(Type.Object({ credential: Name, given: byName(Name) }, strict)),
    /** Some of the origins are stand-ins: only a test audience may load the policy. */
    testEndpoints: Type.Optional(Type.Literal(true)),
  },
  strict,
)

const Fact = Type.Union([Type.String(), Type.Integer(), Type.Boolean(), Type.Array(Type.String())])

const Agent = Type.Object(
  {
    environment: Name,
    session: Type.Integer({ minimum: 1 }),
    identities: Type.Array(
      Type.Union([
        Type.Object({ kind: Type.Literal('grant') }, strict),
        Type.Object({ kind: Type.Literal('issuer'), issuer: Name, subject: Name }, strict),
      ]),
      { minItems: 1 },
    ),
    facts: byName(Fact),
    /** Until then the agent observes; absent where it is enforced. */
    observeUntil: Type.Optional(Type.Integer({ minimum: 1 })),
  },
  strict,
)

const Ttl = Type.Integer({ minimum: 1 })
const Credential = Type.Union([
  Type.Object(
    {
      minter: Type.Literal('jwt'),
      audience: Name,
      ttlSeconds: Type.Integer({ minimum: 1, maximum: 60 }),
      alg: Type.Union([Type.Literal('ES256'), Type.Literal('Ed25519')]),
    },
    strict,
  ),
  Type.Object(
    { minter: Type.Literal('railway-project-token'), project: Name, environment: Name, ttlSeconds: Ttl },
    strict,
  ),
  Type.Object({ minter: Type.Literal('stripe-restricted-key'), livemode: Type.Boolean() }, strict),
  Type.Object(
    {
      minter: Type.Literal('github-app'),
      app: Name,
      installation: Name,
      repositories: Type.Optional(Names),
    },
    strict,
  ),
  Type.Object(
    {
      minter: Type.Literal('oauth2'),
      tokenUrl: Name,
      clientId: Name,
      scopes: Names,
      audience: Type.Optional(Name),
    },
    strict,
  ),
  Type.Object({ minter: Type.Literal('static'), header: Name, prefix: Type.String() }, strict),
  Type.Object({ minter: Type.Literal('aws-sts'), role: Name, region: Name, endpoint: Name }, strict),
])

const Passkey = Type.Object(
  { credential: Name, key: Name, rpId: Name, origins: Type.Optional(Names) },
  strict,
)

const Approvers = Type.Object(
  {
    keys: byName(
      Type.Union([Type.Object({ ed25519: Name }, strict), Type.Object({ passkey: Passkey }, strict)]),
    ),
    threshold: Type.Integer({ minimum: 1 }),
    expires: Type.Integer({ minimum: 1 }),
  },
  strict,
)

const Window = Type.Object(
  {
    from: Type.Integer({ minimum: 0, maximum: 1439 }),
    to: Type.Integer({ minimum: 0, maximum: 1439 }),
    zone: Name,
  },
  strict,
)

const Criteria = {
  /** Names that a pattern without a star named, names that one with a star reached, and the patterns for names that no catalog has. */
  operations: Type.Optional(
    Type.Object({ named: byName(Names), globbed: byName(Names), patterns: Names }, strict),
  ),
  classes: Type.Optional(Type.Array(OperationClassName)),
  effects: Type.Optional(Names),
  scope: Type.Optional(byName(Names)),
  resources: Type.Optional(Type.Array(Type.Object({ type: Type.Optional(Name), id: Name }, strict))),
}
const CriteriaSchema = Type.Object(Criteria, strict)
export type Criteria = Static<typeof CriteriaSchema>

const LimitWindow = Type.Union([
  Type.Object({ kind: Type.Literal('sliding'), ms: Type.Integer({ minimum: 1 }) }, strict),
  Type.Object({ kind: Type.Literal('day') }, strict),
])
const Limit = Type.Object(
  {
    /** Members from the operation's arguments down to the amount; absent where operations are counted. */
    sum: Type.Optional(Type.Array(Name, { minItems: 1 })),
    unit: Type.Optional(Name),
    max: Type.Integer({ minimum: 1 }),
    window: LimitWindow,
    over: Type.Union([Type.Literal('deny'), Type.Literal('hold')]),
  },
  strict,
)
export type CompiledLimit = Static<typeof Limit>

/** Nobody in particular could approve what is over a limit of the whole policy. */
const SharedLimit = Type.Object(
  { max: Type.Integer({ minimum: 1 }), window: LimitWindow, over: Type.Literal('deny') },
  strict,
)
const Limits = Type.Object(
  { perAgent: Type.Optional(SharedLimit), perTask: Type.Optional(SharedLimit) },
  { ...strict, minProperties: 1 },
)
export type CompiledLimits = Static<typeof Limits>

const Rule = Type.Object(
  {
    id: Name,
    effect: Type.Union([Type.Literal('allow'), Type.Literal('hold'), Type.Literal('deny')]),
    apis: Names,
    select: CriteriaSchema,
    except: Type.Optional(CriteriaSchema),
    /** Absent on a deny for every agent. */
    to: Type.Optional(Names),
    when: Type.Optional(Name),
    /** Of each of its APIs' catalogs. */
    probe: Type.Optional(Name),
    during: Type.Optional(Names),
    limit: Type.Optional(Limit),
    approvers: Type.Optional(Names),
    because: Type.Optional(Name),
  },
  strict,
)
export type CompiledRule = Static<typeof Rule>

/** What was proven never to happen before the policy was sealed. It is not enforced: the rules are. */
const Statement = Type.Object(
  {
    id: Name,
    apis: Names,
    select: CriteriaSchema,
    except: Type.Optional(CriteriaSchema),
    /** Absent for every agent. */
    to: Type.Optional(Names),
    when: Type.Optional(Name),
    without: Type.Optional(Type.Literal('approval')),
    because: Type.Optional(Name),
  },
  strict,
)
export type CompiledNever = Static<typeof Statement>

const EvidenceBound = Type.Object(
  {
    entries: Type.Optional(Type.Integer({ minimum: 1 })),
    seconds: Type.Optional(Type.Integer({ minimum: 1 })),
  },
  { ...strict, minProperties: 1 },
)
const Evidence = Type.Object(
  { maxUnwitnessed: Type.Optional(EvidenceBound), maxUnshipped: Type.Optional(EvidenceBound) },
  { ...strict, minProperties: 1 },
)
export type CompiledEvidence = Static<typeof Evidence>

const CompiledSchema = Type.Object(
  {
    v: Type.Literal(1),
    name: Name,
    version: Type.Integer({ minimum: 1 }),
    expires: Type.Integer({ minimum: 1 }),
    audience: Type.Array(Name, { minItems: 1 }),
    apis: byName(Api),
    agents: byName(Agent),
    credentials: byName(Credential),
    approvers: byName(Approvers),
    windows: byName(Window),
    rules: Type.Array(Rule),
    /** Absent where nothing was stated, so that older policies keep their bytes. */
    never: Type.Optional(Type.Array(Statement, { minItems: 1 })),
    /** Of every agent and task, beside the rules; absent where there are none. */
    limits: Type.Optional(Limits),
    /** Absent where the evidence may fall behind as far as it does. */
    evidence: Type.Optional(Evidence),
  },
  strict,
)
export type CompiledPolicy = Static<typeof CompiledSchema>

/** Checks a payload strictly; throws `compiled_policy_malformed` for any unknown, missing or ill-typed member. */
export function readCompiled(payload: JsonValue): CompiledPolicy {
  return checkShape(CompiledSchema, payload, 'compiled_policy_malformed')
}
