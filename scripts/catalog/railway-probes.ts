import type { CatalogDocument } from '../../src/protocol/index.js'

/*
 * What Railway may be asked about a volume before something is done to it. A volume has no environment of its own: it
 * is mounted in some, by an instance in each, and its backups lie on the instances. There is no query for one volume,
 * so the policy has to say in which project it is.
 */

const VOLUMES =
  'query CountersignVolume($project: String!) { project(id: $project) { volumes(first: 200) { edges { node { id name volumeInstances(first: 100) { edges { node { id environmentId environment { name } } } pageInfo { hasNextPage } } } } } } }'
const INSTANCE =
  'query CountersignVolumeInstance($instance: String!) { volumeInstance(id: $instance) { id environmentId environment { name } volume { name } } }'
const BACKUPS =
  'query CountersignBackups($instance: String!) { volumeInstanceBackupList(volumeInstanceId: $instance) { id name } }'

const VOLUME = 'data.project.volumes.edges.node[id=$id]'
const MOUNT = `${VOLUME}.volumeInstances.edges.node`
const BACKUP = 'data.volumeInstanceBackupList'

const backups = { step: 1, path: `${BACKUP}.name`, or: `${BACKUP}.id`, as: 'list' }

export const RAILWAY_PROBES: NonNullable<CatalogDocument['probes']> = {
  volume: {
    given: ['project'],
    facts: {
      name: 'string',
      environments: { list: 'string' },
      mountedIn: { list: 'string' },
      backups: { list: 'string' },
    },
    about: {
      volume: {
        steps: [
          {
            operation: 'project',
            query: VOLUMES,
            args: { project: { given: 'project' } },
            there: [`${MOUNT}.environmentId`],
            partial: [`${VOLUME}.volumeInstances.pageInfo.hasNextPage`],
          },
          {
            operation: 'volumeInstanceBackupList',
            query: BACKUPS,
            each: { step: 0, path: `${MOUNT}.id` },
            args: { instance: { from: 'each' } },
            there: [BACKUP],
          },
        ],
        facts: {
          name: { step: 0, path: `${VOLUME}.name`, as: 'one' },
          environments: { step: 0, path: `${MOUNT}.environmentId`, as: 'list' },
          mountedIn: { step: 0, path: `${MOUNT}.environment.name`, as: 'list' },
          backups,
        },
      },
      volumeInstance: {
        steps: [
          {
            operation: 'volumeInstance',
            query: INSTANCE,
            args: { instance: { from: 'id' } },
            there: ['data.volumeInstance[id=$id].environmentId'],
          },
          {
            operation: 'volumeInstanceBackupList',
            query: BACKUPS,
            args: { instance: { from: 'id' } },
            there: [BACKUP],
          },
        ],
        facts: {
          name: { step: 0, path: 'data.volumeInstance.volume.name', as: 'one' },
          environments: { step: 0, path: 'data.volumeInstance.environmentId', as: 'list' },
          mountedIn: { step: 0, path: 'data.volumeInstance.environment.name', as: 'list' },
          backups,
        },
      },
    },
  },
}
