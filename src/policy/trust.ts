import { type JsonValue, parsePublicKey } from '../canon/index.js'
import { parseUtcMs } from './duration.js'
import { policyFault } from './error-table.js'
import { Type } from './schema-type.js'
import { checkShape } from './shape.js'

const strict = { additionalProperties: false }
const Name = Type.String({ pattern: '^[a-z0-9][a-z0-9._-]{0,63}$' })
const ContentId = Type.String({ pattern: '^sha256:[0-9a-f]{64}$' })
const PublicKey = Type.String({ pattern: '^ed25519:[A-Za-z0-9_-]{43}$' })
const Role = Type.Object(
  { keys: Type.Array(Name, { minItems: 1 }), threshold: Type.Integer({ minimum: 1 }) },
  strict,
)
const TrustRootSchema = Type.Object(
  {
    v: Type.Literal(1),
    version: Type.Integer({ minimum: 1 }),
    previous: Type.Union([ContentId, Type.Null()]),
    keys: Type.Record(Name, PublicKey, strict),
    roles: Type.Object({ root: Role, policy: Role, enrol: Role, operate: Role, recover: Role }, strict),
    revoked: Type.Object(
      {
        keys: Type.Array(PublicKey),
        ids: Type.Array(ContentId),
        since: Type.Optional(Type.Record(PublicKey, Type.String(), strict)),
      },
      strict,
    ),
    minPolicyVersion: Type.Integer({ minimum: 0 }),
    testAudiences: Type.Array(Type.String({ minLength: 1 })),
  },
  strict,
)

export const TRUST_ROLES = ['root', 'policy', 'enrol', 'operate', 'recover'] as const
export type TrustRole = (typeof TRUST_ROLES)[number]

/**
 * The trust root: which keys may say what. Payload of a DSSE envelope, JCS:
 *
 *     {"keys":{"root":"ed25519:…",…},"minPolicyVersion":1,"previous":null,"revoked":{"ids":[],"keys":[]},
 *      "roles":{"enrol":{"keys":["enrol"],"threshold":1},…},"testAudiences":["sandbox"],"v":1,"version":1}
 */
export interface TrustRoot {
  readonly v: 1
  readonly version: number
  /** Content id of the payload of the version before; null for the first. */
  readonly previous: string | null
  /** Key name → `ed25519:…`. */
  readonly keys: Readonly<Record<string, string>>
  readonly roles: Readonly<
    Record<TrustRole, { readonly keys: readonly string[]; readonly threshold: number }>
  >
  /** Revoked `ed25519:…` keys and content ids. */
  readonly revoked: {
    readonly keys: readonly string[]
    readonly ids: readonly string[]
    /**
     * Revoked key → RFC 3339 time in UTC: what others saw of it before is still believed (as RFC 5280 §5.3.2 has it).
     * A key that isn't here was never to be believed.
     */
    readonly since?: Readonly<Record<string, string>>
  }
  readonly minPolicyVersion: number
  /** Audiences that are not production: only these may use a test endpoint, first-run keys or one user for both processes. */
  readonly testAudiences: readonly string[]
}

/**
 * The trust root behind a payload. Throws `trust_root_malformed` for any unknown, missing or ill-typed member,
 * a role that names a key that isn't there, a threshold out of reach, one key under two names, or a revoked one.
 */
export function readTrustRoot(payload: JsonValue): TrustRoot {
  const root: TrustRoot = checkShape(TrustRootSchema, payload, 'trust_root_malformed')
  for (const key of [...Object.values(root.keys), ...root.revoked.keys]) parsePublicKey(key)
  // ATTACK: one key under two names would count twice for a threshold.
  if (hasDoubles(Object.values(root.keys))) throw malformed('one key has two names')
  const revoked = setOf(root.revoked.keys)
  if (Object.values(root.keys).some(key => revoked.has(key))) throw malformed('a key is revoked')
  for (const [key, time] of Object.entries(root.revoked.since ?? {})) {
    if (!revoked.has(key)) throw malformed('a time of revocation is of a key that is not revoked')
    if (parseUtcMs(time) === null) throw malformed('a time of revocation')
  }
  for (const role of TRUST_ROLES) {
    const { keys, threshold } = root.roles[role]
    if (hasDoubles(keys)) throw malformed(`the role ${role} names a key twice`)
    if (keys.some(name => !Object.hasOwn(root.keys, name)))
      throw malformed(`the role ${role} names no such key`)
    if (threshold > keys.length) throw malformed(`the threshold of the role ${role} is out of reach`)
  }
  return root
}

/** From when on a key is not believed, Unix milliseconds: −∞ where it never was to be, null where it is not revoked. */
export function revokedSinceMs({ revoked }: Pick<TrustRoot, 'revoked'>, key: string): number | null {
  if (!setOf(revoked.keys).has(key)) return null
  const since = revoked.since ?? {}
  return Object.hasOwn(since, key) ? parseUtcMs(since[key] as string) : Number.NEGATIVE_INFINITY
}

/** Its revoked keys as `ed25519:…`, each with the time of `revokedSinceMs`. */
export function revokedKeys(root: Pick<TrustRoot, 'revoked'>): ReadonlyMap<string, number> {
  return new Map(root.revoked.keys.map(key => [key, revokedSinceMs(root, key) as number]))
}

/** Whether a version has revoked what has this content id. */
export function isWithdrawn({ revoked }: Pick<TrustRoot, 'revoked'>, id: string): boolean {
  return setOf(revoked.ids).has(id)
}

/** ATTACK: a version that revokes half a million keys, each of which is looked for among all. */
function setOf(list: readonly string[]): ReadonlySet<string> {
  const known = sets.get(list) ?? new Set(list)
  sets.set(list, known)
  return known
}

/** By the list in one version, which is never changed. */
const sets = new WeakMap<readonly string[], ReadonlySet<string>>()

function hasDoubles(values: readonly string[]): boolean {
  return new Set(values).size !== values.length
}

function malformed(detail: string): Error {
  return policyFault('trust_root_malformed', detail)
}
