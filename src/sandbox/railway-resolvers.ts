import { randomBytes, randomUUID } from 'node:crypto'
import { GraphQLError } from 'graphql'
import {
  RAILWAY_IDS,
  type RailwayWorld,
  type Token,
  type Volume,
  type VolumeInstance,
  variableKey,
} from './railway-world.js'

export interface RailwayContext {
  readonly world: RailwayWorld
  readonly token: Token
  readonly now: () => Date
}

/** Root values for graphql-js: each field checks what its token may touch, as Railway does, and changes the world. */
export function railwayRoot(context: RailwayContext): Record<string, unknown> {
  const changes = mutations(context)
  return { ...queries(context), ...(context.token.kind === 'viewer' ? refused(changes) : changes) }
}

/** A viewer may look at a project, and change nothing in it. */
function refused(mutations: Record<string, unknown>): Record<string, unknown> {
  const refuse = () => {
    throw notAuthorized('a viewer may not change anything')
  }
  return Object.fromEntries(Object.keys(mutations).map(name => [name, refuse]))
}

function queries({ world, token }: RailwayContext): Record<string, unknown> {
  return {
    project: ({ id }: { id: string }) => {
      requireProject(world, id)
      return projectOf(world)
    },
    projects: () => edges([projectOf(world)]),
    projectToken: () => {
      if (token.kind !== 'project') throw notAuthorized('this is not a project token')
      return { ...token, displayToken: '****' }
    },
    projectTokens: ({ projectId }: { projectId: string }) => {
      requireAccount(token)
      requireProject(world, projectId)
      const tokens = [...world.tokens.values()].filter(each => each.kind === 'project')
      return connection(tokens.map(each => ({ ...each, displayToken: '****' })))
    },
    variables: ({ environmentId }: { environmentId: string }) => {
      if (token.kind === 'viewer') throw notAuthorized('variables are no viewer’s to read')
      requireEnvironment(world, token, environmentId)
      const prefix = variableKey(environmentId, '')
      const own = [...world.variables].filter(([key]) => key.startsWith(prefix))
      return Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), value]))
    },
    volumeInstance: ({ id }: { id: string }) => {
      const volume = [...world.volumes.values()].find(each => each.instances.some(mount => mount.id === id))
      if (volume === undefined) throw notFound('VolumeInstance')
      return mountOf(world, volume, instanceOf(world, id))
    },
    volumeInstanceBackupList: ({ volumeInstanceId }: { volumeInstanceId: string }) =>
      instanceOf(world, volumeInstanceId).backups.map(backup => ({ ...backup, externalId: backup.id })),
    sandbox: ({ id, environmentId }: { id: string; environmentId: string }) => {
      requireEnvironment(world, token, environmentId)
      return sandboxOf(machineOf(world, id, environmentId))
    },
    sandboxes: ({ environmentId }: { environmentId: string }) => {
      requireEnvironment(world, token, environmentId)
      return connection(
        [...world.sandboxes.values()].filter(each => each.environmentId === environmentId).map(sandboxOf),
      )
    },
  }
}

interface VariableInput {
  readonly environmentId: string
  readonly name: string
  readonly value: string
}

interface VolumeInput {
  readonly environmentId?: string
  readonly serviceId?: string
  readonly mountPath: string
}

interface TokenInput {
  readonly projectId: string
  readonly environmentId: string
  readonly name: string
}

