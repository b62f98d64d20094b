import { REFUSED_ANNOTATION } from './annotations.js'
import { checkDevices } from './check-devices.js'
import type { Container, Pod, PodSpec } from './pod.js'
import { containersOf } from './pod.js'
import type { Profile } from './profile.js'
import type { Refusals } from './refusal.js'

/** Everything about the pod as a whole that would be a way around. */
export function checkPod(pod: Pod, profile: Profile, refusals: Refusals): void {
  const { spec } = pod
  for (const field of ['hostNetwork', 'hostPID', 'hostIPC'])
    if (spec[field] === true) refusals.add('host_namespace', `spec.${field}`)
  if (spec.shareProcessNamespace === true) refusals.add('shared_processes', 'spec.shareProcessNamespace')
  if (spec.hostUsers === false) refusals.add('user_namespace', 'spec.hostUsers')
  if (!isEmpty(spec.ephemeralContainers)) refusals.add('ephemeral_container', 'spec.ephemeralContainers')
  if ((spec.os as { name?: string } | null | undefined)?.name === 'windows')
    refusals.add('windows_pod', 'spec.os')
  checkNames(spec, refusals)
  checkPodSecurity(spec, profile, refusals)
  checkDevices(spec, profile, refusals)
  checkAnnotations(pod, refusals)
}

/** ATTACK: /etc/hosts and the resolver are one for all containers of a pod, the keeper's and the gate's among them. */
function checkNames(spec: PodSpec, refusals: Refusals): void {
  for (const field of ['hostAliases', 'dnsConfig', 'hostnameOverride'])
    if (!isEmpty(spec[field])) refusals.add('name_resolution', `spec.${field}`)
  if (!['ClusterFirst', 'Default', undefined, null].includes(spec.dnsPolicy as string))
    refusals.add('name_resolution', 'spec.dnsPolicy')
}

function checkPodSecurity({ securityContext }: PodSpec, profile: Profile, refusals: Refusals): void {
  if (securityContext === undefined || securityContext === null) return
  const at = 'spec.securityContext'
  checkUsers(securityContext, at, profile, refusals)
  checkConfinement(securityContext, at, refusals)
  if (isOurGroup(securityContext.fsGroup, profile)) refusals.add('reserved_group', `${at}.fsGroup`)
  for (const [i, group] of (securityContext.supplementalGroups ?? []).entries())
    if (isOurGroup(group, profile)) refusals.add('reserved_group', `${at}.supplementalGroups[${i}]`)
  if (!isEmpty(securityContext.sysctls)) refusals.add('pod_sysctl', `${at}.sysctls`)
}

type Security = NonNullable<Container['securityContext']> | NonNullable<PodSpec['securityContext']>

export function checkUsers(security: Security, at: string, profile: Profile, refusals: Refusals): void {
  const { gate, keeper } = profile.users
  if (security.runAsUser === gate || security.runAsUser === keeper)
    refusals.add('reserved_user', `${at}.runAsUser`)
  if (isOurGroup(security.runAsGroup, profile)) refusals.add('reserved_group', `${at}.runAsGroup`)
}

/** The numbers of our users as well: a user's own group may have the same one. */
function isOurGroup(group: number | null | undefined, { users }: Profile): boolean {
  return Object.values(users).some(id => id === group)
}

/** Pod Security Standards, *restricted* and *baseline*. */
export function checkConfinement(security: Security, at: string, refusals: Refusals): void {
  const { seccompProfile, appArmorProfile, seLinuxOptions, windowsOptions } = security
  if (seccompProfile?.type === 'Unconfined') refusals.add('confinement', `${at}.seccompProfile`)
  if (appArmorProfile?.type === 'Unconfined') refusals.add('confinement', `${at}.appArmorProfile`)
  const { type, user, role } = seLinuxOptions ?? {}
  const ordinary = ['', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t']
  if (!ordinary.includes(type ?? '') || (user ?? '') !== '' || (role ?? '') !== '')
    refusals.add('confinement', `${at}.seLinuxOptions`)
  if (windowsOptions !== undefined && windowsOptions !== null)
    refusals.add('windows_pod', `${at}.windowsOptions`)
}

/** Annotations of others that lead out of the pod, whatever the rest of it says. */
function checkAnnotations({ metadata, spec }: Pod, refusals: Refusals): void {
  const names = new Set(containersOf(spec).map(({ container }) => container.name))
  for (const [key, value] of Object.entries(metadata?.annotations ?? {})) {
    const at = `metadata.annotations[${key}]`
    if (key === 'kubernetes.io/config.mirror' || key === 'kubernetes.io/config.source')
      refusals.add('mirror_pod', at)
    if (REFUSED_ANNOTATION.test(key)) refusals.add('network_annotation', at)
    const [, container] =
      /^container\.(?:apparmor|seccomp)\.security\.[a-z.]*kubernetes\.io\/(.+)$/.exec(key) ?? []
    if (container !== undefined && (value === 'unconfined' || !names.has(container)))
      refusals.add('confinement', at)
    if (key === 'seccomp.security.alpha.kubernetes.io/pod' && value === 'unconfined')
      refusals.add('confinement', at)
  }
}

export function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true
  return typeof value === 'object' && Object.keys(value).length === 0
}
