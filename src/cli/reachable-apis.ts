import type { GateAddresses } from '../gate/index.js'
import type { ActivePolicy } from '../policy/index.js'
import type { ReachableApi } from './client-environment.js'

/** Every API of the policy with the addresses that the gate serves it under. */
export function reachableApis(policy: ActivePolicy, addresses: GateAddresses): ReachableApi[] {
  return [...policy.apis.values()].map(({ name, catalog, origins }) => ({
    name,
    catalog: catalog.name,
    dialect: catalog.profile.dialect,
    url: `${addresses.main}/${name}`,
    ownUrl: addresses.ports[name] ?? null,
    region: catalog.name === 'aws' ? mostServed(Object.keys(origins)) : null,
  }))
}

/** The region of the labels `<service>.<region>` that most services are called in: what a client is to use unless told. */
function mostServed(labels: readonly string[]): string | null {
  const served = new Map<string, number>()
  for (const label of labels) {
    const region = label.slice(label.lastIndexOf('.') + 1)
    served.set(region, (served.get(region) ?? 0) + 1)
  }
  return [...served].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))[0]?.[0] ?? null
}
