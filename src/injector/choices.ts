import {
  APIS_ANNOTATION,
  LABEL,
  OUR_PREFIX,
  PROFILE_ANNOTATION,
  RESERVED_NAME,
  STATUS_ANNOTATION,
} from './names.js'
import type { Metadata, Pod } from './pod.js'
import { mebibytes, milliCpu, type Profile, type Profiles } from './profile.js'
import type { Refusals } from './refusal.js'

/** Limits of one container of the sidecar, as they are written into the pod. */
export interface Limits {
  readonly cpu: string
  readonly memory: string
}

/** What a pod may choose: a profile, some of its APIs, and limits up to a bound. Nothing else. */
export interface Choices {
  readonly profile: Profile
  readonly apis: readonly string[]
  readonly limits: { readonly gate: Limits; readonly keeper: Limits }
}

const PARTS = ['gate', 'keeper'] as const
const AMOUNTS = { cpu: milliCpu, memory: mebibytes } as const

/** `countersign.dev/gate-cpu` and the like. */
const RESOURCE_ANNOTATIONS = PARTS.flatMap(part =>
  (['cpu', 'memory'] as const).map(amount => ({ name: `${OUR_PREFIX}${part}-${amount}`, part, amount })),
)

const KNOWN = new Set([
  PROFILE_ANNOTATION,
  APIS_ANNOTATION,
  STATUS_ANNOTATION,
  ...RESOURCE_ANNOTATIONS.map(({ name }) => name),
])

/** Reads the pod's choices; null, with the reason among the refusals, where there is no profile to go by. */
export function choicesOf(
  pod: Pod,
  namespace: string | null,
  profiles: Profiles,
  refusals: Refusals,
): Choices | null {
  refuseUnknown(pod.metadata ?? {}, refusals)
  const annotations = pod.metadata?.annotations ?? {}
  const name = annotations[PROFILE_ANNOTATION] ?? profiles.default
  const at = place(PROFILE_ANNOTATION)
  if (name === null || name === undefined) {
    refusals.add('profile_missing', at)
    return null
  }
  const profile = profiles.byName.get(name)
  if (profile === undefined) {
    refusals.add('profile_unknown', at)
    return null
  }
  if (namespace !== null && !profile.namespaces.includes(namespace)) refusals.add('profile_elsewhere', at)
  if (!profile.serviceAccounts.includes(pod.spec.serviceAccountName ?? 'default'))
    refusals.add('profile_elsewhere', 'spec.serviceAccountName')
  return {
    profile,
    apis: apisOf(annotations, profile, refusals),
    limits: limitsOf(annotations, profile, refusals),
  }
}

/** ATTACK: an annotation that another version, or another injector, would obey. Labels are none of ours at all, apart from the namespace's own. */
function refuseUnknown({ annotations, labels }: Metadata, refusals: Refusals): void {
  for (const key of Object.keys(annotations ?? {}))
    if (isUnderPrefix(key) && !KNOWN.has(key)) refusals.add('annotation_unknown', place(key))
  for (const key of Object.keys(labels ?? {}))
    if (isUnderPrefix(key) && key !== LABEL) refusals.add('annotation_unknown', `metadata.labels[${key}]`)
}

function isUnderPrefix(key: string): boolean {
  const folded = key.toLowerCase()
  const domain = folded.slice(0, Math.max(0, folded.indexOf('/')))
  return domain === 'countersign.dev' || domain.endsWith('.countersign.dev') || RESERVED_NAME.test(folded)
}

function apisOf(
  annotations: Readonly<Record<string, string>>,
  { apis }: Profile,
  refusals: Refusals,
): readonly string[] {
  const text = annotations[APIS_ANNOTATION]
  const all = Object.keys(apis)
  if (text === undefined) return all
  const chosen = text.split(',').map(name => name.trim())
  if (chosen.some(name => !all.includes(name)) || new Set(chosen).size < chosen.length)
    refusals.add('annotation_value', place(APIS_ANNOTATION))
  return all.filter(name => chosen.includes(name))
}

function limitsOf(
  annotations: Readonly<Record<string, string>>,
  { resources }: Profile,
  refusals: Refusals,
): Choices['limits'] {
  const limits = { gate: { ...resources.gate.limits }, keeper: { ...resources.keeper.limits } }
  for (const { name, part, amount } of RESOURCE_ANNOTATIONS) {
    const text = annotations[name]
    if (text === undefined) continue
    const { requests, most = limits[part] } = resources[part]
    const count = AMOUNTS[amount]
    // NaN is neither above nor below.
    if (count(text) >= count(requests[amount]) && count(text) <= count(most[amount]))
      limits[part][amount] = text
    else refusals.add('annotation_value', place(name))
  }
  return limits
}

function place(annotation: string): string {
  return `metadata.annotations[${annotation}]`
}
