import { containersOf, type PodSpec, type Resources } from './pod.js'
import type { Profile } from './profile.js'
import type { Refusals } from './refusal.js'

/** What every node has. */
const ORDINARY = /^(cpu|memory|ephemeral-storage|hugepages-[0-9A-Za-z]+)$/

/**
 * ATTACK: a device may be a network of its own (RDMA, SR-IOV), and another runtime may run the pod without what the
 * firewall or the users rely on. The profile says which are neither.
 */
export function checkDevices(
  spec: PodSpec,
  { runtimeClasses = [], devices = [], resourceClaims = [] }: Profile,
  refusals: Refusals,
): void {
  const { runtimeClassName } = spec
  if (typeof runtimeClassName === 'string' && runtimeClassName !== '')
    if (!runtimeClasses.includes(runtimeClassName)) refusals.add('runtime_class', 'spec.runtimeClassName')
  const held = [
    { resources: spec.resources, at: 'spec' },
    ...containersOf(spec).map(({ container: { resources }, at }) => ({ resources, at })),
  ]
  for (const { resources, at } of held)
    for (const name of namesIn(resources))
      if (!ORDINARY.test(name) && !devices.includes(name)) refusals.add('device', `${at}.resources[${name}]`)
  for (const [i, claim] of (spec.resourceClaims ?? []).entries()) {
    const { resourceClaimName: own, resourceClaimTemplateName: template } = claim
    if ([own, template].some(name => typeof name === 'string' && !resourceClaims.includes(name)))
      refusals.add('device', `spec.resourceClaims[${i}]`)
  }
}

function namesIn(resources: Resources | null | undefined): ReadonlySet<string> {
  const { limits, requests } = resources ?? {}
  return new Set([...Object.keys(limits ?? {}), ...Object.keys(requests ?? {})])
}
