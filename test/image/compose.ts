import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { packageRoot } from '../../src/cli/catalogs.js'
import { LIMITS } from './engine.js'

interface Service {
  readonly command: readonly string[]
  readonly user: string
  readonly read_only: boolean
  readonly cap_drop: readonly string[]
  readonly security_opt: readonly string[]
  readonly stop_grace_period: string
  readonly ulimits: Readonly<Record<string, number>>
  readonly healthcheck: { readonly test: readonly string[] }
  readonly volumes: readonly string[]
}

const { services } = parse(readFileSync(join(packageRoot(), 'deploy/compose.yaml'), 'utf8')) as {
  readonly services: Readonly<Record<'keeper' | 'gate', Service>>
}

/** What a service of deploy/compose.yaml is confined to and what is mounted into it, as options of `podman run`. */
export function confinement(
  role: 'keeper' | 'gate',
  folder: string,
  volumePrefix: string,
): readonly string[] {
  const { user, read_only, cap_drop, security_opt, ulimits, volumes } = services[role]
  return [
    `--user=${user}`,
    `--read-only=${read_only}`,
    // Podman mounts a writable /tmp and /run of its own then; Docker doesn't.
    '--read-only-tmpfs=false',
    ...cap_drop.map(name => `--cap-drop=${name}`),
    ...security_opt.map(option => `--security-opt=${option.replace(/:true$/, '')}`),
    ...LIMITS.map(limit => `--ulimit=${limit}`),
    ...Object.entries(ulimits).map(([name, most]) => `--ulimit=${name}=${most}:${most}`),
    ...volumes.map(
      volume => `--volume=${volume.replace(/^\.\/countersign/, folder).replace(/^(?=\w)/, volumePrefix)}`,
    ),
  ]
}

/** How long it has after SIGTERM, what is asked to know that it is well, and its command. */
export function service(role: 'keeper' | 'gate') {
  const { command, stop_grace_period, healthcheck } = services[role]
  const [kind, ...test] = healthcheck.test
  if (kind !== 'CMD') throw new Error('there is no shell for a health check')
  return { command, graceSeconds: Number.parseInt(stop_grace_period, 10), healthcheck: test }
}
