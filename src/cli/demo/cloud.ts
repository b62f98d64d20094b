import { readFileSync } from 'node:fs'
import { AWS_IDS, RAILWAY_IDS } from '../../sandbox/index.js'
import type { SandboxSecrets } from '../sandbox-secrets.js'
import type { Stage } from '../stage.js'
import { call } from './agent.js'
import { type AwsCall, callAws } from './aws-agent.js'

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
  const secrets = secretsOf(stage)
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

/** Asks AWS itself, with the operator's key, whether the databases, snapshots, buckets and the stack are still there. */
export async function accountUntouched(stage: Stage): Promise<boolean> {
  const aws = `http://${stage.loaded.config.sandbox?.aws}`
  const { region, roleArn } = AWS_IDS
  const { accessKeyId, secretAccessKey } = secretsOf(stage).aws
  const operator = { accessKeyId, secretAccessKey, sessionToken: null }
  const assumed = await callAws(
    { aws, region, keys: operator },
    {
      service: 'sts',
      form: { Action: 'AssumeRole', Version: '2011-06-15', RoleArn: roleArn, RoleSessionName: 'operator' },
    },
  )
  const member = (name: string) =>
    new RegExp(`<${name}>([^<]*)</${name}>`).exec(String(assumed.body))?.[1] ?? ''
  const keys = {
    accessKeyId: member('AccessKeyId'),
    secretAccessKey: member('SecretAccessKey'),
    sessionToken: member('SessionToken'),
  }
  const shows = async (what: string, ask: AwsCall) =>
    String((await callAws({ aws, region, keys }, ask)).body).includes(what)
  const rds = (Action: string): AwsCall => ({ service: 'rds', form: { Action, Version: '2014-10-31' } })
  const found = await Promise.all([
    shows(`<DBInstanceIdentifier>${AWS_IDS.stagingDatabase}<`, rds('DescribeDBInstances')),
    shows(`<DBInstanceIdentifier>${AWS_IDS.productionDatabase}<`, rds('DescribeDBInstances')),
    shows(`<DBSnapshotIdentifier>${AWS_IDS.stagingDatabaseSnapshot}<`, rds('DescribeDBSnapshots')),
    shows('<Key>', { service: 's3', method: 'GET', target: `/${AWS_IDS.backupsBucket}?list-type=2` }),
    shows(`<StackName>${AWS_IDS.stack}<`, {
      service: 'cloudformation',
      form: { Action: 'DescribeStacks', Version: '2010-05-15' },
    }),
  ])
  return found.every(Boolean)
}

function secretsOf(stage: Stage): SandboxSecrets {
  return JSON.parse(readFileSync(`${stage.folder}/sandbox/secrets.json`, 'utf8')) as SandboxSecrets
}
