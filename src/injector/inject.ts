import type { Choices } from './choices.js'
import { STATUS_ANNOTATION, TOKEN_FILE, TOKEN_PATH, TOKEN_VOLUME } from './names.js'
import { type Container, containersOf, type Pod, type PodSpec, userOf, type Volume } from './pod.js'
import { isGuarded } from './profile.js'
import {
  firewall,
  gate,
  keeper,
  mount,
  native,
  secrets,
  sidecarVolumes,
  tokenVolume,
  validator,
} from './sidecar.js'

/**
 * The pod with its sidecar. Its containers run in this order: firewall → secrets → keeper → gate → validator → the
 * agent's. Total and pure: what must not be injected was refused before.
 */
export function inject(pod: Pod, choices: Choices, variables: Readonly<Record<string, string>>): Pod {
  const { profile, limits } = choices
  const agent = pointedAtGate(withoutApiToken(pod.spec), choices, variables)
  const netadmin = profile.mode === 'sidecar-netadmin'
  const guards = isGuarded(profile) ? validators(agent, choices) : []
  switch (profile.mode) {
    case 'gateway':
      return stamped(pod, choices, {
        ...agent,
        ...withInit(agent, guards),
        volumes: [...(agent.volumes ?? []), tokenVolume(profile)],
      })
    case 'sidecar':
    case 'sidecar-netadmin': {
      const first = [...(netadmin ? [firewall(profile)] : []), secrets(profile)]
      const sidecars = [keeper(profile, limits.keeper), gate(profile, limits.gate)]
      const volumes = [...(agent.volumes ?? []), ...sidecarVolumes(profile)]
      const secured = withStorageGroup({ ...agent, volumes }, choices)
      return profile.sidecars === 'plain'
        ? stamped(pod, choices, {
            ...secured,
            ...withInit(secured, [...first, ...guards]),
            containers: [...sidecars, ...(agent.containers ?? [])],
          })
        : stamped(pod, choices, {
            ...secured,
            ...withInit(secured, [...first, ...sidecars.map(native), ...guards]),
          })
    }
  }
}

/** Where the API token of the service account is mounted by the API server itself, before any webhook is asked. */
const API_TOKEN_MOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'
const API_TOKEN_NAME = /^kube-api-access-[a-z0-9]+$/

/** The flag alone would come too late: mount and volume are there already. */
export function withoutApiToken(spec: PodSpec): PodSpec {
  const added = new Set((spec.volumes ?? []).filter(isApiToken).map(({ name }) => name))
  const clean = (container: Container): Container =>
    Array.isArray(container.volumeMounts)
      ? {
          ...container,
          volumeMounts: container.volumeMounts.filter(
            ({ name, mountPath }) => !(added.has(name) && mountPath === API_TOKEN_MOUNT),
          ),
        }
      : container
  return {
    ...spec,
    ...(Array.isArray(spec.volumes) ? { volumes: spec.volumes.filter(({ name }) => !added.has(name)) } : {}),
    ...(Array.isArray(spec.initContainers) ? { initContainers: spec.initContainers.map(clean) } : {}),
    ...(Array.isArray(spec.containers) ? { containers: spec.containers.map(clean) } : {}),
    automountServiceAccountToken: false,
  }
}

/** Exactly what the API server adds. ATTACK: another volume under such a name stays, to be refused for what it is. */
function isApiToken({ name, projected, ...others }: Volume): boolean {
  const { sources, ...rest } = projected ?? {}
  if (!API_TOKEN_NAME.test(name ?? '') || !Array.isArray(sources)) return false
  const kinds = sources.flatMap(source => Object.keys(source))
  const [token] = sources.flatMap(({ serviceAccountToken }) => serviceAccountToken ?? [])
  return (
    Object.keys(others).length === 0 &&
    Object.keys(rest).every(member => member === 'defaultMode') &&
    kinds.join() === 'serviceAccountToken,configMap,downwardAPI' &&
    token?.audience === undefined
  )
}

function pointedAtGate(
  spec: PodSpec,
  { profile }: Choices,
  variables: Readonly<Record<string, string>>,
): PodSpec {
  const ours = Object.entries(variables).map(([name, value]) => ({ name, value }))
  const tokens = profile.mode === 'gateway' ? [mount(TOKEN_VOLUME, TOKEN_PATH, true)] : []
  const point = (container: Container): Container => ({
    ...container,
    // First, so that the agent's own can refer to them.
    env: [...ours, ...(container.env ?? []).filter(({ name }) => !Object.hasOwn(variables, name ?? ''))],
    ...(tokens.length === 0 ? {} : { volumeMounts: [...(container.volumeMounts ?? []), ...tokens] }),
  })
  return {
    ...spec,
    ...(Array.isArray(spec.initContainers) ? { initContainers: spec.initContainers.map(point) } : {}),
    containers: (spec.containers ?? []).map(point),
  }
}

/** One for each user that an agent's container has. */
function validators(spec: PodSpec, { profile }: Choices): readonly Container[] {
  const users = new Set(containersOf(spec).map(({ container }) => userOf(container, spec) ?? 0))
  return [...users].map((user, nth) => validator(profile, user, nth))
}

function withInit(spec: PodSpec, first: readonly Container[]): Partial<PodSpec> {
  return first.length === 0 && !Array.isArray(spec.initContainers)
    ? {}
    : { initContainers: [...first, ...(spec.initContainers ?? [])] }
}

/** A new claim is root's. The group doesn't help an agent, who has no mount of it. */
function withStorageGroup(spec: PodSpec, { profile }: Choices): PodSpec {
  const { securityContext } = spec
  if (!('claim' in profile.ledger) || typeof securityContext?.fsGroup === 'number') return spec
  return { ...spec, securityContext: { ...(securityContext ?? {}), fsGroup: profile.users.storage } }
}

function stamped(pod: Pod, { profile, apis }: Choices, spec: PodSpec): Pod {
  const status = JSON.stringify({
    v: 1,
    profile: profile.name,
    digest: profile.digest,
    mode: profile.mode,
    apis,
  })
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      annotations: { ...(pod.metadata?.annotations ?? {}), [STATUS_ANNOTATION]: status },
    },
    spec,
  }
}

/** What the agent's containers are told about where their identity lies. */
export const GATEWAY_VARIABLES = { COUNTERSIGN_GRANT_FILE: TOKEN_FILE } as const
