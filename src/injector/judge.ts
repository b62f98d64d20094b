import { POD_GRANT } from '../link/index.js'
import { barePod, hasTrace, namesOf } from './bare.js'
import { type AgentEnvironment, checkContainers } from './check-container.js'
import { checkPod } from './check-pod.js'
import { checkVolumes } from './check-volumes.js'
import { type Choices, choicesOf } from './choices.js'
import { GATEWAY_VARIABLES, inject, withoutApiToken } from './inject.js'
import { GATE_PORT, RESERVED_NAME, STATUS_ANNOTATION } from './names.js'
import type { Pod } from './pod.js'
import { METADATA_SHAPE, POD_SHAPE } from './pod-shape.js'
import type { Profiles } from './profile.js'
import { type Refusal, Refusals } from './refusal.js'
import { isSame } from './same.js'
import { checkShape, OPEN, object } from './shape.js'

/** One API as the clients of a pod reach it. */
export interface PodApi {
  readonly name: string
  readonly catalog: string
  readonly url: string
  /** Its own listener; null where it has none. */
  readonly ownUrl: string | null
  readonly region: string | null
}

export interface InjectorParts {
  readonly profiles: Profiles
  /** The variables that each API's own clients read; those that a grant would stand in are empty where it is. */
  readonly clientVariables: (apis: readonly PodApi[], grant: string) => Readonly<Record<string, string>>
  readonly isRealCredential: AgentEnvironment['isRealCredential']
}

export type Judgement =
  /** Never empty. */
  | { readonly kind: 'refused'; readonly refusals: readonly Refusal[] }
  /** `pod` is what was submitted where that was injected before. */
  | { readonly kind: 'injected'; readonly pod: Pod }

/**
 * Judges one pod, or the template of one. Pure. Every reason against it is found, or it gets its sidecar. A pod that
 * has anything of ours already must be, to the letter, what would be made of the rest of it.
 */
export function judge(submitted: unknown, namespace: string | null, parts: InjectorParts): Judgement {
  const refusals = new Refusals()
  const pod = podOf(submitted, refusals)
  const choices = pod === null ? null : choicesOf(pod, namespace, parts.profiles, refusals)
  if (pod === null || choices === null) return { kind: 'refused', refusals: refusals.list() }
  const variables = variablesOf(choices, parts)
  const bare = barePod(pod, choices.profile, variables)
  const injected = inject(bare, choices, variables)
  const traced = hasTrace(pod)
  const again = traced && isSame(injected, pod)
  const agent = withoutApiToken(bare.spec)
  checkPod({ ...bare, spec: agent }, choices.profile, refusals)
  checkContainers(agent, choices.profile, { variables, isRealCredential: parts.isRealCredential }, refusals)
  checkVolumes(agent, choices.profile, refusals)
  if ((pod.spec.containers ?? []).length === 0) refusals.add('pod_malformed', 'spec.containers')
  if (traced && !again) refuseImitation(pod, refusals)
  const found = refusals.list()
  return found.length > 0 ? { kind: 'refused', refusals: found } : { kind: 'injected', pod: injected }
}

/** Held to its shape; null where reading on would be guessing. */
export function podOf(submitted: unknown, refusals: Refusals): Pod | null {
  checkShape(submitted, POD_SHAPE, '', refusals)
  const { metadata, spec } = (submitted ?? {}) as Partial<Pod>
  const others = Object.fromEntries(Object.keys(metadata ?? {}).map(key => [key, OPEN]))
  checkShape(metadata, object({ ...others, ...METADATA_SHAPE }), 'metadata', refusals)
  if (spec === undefined || spec === null) refusals.add('pod_malformed', 'spec')
  return refusals.list().some(({ code }) => code === 'pod_malformed') ? null : (submitted as Pod)
}

/** ATTACK: other injectors pass over a pod that has a container of their name, or says that it was injected. */
function refuseImitation({ metadata, spec }: Pod, refusals: Refusals): void {
  if (metadata?.annotations?.[STATUS_ANNOTATION] !== undefined)
    refusals.add('altered_output', `metadata.annotations[${STATUS_ANNOTATION}]`)
  else
    for (const { name, at } of namesOf(spec)) if (RESERVED_NAME.test(name)) refusals.add('reserved_name', at)
}

function variablesOf({ profile, apis }: Choices, { clientVariables }: InjectorParts) {
  const base = profile.gateway ?? `http://127.0.0.1:${GATE_PORT}`
  const reachable = apis.map(name => {
    const { catalog, port, region = null } = profile.apis[name] as NonNullable<(typeof profile.apis)[string]>
    const own = port === undefined ? null : new URL(base)
    if (own !== null) own.port = String(port)
    return { name, catalog, url: `${base}/${name}`, ownUrl: own?.origin ?? null, region }
  })
  if (profile.mode !== 'gateway') return clientVariables(reachable, POD_GRANT)
  // Nobody stands on the way who could put the pod's identity in place: its clients read the file.
  const filled = Object.entries(clientVariables(reachable, '')).filter(([, value]) => value !== '')
  return { ...Object.fromEntries(filled), ...GATEWAY_VARIABLES }
}
