import type { Static, TSchema } from 'typebox'
import { misfitIn, Type } from '../policy/index.js'
import { credentialFault } from './error-table.js'
import type { MinterKind } from './ports.js'

const strict = { additionalProperties: false }
const SecretText = Type.String({ minLength: 8, maxLength: 16_384 })
/** May stand in a header line: no control characters, no white space (RFC 9110 §5.5). */
const HeaderSecret = Type.String({ pattern: '^[\\x21-\\x7e]{8,8192}$' })
const Names = Type.Array(Type.String({ minLength: 1, maxLength: 256 }), { maxItems: 2_000 })

const JwkCoordinate = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' })
const SigningJwk = Type.Union([
  Type.Object(
    { kty: Type.Literal('OKP'), crv: Type.Literal('Ed25519'), d: JwkCoordinate, x: JwkCoordinate },
    strict,
  ),
  Type.Object(
    {
      kty: Type.Literal('EC'),
      crv: Type.Literal('P-256'),
      d: JwkCoordinate,
      x: JwkCoordinate,
      y: JwkCoordinate,
    },
    strict,
  ),
])

/** One pre-provisioned Stripe key and what its owner declared in the dashboard that it may do. */
const StripeKey = Type.Object(
  {
    key: Type.String({ pattern: '^[rs]k_(live|test)_[A-Za-z0-9_]{8,512}$' }),
    covers: Type.Object(
      {
        /** Operation names, `*` standing for any part: `GET /v1/*`. */
        operations: Type.Optional(Names),
        /** Operations whose classes are all listed. */
        classes: Type.Optional(Names),
        /** Permissions as the dashboard names them, by the first path segment: `customers:write`. */
        permissions: Type.Optional(
          Type.Array(Type.String({ pattern: '^[a-z0-9_]+:(read|write)$' }), { maxItems: 500 }),
        ),
      },
      { ...strict, minProperties: 1 },
    ),
  },
  strict,
)
export type StripeKey = Static<typeof StripeKey>

/** What is sent to the places that receipts are shipped to. No minter takes these, so that no policy can have one sent elsewhere. */
const SHIPPING = {
  'ship-s3': Type.Object(
    {
      accessKeyId: Type.String({ pattern: '^[A-Za-z0-9_]{4,128}$' }),
      secretAccessKey: HeaderSecret,
      /** Of temporary credentials. */
      sessionToken: Type.Optional(HeaderSecret),
    },
    strict,
  ),
  'ship-http': Type.Object({ secret: HeaderSecret }, strict),
} as const
export type ShipKind = keyof typeof SHIPPING

/** What the vault holds for each minter that needs a secret, field by field. The one source of the types and of the check. */
export const MATERIAL = {
  jwt: Type.Object({ jwk: SigningJwk }, strict),
  static: Type.Object({ secret: HeaderSecret }, strict),
  'stripe-restricted-key': Type.Object(
    {
      keys: Type.Array(StripeKey, { minItems: 1, maxItems: 100 }),
      /** Ugly on purpose: takes `sk_` keys, which may do everything. */
      acceptUnrestricted: Type.Optional(Type.Boolean()),
    },
    strict,
  ),
  'railway-project-token': Type.Object(
    {
      token: HeaderSecret,
      /** Account and workspace tokens are sent as `bearer`. */
      sentAs: Type.Union([Type.Literal('bearer'), Type.Literal('project-access-token')]),
    },
    strict,
  ),
  oauth2: Type.Object({ clientSecret: SecretText }, strict),
  'github-app': Type.Object({ privateKey: SecretText }, strict),
  'aws-sts': Type.Object(
    {
      accessKeyId: Type.String({ pattern: '^[A-Za-z0-9_]{4,128}$' }),
      secretAccessKey: HeaderSecret,
      /** Of temporary credentials. */
      sessionToken: Type.Optional(HeaderSecret),
      /** That the role's trust policy asks for (`sts:ExternalId`). */
      externalId: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_+=,.@:/-]{2,1224}$' })),
    },
    strict,
  ),
  ...SHIPPING,
} as const satisfies Partial<Record<MinterKind | ShipKind, TSchema>>

export type VaultKind = keyof typeof MATERIAL
export type Material<K extends MinterKind | ShipKind = MinterKind | ShipKind> = K extends VaultKind
  ? Static<(typeof MATERIAL)[K]>
  : never

export const VAULT_KINDS = Object.keys(MATERIAL) as readonly VaultKind[]

export function isVaultKind(kind: string): kind is VaultKind {
  return Object.hasOwn(MATERIAL, kind)
}

const IN_A_HEADER = '8 to 8,192 visible ASCII characters and no space'
const TEXT = '8 to 16,384 characters'
/** What a secret has to be, by the member that holds it. */
const FORMS: Readonly<Record<string, string>> = {
  secret: IN_A_HEADER,
  secretAccessKey: IN_A_HEADER,
  sessionToken: IN_A_HEADER,
  token: IN_A_HEADER,
  clientSecret: TEXT,
  privateKey: TEXT,
}

/** Checks that the value is material of this kind; throws `vault_entry_invalid` that names the member at fault, never its value. */
export function checkMaterial<K extends VaultKind>(kind: K, value: unknown): Material<K> {
  const misfit = misfitIn(MATERIAL[kind], value)
  if (misfit === null) return narrowOnly(value as Material<K>)
  const form = FORMS[misfit.at(-1) ?? '']
  const place = [kind, ...misfit].join('.')
  throw credentialFault('vault_entry_invalid', form === undefined ? place : `${place} has ${form}`)
}

/** ATTACK: a key that may do everything, pasted where a restricted one belongs. */
function narrowOnly<M extends Material>(material: M): M {
  if ('keys' in material && material.acceptUnrestricted !== true) {
    const wide = material.keys.findIndex(({ key }) => !key.startsWith('rk_'))
    if (wide >= 0) throw credentialFault('vault_entry_invalid', `keys.${wide} is not a restricted key (rk_…)`)
  }
  return material
}