function mutations({ world, token, now }: RailwayContext): Record<string, unknown> {
  return {
    variableUpsert: ({ input }: { input: VariableInput }) => {
      requireEnvironment(world, token, input.environmentId)
      world.variables.set(variableKey(input.environmentId, input.name), input.value)
      return true
    },
    serviceInstanceRedeploy: ({ environmentId, serviceId }: { environmentId: string; serviceId: string }) => {
      requireEnvironment(world, token, environmentId)
      if (!world.services.some(service => service.id === serviceId)) throw notFound('Service')
      world.deployments.push({ serviceId, environmentId, at: now().toISOString() })
      return true
    },
    volumeCreate: ({ input }: { input: VolumeInput }) => {
      const environmentId = input.environmentId ?? RAILWAY_IDS.staging
      requireEnvironment(world, token, environmentId)
      const mount = {
        id: randomUUID(),
        environmentId,
        serviceId: input.serviceId ?? '',
        mountPath: input.mountPath,
        backups: [],
      }
      const volume: Volume = {
        id: randomUUID(),
        name: 'volume',
        createdAt: now().toISOString(),
        instances: [mount],
      }
      world.volumes.set(volume.id, volume)
      return volumeOf(world, volume)
    },
    // Railway asks for no confirmation, looks at no environment, and the backups lie on the volume.
    volumeDelete: ({ volumeId }: { volumeId: string }) => {
      if (!world.volumes.delete(volumeId)) throw notFound('Volume')
      return true
    },
    volumeInstanceBackupCreate: ({ volumeInstanceId, name }: { volumeInstanceId: string; name?: string }) => {
      const backup = { id: randomUUID(), name: name ?? 'manual', createdAt: now().toISOString() }
      instanceOf(world, volumeInstanceId).backups.push(backup)
      return { workflowId: randomUUID() }
    },
    volumeInstanceBackupDelete: (args: { volumeInstanceId: string; volumeInstanceBackupId: string }) => {
      const { backups } = instanceOf(world, args.volumeInstanceId)
      const index = backups.findIndex(backup => backup.id === args.volumeInstanceBackupId)
      if (index < 0) throw notFound('Backup')
      backups.splice(index, 1)
      return { workflowId: randomUUID() }
    },
    projectTokenCreate: ({ input }: { input: TokenInput }) => {
      requireAccount(token)
      requireProject(world, input.projectId)
      requireEnvironment(world, token, input.environmentId)
      const secret = randomUUID()
      world.tokens.set(secret, {
        kind: 'project',
        id: randomUUID(),
        createdAt: now().toISOString(),
        ...input,
      })
      return secret
    },
    projectTokenDelete: ({ id }: { id: string }) => {
      requireAccount(token)
      const found = [...world.tokens].find(([, each]) => each.kind === 'project' && each.id === id)
      if (found === undefined) throw notFound('ProjectToken')
      return world.tokens.delete(found[0])
    },
    sandboxCreate: ({ input }: { input: { environmentId: string } }) => {
      requireEnvironment(world, token, input.environmentId)
      const machine = {
        id: `sbx_${randomBytes(6).toString('hex')}`,
        environmentId: input.environmentId,
        createdAt: now().toISOString(),
        status: 'RUNNING' as const,
      }
      world.sandboxes.set(machine.id, machine)
      return sandboxOf(machine)
    },
    sandboxDestroy: ({ id, environmentId }: { id: string; environmentId: string }) => {
      requireEnvironment(world, token, environmentId)
      const machine = machineOf(world, id, environmentId)
      machine.status = 'DESTROYED'
      return sandboxOf(machine)
    },
  }
}

function projectOf(world: RailwayWorld): Record<string, unknown> {
  return {
    ...world.project,
    environments: edges(world.environments.map(each => ({ ...each, projectId: world.project.id }))),
    services: edges(world.services),
    volumes: ({ first }: { first?: number }) =>
      page(
        [...world.volumes.values()].map(each => volumeOf(world, each)),
        first,
      ),
  }
}

function volumeOf(world: RailwayWorld, volume: Volume): Record<string, unknown> {
  const { id, name, createdAt, instances } = volume
  return {
    id,
    name,
    createdAt,
    projectId: RAILWAY_IDS.project,
    volumeInstances: ({ first }: { first?: number }) =>
      page(
        instances.map(instance => mountOf(world, volume, instance)),
        first,
      ),
  }
}

function mountOf(world: RailwayWorld, volume: Volume, instance: VolumeInstance): Record<string, unknown> {
  return {
    ...instance,
    volumeId: volume.id,
    volume: () => volumeOf(world, volume),
    environment: () => ({
      ...world.environments.find(({ id }) => id === instance.environmentId),
      projectId: world.project.id,
    }),
  }
}

function sandboxOf(machine: object): object {
  return { networkIsolation: 'ISOLATED', region: 'us-west2', idleTimeoutMinutes: 30, ...machine }
}

function instanceOf(world: RailwayWorld, id: string) {
  const instance = [...world.volumes.values()]
    .flatMap(volume => volume.instances)
    .find(each => each.id === id)
  if (instance === undefined) throw notFound('VolumeInstance')
  return instance
}

function machineOf(world: RailwayWorld, id: string, environmentId: string) {
  const machine = world.sandboxes.get(id)
  if (machine === undefined || machine.environmentId !== environmentId) throw notFound('Sandbox')
  return machine
}

function edges<T>(nodes: readonly T[]): { edges: { node: T }[] } {
  return { edges: nodes.map(node => ({ node })) }
}

/** The first of them; whoever asks for fewer than there are is told that there are more. */
function page<T>(nodes: readonly T[], first = nodes.length) {
  const pageInfo = { hasNextPage: nodes.length > first, endCursor: null }
  return { ...edges(nodes.slice(0, first)), pageInfo }
}

function connection<T>(nodes: readonly T[]) {
  return { ...edges(nodes), pageInfo: { hasNextPage: false, endCursor: null } }
}

function requireAccount(token: Token): void {
  if (token.kind !== 'account') throw notAuthorized('a project token may not manage tokens')
}

function requireProject(world: RailwayWorld, id: string): void {
  if (id !== world.project.id) throw notFound('Project')
}

function requireEnvironment(world: RailwayWorld, token: Token, id: string): void {
  if (!world.environments.some(environment => environment.id === id)) throw notFound('Environment')
  if (token.kind === 'project' && token.environmentId !== id)
    throw notAuthorized('the token is for another environment')
}

function notFound(what: string): GraphQLError {
  return new GraphQLError(`${what} not found`, { extensions: { code: 'NOT_FOUND' } })
}

function notAuthorized(why: string): GraphQLError {
  return new GraphQLError(`Not Authorized: ${why}`, { extensions: { code: 'FORBIDDEN' } })
}
