import { readFileSync } from 'node:fs'
import { RAILWAY_IDS } from '../../sandbox/index.js'
import type { Stage } from '../stage.js'
import { call } from './agent.js'

interface Project {
  readonly data?: {
    readonly project?: {
      readonly volumes: {
        readonly edges: readonly {
          readonly node: {
            readonly id: string
            readonly volumeInstances: {
              readonly edges: readonly { readonly node: { readonly id: string } }[]
            }
          }
        }[]
      }
    }
  }
}

/** Asks the cloud itself, with the operator's token, whether the volume and its backups are still there. */
export async function volumeSurvived(stage: Stage): Promise<boolean> {
  const secrets = JSON.parse(readFileSync(`${stage.folder}/sandbox/secrets.json`, 'utf8')) as {
    railwayToken: string
  }
  const ask = (query: string) =>
    call(
      `http://${stage.loaded.config.sandbox?.railway}/graphql/v2`,
      { authorization: `Bearer ${secrets.railwayToken}` },
      { query },
    )
  const project = (
    await ask(
      `{ project(id: "${RAILWAY_IDS.project}") { volumes { edges { node { id volumeInstances { edges { node { id } } } } } } } }`,
    )
  ).body as Project
  const volume = project.data?.project?.volumes.edges.find(edge => edge.node.id === RAILWAY_IDS.volume)
  const instances = volume?.node.volumeInstances.edges ?? []
  const backups = await Promise.all(
    instances.map(async ({ node }) => {
      const answer = (await ask(`{ volumeInstanceBackupList(volumeInstanceId: "${node.id}") { id } }`))
        .body as {
        data?: { volumeInstanceBackupList?: readonly unknown[] }
      }
      return answer.data?.volumeInstanceBackupList?.length ?? 0
    }),
  )
  return backups.reduce((sum, count) => sum + count, 0) === 3
}
