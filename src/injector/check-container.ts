import { checkConfinement, checkUsers, isEmpty } from './check-pod.js'
import { GATE_PORT, PROBE_PORT } from './names.js'
import {
  type Container,
  containersOf,
  type EnvVar,
  type PlacedContainer,
  type PodSpec,
  userOf,
} from './pod.js'
import { type Profile, repositoryOf } from './profile.js'
import type { Refusals } from './refusal.js'

/** What an agent's containers are told, and what they must not be told. */
export interface AgentEnvironment {
  /** Set in each of them. */
  readonly variables: Readonly<Record<string, string>>
  /** True for a variable that would give an agent a way around the sidecar. */
  readonly isRealCredential: (name: string, value: string) => boolean
}

/** Everything about the agent's containers, init containers among them, that would be a way around. */
export function checkContainers(
  spec: PodSpec,
  profile: Profile,
  environment: AgentEnvironment,
  refusals: Refusals,
): void {
  for (const placed of containersOf(spec)) {
    checkSecurity(placed, spec, profile, refusals)
    checkPorts(placed, profile, refusals)
    checkHandlers(placed, profile, refusals)
    checkEnvironment(placed, profile, environment, refusals)
    if (isOurImage(placed.container.image, profile)) refusals.add('reserved_image', `${placed.at}.image`)
    // Ordinary sidecars only start with the agent, so nothing would guard what runs before.
    if (placed.init && profile.sidecars === 'plain') refusals.add('unguarded_init', placed.at)
  }
}

function checkSecurity(
  { container, at: place }: PlacedContainer,
  spec: PodSpec,
  profile: Profile,
  refusals: Refusals,
): void {
  const security = container.securityContext ?? {}
  const at = `${place}.securityContext`
  checkUsers(security, at, profile, refusals)
  checkConfinement(security, at, refusals)
  // ATTACK: unconfined, it may have sockets that no firewall sees: AF_VSOCK leads to the node's host.
  if (isEmpty((security.seccompProfile ?? spec.securityContext?.seccompProfile)?.type))
    refusals.add('confinement', `${at}.seccompProfile`)
  const nonRoot = security.runAsNonRoot ?? spec.securityContext?.runAsNonRoot
  if (nonRoot !== true) refusals.add('root_user', `${at}.runAsNonRoot`)
  if ((userOf(container, spec) ?? 0) <= 0) refusals.add('root_user', `${at}.runAsUser`)
  if (security.privileged === true) refusals.add('privilege_escalation', `${at}.privileged`)
  if (security.allowPrivilegeEscalation !== false)
    refusals.add('privilege_escalation', `${at}.allowPrivilegeEscalation`)
  const { add = [], drop = [] } = security.capabilities ?? {}
  if (drop?.includes('ALL') !== true) refusals.add('capabilities', `${at}.capabilities.drop`)
  if (add?.some(capability => capability !== 'NET_BIND_SERVICE'))
    refusals.add('capabilities', `${at}.capabilities.add`)
  if (!['Default', ''].includes(security.procMount ?? '')) refusals.add('confinement', `${at}.procMount`)
}

function checkPorts({ container, at }: PlacedContainer, { apis }: Profile, refusals: Refusals): void {
  const ours = [GATE_PORT, PROBE_PORT, ...Object.values(apis).flatMap(({ port }) => port ?? [])]
  for (const [i, { containerPort, hostPort }] of (container.ports ?? []).entries()) {
    if ((hostPort ?? 0) !== 0) refusals.add('host_port', `${at}.ports[${i}].hostPort`)
    if (ours.includes(containerPort ?? 0)) refusals.add('reserved_port', `${at}.ports[${i}].containerPort`)
  }
}

interface Handler {
  readonly httpGet?: { readonly host?: string } | null
  readonly tcpSocket?: { readonly host?: string } | null
  readonly grpc?: unknown
}

/** ATTACK: the kubelet calls what a probe or a hook names, from the node, where no rule for the pod holds. */
function checkHandlers({ container, at }: PlacedContainer, { mode }: Profile, refusals: Refusals): void {
  const probes = ['livenessProbe', 'readinessProbe', 'startupProbe'].map(
    name => [name, container[name]] as const,
  )
  const hooks = ['postStart', 'preStop'].map(
    name => [`lifecycle.${name}`, container.lifecycle?.[name]] as const,
  )
  for (const [name, value] of [...probes, ...hooks]) {
    const handler = (value ?? {}) as Handler
    for (const kind of ['httpGet', 'tcpSocket'] as const)
      if (!isEmpty(handler[kind]?.host)) refusals.add('probe_elsewhere', `${at}.${name}.${kind}.host`)
    const networked = [handler.httpGet, handler.tcpSocket, handler.grpc].some(
      each => each !== undefined && each !== null,
    )
    if (networked && mode === 'sidecar-netadmin') refusals.add('probe_unreachable', `${at}.${name}`)
  }
}

function checkEnvironment(
  { container, at }: PlacedContainer,
  profile: Profile,
  { variables, isRealCredential }: AgentEnvironment,
  refusals: Refusals,
): void {
  for (const [i, variable] of (container.env ?? []).entries()) {
    const place = `${at}.env[${i}]`
    const name = variable.name ?? ''
    if (isOurSecret(variable.valueFrom?.secretKeyRef?.name, profile)) refusals.add('reserved_volume', place)
    if (Object.hasOwn(variables, name)) {
      if (!isOurValue(variable, variables)) refusals.add('environment_conflict', place)
    } else if (/^COUNTERSIGN_/i.test(name)) refusals.add('environment_conflict', place)
    else if (isRealCredential(name, variable.value ?? '')) refusals.add('environment_credential', place)
  }
  for (const [i, { secretRef }] of (container.envFrom ?? []).entries())
    if (isOurSecret(secretRef?.name, profile)) refusals.add('reserved_volume', `${at}.envFrom[${i}]`)
}

/** A variable exactly as the injector would write it. */
export function isOurValue(
  { name, value, valueFrom }: EnvVar,
  ours: Readonly<Record<string, string>>,
): boolean {
  return isEmpty(valueFrom) && Object.hasOwn(ours, name ?? '') && ours[name ?? ''] === value
}

export function isOurSecret(name: string | null | undefined, { reserved }: Profile): boolean {
  return reserved.secrets.has(name ?? '')
}

/** A sidecar with other arguments is no agent. */
function isOurImage(image: Container['image'], { reserved }: Profile): boolean {
  return reserved.repositories.has(repositoryOf(image ?? ''))
}
