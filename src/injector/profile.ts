import { canonicalBytes, contentId, type JsonValue } from '../canon/index.js'
import { nativeCrypto } from '../native/index.js'
import { parseSource } from '../policy/index.js'
import { injectorFault } from './error-table.js'
import { GATE_PORT, PROBE_PORT } from './names.js'
import { type ProfileDocument, ProfilesSchema } from './profile-schema.js'

/** What is made of the pods that name it. A pod picks one; nothing of it comes from a pod. */
export interface Profile extends ProfileDocument {
  readonly name: string
  /** Content id of the profile: it stands in the pod's status. */
  readonly digest: string
  readonly reserved: Reserved
}

/** What belongs to the sidecars of all profiles. ATTACK: a pod picks one profile and takes what is another's. */
export interface Reserved {
  readonly secrets: ReadonlySet<string>
  readonly claims: ReadonlySet<string>
  /** Images without tag and digest. */
  readonly repositories: ReadonlySet<string>
}

export interface Profiles {
  readonly byName: ReadonlyMap<string, Profile>
  readonly default: string | null
}

/** Reads the profile file; throws `profiles_malformed` with everything that is wrong with it. */
export function parseProfiles(text: string, file = 'profiles'): Profiles {
  const source = parseSource(ProfilesSchema, text)
  if (source.kind === 'findings') {
    const lines = source.findings.map(
      ({ line, column, path, message }) =>
        `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`,
    )
    throw injectorFault('profiles_malformed', lines.join('; '))
  }
  const { profiles, default: byDefault = null } = source.document
  const problems = Object.entries(profiles).flatMap(([name, profile]) =>
    problemsOf(profile).map(problem => `${file}: profiles.${name}: ${problem}`),
  )
  if (byDefault !== null && !Object.hasOwn(profiles, byDefault))
    problems.push(`${file}: default: there is no profile ${byDefault}`)
  if (problems.length > 0) throw injectorFault('profiles_malformed', problems.join('; '))
  const reserved = reservedBy(Object.values(profiles))
  return {
    default: byDefault,
    byName: new Map(
      Object.entries(profiles).map(([name, profile]) => [
        name,
        {
          ...profile,
          name,
          reserved,
          digest: contentId(nativeCrypto, canonicalBytes(profile as unknown as JsonValue)),
        },
      ]),
    ),
  }
}

function reservedBy(profiles: readonly ProfileDocument[]): Reserved {
  return {
    secrets: new Set(profiles.map(({ secret }) => secret)),
    claims: new Set(profiles.flatMap(({ ledger }) => ('claim' in ledger ? ledger.claim : []))),
    repositories: new Set(profiles.flatMap(({ images }) => Object.values(images).map(repositoryOf))),
  }
}

/** Whatever tag or digest it is. */
export function repositoryOf(image: string): string {
  const [named = ''] = image.split('@')
  return named.replace(/:[^:/]*$/, '')
}

function problemsOf(profile: ProfileDocument): readonly string[] {
  const { mode, gateway, users, apis, resources, sidecars, images, configDigest } = profile
  const problems: string[] = []
  // ATTACK: whoever may write the ConfigMap decides what the keeper runs and whom it believes.
  if (mode !== 'gateway' && configDigest === undefined)
    problems.push('configDigest: the modes with a sidecar have one (`countersign inject digest`)')
  if (mode === 'sidecar-netadmin' && images.firewall === undefined)
    problems.push('images.firewall: the mode sidecar-netadmin has one; the sidecar’s image has no nft')
  const ids = [users.gate, users.keeper, users.group, users.storage]
  if (new Set(ids).size < ids.length) problems.push('users: all four numbers must differ')
  if ((mode === 'gateway') !== (gateway !== undefined))
    problems.push('gateway: the mode gateway has one, and no other mode')
  if (mode === 'gateway' && sidecars !== undefined)
    problems.push('sidecars: in the mode gateway there are none')
  const ports = Object.values(apis).flatMap(({ port }) => port ?? [])
  const taken = [...ports, GATE_PORT, PROBE_PORT]
  if (new Set(taken).size < taken.length)
    problems.push(`apis: each port is used once, and ${GATE_PORT} and ${PROBE_PORT} are the gate’s`)
  for (const [part, { requests, limits, most }] of Object.entries(resources)) {
    if (!isWithin(requests, limits)) problems.push(`resources.${part}: requests are above limits`)
    if (most !== undefined && !isWithin(limits, most))
      problems.push(`resources.${part}: limits are above most`)
  }
  return problems
}

type Amount = { readonly cpu: string; readonly memory: string }

function isWithin(amount: Amount, most: Amount): boolean {
  return milliCpu(amount.cpu) <= milliCpu(most.cpu) && mebibytes(amount.memory) <= mebibytes(most.memory)
}

/** `500m` or `2`, as profiles and annotations write it; NaN for anything else. */
export function milliCpu(text: string): number {
  const [, whole, milli] = /^(?:([1-9][0-9]{0,2})|([1-9][0-9]{0,4})m)$/.exec(text) ?? []
  return whole === undefined ? Number(milli) : Number(whole) * 1_000
}

/** `256Mi` or `2Gi`; NaN for anything else. */
export function mebibytes(text: string): number {
  const [, amount, unit] = /^([1-9][0-9]{0,4})(Mi|Gi)$/.exec(text) ?? []
  return Number(amount) * (unit === 'Gi' ? 1_024 : 1)
}

/** Whether the agent's other ways are tried before it starts: with a CNI on guard, where its addresses are told. */
export function isGuarded({ mode, blocked }: Profile): boolean {
  return mode !== 'sidecar' || blocked !== undefined
}
