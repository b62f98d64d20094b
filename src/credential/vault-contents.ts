import type { Static } from 'typebox'
import { canonicalBytes, parseCanonical } from '../canon/index.js'
import { misfitIn, Type } from '../policy/index.js'
import { credentialFault } from './error-table.js'
import { checkMaterial, type Material, VAULT_KINDS, type VaultKind } from './material.js'
import { Secret } from './secret.js'

export const ENTRY_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

const strict = { additionalProperties: false }
const UnixMs = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

/** Inside the JWE, as JCS. `material` is checked against the entry's kind on its own. */
const Contents = Type.Object(
  {
    v: Type.Literal(1),
    entries: Type.Array(
      Type.Object(
        {
          name: Type.String({ pattern: ENTRY_NAME.source }),
          kind: Type.Unsafe<VaultKind>(Type.Union(VAULT_KINDS.map(kind => Type.Literal(kind)))),
          material: Type.Unknown(),
          origins: Type.Array(Type.String({ maxLength: 512 }), { minItems: 1, maxItems: 32 }),
          environment: Type.String({ minLength: 1, maxLength: 128 }),
          createdAt: UnixMs,
          revision: Type.String({ pattern: '^[0-9a-f-]{36}$' }),
          previous: Type.Optional(Type.Object({ material: Type.Unknown(), until: UnixMs }, strict)),
        },
        strict,
      ),
      { maxItems: 10_000 },
    ),
  },
  strict,
)
type StoredEntry = Static<typeof Contents>['entries'][number]

/** One secret with everything that limits its use. */
export interface VaultEntry {
  /** Name in the sealed policy's `credentials`. */
  readonly name: string
  readonly kind: VaultKind
  readonly material: Secret<Material>
  /** Origins that it may be sent to, or that what is made from it may be sent to. */
  readonly origins: readonly string[]
  /** Environment of the agents that it may be used for. */
  readonly environment: string
  readonly createdAtMs: number
  /** Changes with every put; credentials made from an earlier revision are not handed out any more. */
  readonly revision: string
  /** The secret before the last rotation, tried where the upstream refuses the new one, until then. */
  readonly previous: { readonly material: Secret<Material>; readonly untilMs: number } | null
}

export type VaultContents = ReadonlyMap<string, VaultEntry>

/** Parses strictly; throws `vault_malformed`, `vault_entry_invalid` or what `parseCanonical` throws, with the place but never a value. */
export function parseContents(bytes: Uint8Array): VaultContents {
  const value: unknown = parseCanonical(bytes)
  const misfit = misfitIn(Contents, value)
  if (misfit !== null) throw credentialFault('vault_malformed', misfit.join('.'))
  const entries = new Map<string, VaultEntry>()
  for (const stored of (value as Static<typeof Contents>).entries) {
    if (entries.has(stored.name)) throw credentialFault('vault_malformed', `two entries ${stored.name}`)
    entries.set(stored.name, entryOf(stored))
  }
  return entries
}

export function encodeContents(contents: VaultContents): Uint8Array {
  return canonicalBytes({ v: 1, entries: [...contents.values()].map(storedOf) })
}

/** True for `https://host[:port]` as a URL parser writes it, or `http://` for a stand-in on loopback. */
export function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text && /^https?:/.test(text)
}

function entryOf(stored: StoredEntry): VaultEntry {
  const { name, kind, environment, revision } = stored
  for (const origin of stored.origins) {
    if (!isOrigin(origin)) throw credentialFault('vault_entry_invalid', `${name}: ${origin} is no origin`)
  }
  return {
    name,
    kind,
    environment,
    revision,
    origins: stored.origins,
    createdAtMs: stored.createdAt,
    material: new Secret(checkMaterial(kind, stored.material) as Material),
    previous:
      stored.previous === undefined
        ? null
        : {
            material: new Secret(checkMaterial(kind, stored.previous.material) as Material),
            untilMs: stored.previous.until,
          },
  }
}

function storedOf(entry: VaultEntry): StoredEntry {
  const { name, kind, environment, revision, previous } = entry
  return {
    name,
    kind,
    environment,
    revision,
    origins: [...entry.origins],
    createdAt: entry.createdAtMs,
    material: entry.material.reveal(),
    ...(previous === null
      ? {}
      : { previous: { material: previous.material.reveal(), until: previous.untilMs } }),
  }
}
