import { CountersignError } from '../canon/index.js'
import type { ActivePolicy } from '../policy/index.js'
import { secretGoesTo } from './secret-origin.js'
import { entryFor, type Vault } from './vault.js'
import type { VaultEntry } from './vault-contents.js'

/** One use of a credential that a policy foresees and the vault has no secret for: its requests are `credential_unavailable`. */
export interface UnservedUse {
  readonly credential: string
  readonly minter: string
  readonly api: string
  /** Origin that the vault entry would have to list. */
  readonly origin: string
  /** Of the agents that would use it. */
  readonly environment: string
  /** `vault_entry_missing`, `…_kind`, `…_origin` or `…_environment`. */
  readonly code: string
  /** The entry that comes nearest: the one of this name, else one for the same origin. Null where there is none. */
  readonly nearest: Pick<VaultEntry, 'name' | 'kind' | 'origins' | 'environment'> | null
}

type Used = Pick<ActivePolicy, 'apis' | 'agents' | 'credentials' | 'rules'>
type Held = Pick<Vault, 'entry' | 'entries'>

/**
 * What a policy would use and the vault doesn't serve, each credential once per API and environment. Only agents that a
 * rule could let through to an API count, and of an API's origins the default one.
 */
export function unservedUses(policy: Used, vault: Held): readonly UnservedUse[] {
  return [...policy.apis.values()].flatMap(api => {
    const origin = api.origins.default ?? ''
    const names = [api.credential, api.probes?.credential].filter(name => name != null)
    return environmentsAt(api.name, policy).flatMap(environment =>
      names.flatMap(credential =>
        unserved({ credential, api: api.name, origin, environment }, policy, vault),
      ),
    )
  })
}

type Use = Pick<UnservedUse, 'credential' | 'api' | 'origin' | 'environment'>

function unserved(use: Use, { credentials }: Used, vault: Held): readonly UnservedUse[] {
  const spec = credentials.get(use.credential)
  if (spec === undefined) return []
  const { minter } = spec
  const origin = secretGoesTo(spec, use.origin)
  try {
    entryFor(vault, { credential: use.credential, minter, origins: [origin] }, use.environment)
    return []
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error
    const nearest = nearestOf(use.credential, minter, origin, vault)
    return [{ ...use, origin, minter, code: error.code, nearest }]
  }
}

function environmentsAt(api: string, { agents, rules }: Used): readonly string[] {
  const mayAsk = (agent: string) =>
    rules.some(
      rule => rule.effect !== 'deny' && rule.apis.includes(api) && rule.agents?.includes(agent) === true,
    )
  const asking = [...agents.values()].filter(
    ({ id, observeUntilMs }) => observeUntilMs !== null || mayAsk(id),
  )
  return [...new Set(asking.map(({ environment }) => environment))]
}

function nearestOf(credential: string, minter: string, origin: string, vault: Held): UnservedUse['nearest'] {
  const found =
    vault.entry(credential) ??
    vault.entries().find(each => each.kind === minter && each.origins.includes(origin))
  if (found === undefined) return null
  const { name, kind, origins, environment } = found
  return { name, kind, origins, environment }
}
