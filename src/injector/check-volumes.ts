import { isOurSecret } from './check-container.js'
import { isEmpty } from './check-pod.js'
import { RESERVED_NAME } from './names.js'
import { containersOf, type PodSpec, type Volume } from './pod.js'
import type { Profile } from './profile.js'
import type { Refusals } from './refusal.js'

/**
 * Kinds that hold data of the pod or the cluster. The others are mounted by the node (a network file system is a way
 * out that no rule for the pod sees), or by a driver that may do anything.
 */
const HARMLESS = [
  'emptyDir',
  'configMap',
  'secret',
  'downwardAPI',
  'projected',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
]

const TOKEN_FOLDER = /^(\/var)?\/run\/secrets\/kubernetes\.io(\/|$)/

/** Everything about the agent's volumes and mounts that would be a way around. */
export function checkVolumes(spec: PodSpec, profile: Profile, refusals: Refusals): void {
  for (const [i, volume] of (spec.volumes ?? []).entries()) {
    const at = `spec.volumes[${i}]`
    for (const [kind, value] of Object.entries(volume))
      if (kind !== 'name' && !isAbsent(value) && !HARMLESS.includes(kind))
        refusals.add('volume_kind', `${at}.${kind}`)
    if (isOurs(volume, profile)) refusals.add('reserved_volume', at)
    for (const [j, source] of (volume.projected?.sources ?? []).entries())
      for (const kind of ['serviceAccountToken', 'clusterTrustBundle', 'podCertificate'])
        if (!isAbsent(source[kind]))
          refusals.add('service_account_token', `${at}.projected.sources[${j}].${kind}`)
  }
  for (const { container, at } of containersOf(spec)) {
    for (const [i, { name }] of (container.volumeDevices ?? []).entries())
      if (RESERVED_NAME.test(name ?? '')) refusals.add('reserved_volume', `${at}.volumeDevices[${i}]`)
    for (const [i, { name, mountPath, mountPropagation }] of (container.volumeMounts ?? []).entries()) {
      const place = `${at}.volumeMounts[${i}]`
      // ATTACK: it isn't there yet, and will be when the pod was injected.
      if (RESERVED_NAME.test(name ?? '')) refusals.add('reserved_volume', place)
      if (mountPropagation === 'Bidirectional') refusals.add('mount_propagation', place)
      if (TOKEN_FOLDER.test(collapsed(mountPath ?? ''))) refusals.add('service_account_token', place)
    }
  }
}

function isOurs({ secret, persistentVolumeClaim, projected, ephemeral }: Volume, profile: Profile): boolean {
  const { claims } = profile.reserved
  return (
    isOurSecret(secret?.secretName, profile) ||
    claims.has(persistentVolumeClaim?.claimName ?? '') ||
    isClonedFrom(claims, ephemeral) ||
    (projected?.sources ?? []).some(source => isOurSecret(source.secret?.name, profile))
  )
}

/** ATTACK: a new claim that begins as a copy of the ledger. */
function isClonedFrom(claims: ReadonlySet<string>, ephemeral: unknown): boolean {
  const { volumeClaimTemplate } = (ephemeral ?? {}) as { volumeClaimTemplate?: { spec?: Sourced } | null }
  const { dataSource, dataSourceRef } = volumeClaimTemplate?.spec ?? {}
  return claims.has(dataSource?.name ?? '') || claims.has(dataSourceRef?.name ?? '')
}

interface Sourced {
  readonly dataSource?: { readonly name?: string } | null
  readonly dataSourceRef?: { readonly name?: string } | null
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null
}

/** `/var//run/./secrets` and `/var/run/secrets` are one folder. */
function collapsed(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (!isEmpty(part) && part !== '.') parts.push(part)
  }
  return `/${parts.join('/')}`
}
