/*
 * Pod Security Standards, level *restricted*, as published
 * (https://kubernetes.io/docs/concepts/security/pod-security-standards/), written apart from the injector's checks.
 */

type Fields = Readonly<Record<string, unknown>>
const list = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value : [])
const fields = (value: unknown): Fields => (value ?? {}) as Fields

const RESTRICTED_VOLUMES = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
])
const SAFE_SYSCTLS = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
])
const BASELINE_CAPABILITIES = new Set(['NET_BIND_SERVICE'])

/** The controls of *restricted*, baseline's among them, that a pod violates; `excused` containers aren't looked at. */
export function violations(
  pod: { readonly spec?: unknown },
  excused: readonly string[] = [],
): readonly string[] {
  const spec = fields(pod.spec)
  const found: string[] = []
  const podSecurity = fields(spec.securityContext)
  for (const field of ['hostNetwork', 'hostPID', 'hostIPC'])
    if (spec[field] === true) found.push(`Host Namespaces: ${field}`)
  for (const volume of list(spec.volumes))
    for (const kind of Object.keys(volume))
      if (kind !== 'name' && !RESTRICTED_VOLUMES.has(kind)) found.push(`Volume Types: ${kind}`)
  for (const { name } of list(podSecurity.sysctls))
    if (!SAFE_SYSCTLS.has(String(name))) found.push(`Sysctls: ${name}`)
  if (podSecurity.runAsUser === 0) found.push('Running as Non-root user: pod')
  const containers = [
    ...list(spec.initContainers),
    ...list(spec.containers),
    ...list(spec.ephemeralContainers),
  ].filter(({ name }) => !excused.includes(String(name)))
  for (const container of containers) {
    const own = fields(container.securityContext)
    const because = (control: string) => found.push(`${control}: ${container.name}`)
    if (own.privileged === true) because('Privileged Containers')
    if (own.allowPrivilegeEscalation !== false) because('Privilege Escalation')
    if ((own.runAsNonRoot ?? podSecurity.runAsNonRoot) !== true) because('Running as Non-root')
    if (own.runAsUser === 0) because('Running as Non-root user')
    const seccomp = fields(own.seccompProfile ?? podSecurity.seccompProfile).type
    if (seccomp !== 'RuntimeDefault' && seccomp !== 'Localhost') because('Seccomp')
    const { add, drop } = fields(own.capabilities)
    if (!Array.isArray(drop) || !drop.includes('ALL')) because('Capabilities: drop')
    if (Array.isArray(add) && add.some(each => !BASELINE_CAPABILITIES.has(each))) because('Capabilities: add')
    if (own.procMount !== undefined && own.procMount !== 'Default') because('/proc Mount Type')
    for (const { hostPort } of list(container.ports))
      if (hostPort !== undefined && hostPort !== 0) because('Host Ports')
    for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
      const { httpGet, tcpSocket } = fields(container[name])
      if (fields(httpGet).host || fields(tcpSocket).host) because('Host Probes')
    }
  }
  return found
}
