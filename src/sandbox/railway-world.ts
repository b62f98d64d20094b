import { randomUUID } from 'node:crypto'

/**
 * The state behind the Railway stand-in: one project, two environments, and a volume that is mounted in both
 * of them, with its backups on it. Deleting the volume takes the mounts and the backups along, as at Railway.
 */
export interface RailwayWorld {
  readonly project: { readonly id: string; readonly name: string }
  readonly environments: readonly Environment[]
  readonly services: readonly { readonly id: string; readonly name: string }[]
  readonly volumes: Map<string, Volume>
  readonly variables: Map<string, string>
  readonly deployments: { readonly serviceId: string; readonly environmentId: string; readonly at: string }[]
  readonly sandboxes: Map<string, SandboxMachine>
  /** Tokens that the API accepts, by their secret. */
  readonly tokens: Map<string, Token>
}

export interface Environment {
  readonly id: string
  readonly name: string
}

export interface Volume {
  readonly id: string
  readonly name: string
  readonly createdAt: string
  readonly instances: VolumeInstance[]
}

export interface VolumeInstance {
  readonly id: string
  readonly environmentId: string
  readonly serviceId: string
  readonly mountPath: string
  readonly backups: Backup[]
}

export interface Backup {
  readonly id: string
  readonly name: string
  readonly createdAt: string
}

export interface SandboxMachine {
  readonly id: string
  readonly environmentId: string
  readonly createdAt: string
  status: 'RUNNING' | 'DESTROYED'
}

export type Token =
  /** May do anything its person may do, in every environment: what PocketOS's agent found in a file. */
  | { readonly kind: 'account'; readonly id: string }
  /** Of a member who may only look. */
  | { readonly kind: 'viewer'; readonly id: string }
  /** One environment of one project; sent as Project-Access-Token. */
  | {
      readonly kind: 'project'
      readonly id: string
      readonly name: string
      readonly projectId: string
      readonly environmentId: string
      readonly createdAt: string
    }

/** Tokens that are there at the start. */
export interface RailwayTokens {
  readonly account: string
  readonly viewer?: string
}

/** Fixed ids, so that a policy can be sealed before the sandbox starts. */
export const RAILWAY_IDS = {
  project: '3f1c2a54-6f0e-4c52-9a5e-0d8f6a1b7c01',
  staging: '7c9e6679-7425-40de-944b-e07fc1f90ae7',
  production: '1b4e28ba-2fa1-41d2-883f-0016d3cca427',
  web: '5e0d7a9c-3b1f-4d62-8e47-b1c2d3e4f506',
  database: '9a8b7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d',
  volume: 'b0c1d2e3-f405-4617-8293-a4b5c6d7e8f9',
} as const

export function createRailwayWorld({ account, viewer }: RailwayTokens, now: () => Date): RailwayWorld {
  const instance = (environmentId: string, backups: readonly string[]): VolumeInstance => ({
    id: randomUUID(),
    environmentId,
    serviceId: RAILWAY_IDS.database,
    mountPath: '/var/lib/postgresql/data',
    backups: backups.map(name => ({ id: randomUUID(), name, createdAt: now().toISOString() })),
  })
  const volume: Volume = {
    id: RAILWAY_IDS.volume,
    name: 'postgres-data',
    createdAt: now().toISOString(),
    instances: [
      instance(RAILWAY_IDS.staging, []),
      instance(RAILWAY_IDS.production, ['nightly-1', 'nightly-2', 'weekly-1']),
    ],
  }
  return {
    project: { id: RAILWAY_IDS.project, name: 'rental-platform' },
    environments: [
      { id: RAILWAY_IDS.staging, name: 'staging' },
      { id: RAILWAY_IDS.production, name: 'production' },
    ],
    services: [
      { id: RAILWAY_IDS.web, name: 'web' },
      { id: RAILWAY_IDS.database, name: 'postgres' },
    ],
    volumes: new Map([[volume.id, volume]]),
    variables: new Map([
      [variableKey(RAILWAY_IDS.staging, 'DATABASE_URL'), 'postgres://app:wrong-password@postgres/app'],
    ]),
    deployments: [],
    sandboxes: new Map(),
    tokens: new Map<string, Token>([
      [account, { kind: 'account', id: randomUUID() }],
      ...(viewer === undefined ? [] : [[viewer, { kind: 'viewer', id: randomUUID() }] as const]),
    ]),
  }
}

export function variableKey(environmentId: string, name: string): string {
  return `${environmentId}/${name}`
}
