import { isOurValue } from './check-container.js'
import { RESERVED_NAME, STATUS_ANNOTATION, TOKEN_VOLUME } from './names.js'
import type { Container, Pod, PodSpec, Volume, VolumeMount } from './pod.js'
import type { Profile } from './profile.js'

/**
 * The pod without whatever in it has a name of ours: of an injected pod, what it was made from. It decides nothing by
 * itself. INVARIANT: what is left out here is either refused, or found again, to the letter, in what `inject` makes of
 * the rest.
 */
export function barePod(pod: Pod, profile: Profile, variables: Readonly<Record<string, string>>): Pod {
  const { spec, metadata } = pod
  const annotations = { ...(metadata?.annotations ?? {}) }
  delete annotations[STATUS_ANNOTATION]
  const injected = hasTrace(pod)
  const bare = (container: Container) => bareContainer(container, variables, injected)
  return {
    ...pod,
    metadata: { ...metadata, annotations },
    spec: {
      ...spec,
      ...membersOf(spec, 'initContainers', bare),
      ...membersOf(spec, 'containers', bare),
      ...(Array.isArray(spec.volumes) ? { volumes: spec.volumes.filter(isNotOurs) } : {}),
      ...(injected ? bareSecurity(spec, profile) : {}),
    },
  }
}

/** True where anything in the pod has a name of ours, or it says that it was injected. */
export function hasTrace({ metadata, spec }: Pod): boolean {
  if (metadata?.annotations?.[STATUS_ANNOTATION] !== undefined) return true
  return namesOf(spec).some(({ name }) => RESERVED_NAME.test(name))
}

/** Names of containers and volumes, with their places. */
export function namesOf(spec: PodSpec): readonly { readonly name: string; readonly at: string }[] {
  return (['initContainers', 'containers', 'volumes'] as const).flatMap(member =>
    (spec[member] ?? []).map(({ name }: Container | Volume, i) => ({
      name: name ?? '',
      at: `spec.${member}[${i}].name`,
    })),
  )
}

function membersOf(
  spec: PodSpec,
  member: 'initContainers' | 'containers',
  bare: (container: Container) => Container,
): Partial<PodSpec> {
  const found = spec[member]
  return Array.isArray(found) ? { [member]: found.filter(isNotOurs).map(bare) } : {}
}

function isNotOurs({ name }: { readonly name?: string | null }): boolean {
  return !RESERVED_NAME.test(name ?? '')
}

function bareContainer(
  container: Container,
  variables: Readonly<Record<string, string>>,
  injected: boolean,
): Container {
  const { env, volumeMounts } = container
  return {
    ...container,
    ...(Array.isArray(env) ? { env: env.filter(variable => !isOurValue(variable, variables)) } : {}),
    ...(injected && Array.isArray(volumeMounts) ? { volumeMounts: volumeMounts.filter(isNotOurMount) } : {}),
  }
}

/** The only volume of ours that an agent's container may have, in the mode gateway. */
function isNotOurMount({ name }: VolumeMount): boolean {
  return name !== TOKEN_VOLUME
}

function bareSecurity({ securityContext }: PodSpec, { users }: Profile): Partial<PodSpec> {
  if (securityContext?.fsGroup !== users.storage) return {}
  const { fsGroup: _, ...rest } = securityContext
  return { securityContext: rest }
}
