import type { GateAddresses } from '../gate/index.js'
import type { ActivePolicy } from '../policy/index.js'
import type { ReachableApi } from './client-environment.js'

/** Every API of the policy with the addresses that the gate serves it under. */
export function reachableApis(policy: ActivePolicy, addresses: GateAddresses): ReachableApi[] {
  return [...policy.apis.values()].map(({ name, catalog }) => ({
    name,
    catalog: catalog.name,
    dialect: catalog.profile.dialect,
    url: `${addresses.main}/${name}`,
    ownUrl: addresses.ports[name] ?? null,
  }))
}
