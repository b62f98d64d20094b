import type { CatalogDocument } from '../../src/protocol/index.js'

/*
 * What AWS may be asked about the resources whose loss is worst: tags, deletion protection, size and the newest
 * snapshot. The first half of a probe's name is the service that is asked, so that a policy takes along those of the
 * services that it names.
 */

const name = { from: 'name' }
const tags = (step: number, path: string) => ({ step, path, as: 'map' })
const newest = (step: number, path: string) => ({ step, path, as: 'newest', optional: true })
const one = (path: string) => ({ step: 0, path, as: 'one' })

/** Instances and clusters of RDS are described alike. */
function database(kind: 'DBInstance' | 'DBCluster') {
  const snapshots = kind === 'DBInstance' ? 'DBSnapshot' : 'DBClusterSnapshot'
  const [described, listed] = [`Describe${kind}sResult`, `Describe${snapshots}sResult`]
  const it = `${described}.${kind}s.${kind}[${kind}Identifier=$name]`
  const snapshot = `${listed}.${snapshots}s.${snapshots}`
  const args = { [`${kind}Identifier`]: name }
  return {
    steps: [
      { operation: `rds:Describe${kind}s`, args, there: [`${it}.${kind}Identifier`] },
      { operation: `rds:Describe${snapshots}s`, args, there: [listed], partial: [`${listed}.Marker`] },
    ],
    facts: {
      tags: tags(0, `${it}.TagList.Tag`),
      deletionProtection: one(`${it}.DeletionProtection`),
      sizeGib: one(`${it}.AllocatedStorage`),
      lastSnapshot: newest(1, `${snapshot}.SnapshotCreateTime`),
      snapshots: { step: 1, path: `${snapshot}.${snapshots}Identifier`, as: 'list' },
    },
  }
}

const VOLUME = 'volumeSet.item[volumeId=$name]'
const INSTANCE = 'reservationSet.item.instancesSet.item[instanceId=$name]'

export const AWS_PROBES: NonNullable<CatalogDocument['probes']> = {
  'rds:db': {
    facts: {
      tags: { map: 'string' },
      deletionProtection: 'bool',
      sizeGib: 'int',
      lastSnapshot: 'string',
      snapshots: { list: 'string' },
    },
    about: { db: database('DBInstance'), cluster: database('DBCluster') },
  },
  'ec2:volume': {
    facts: {
      tags: { map: 'string' },
      sizeGib: 'int',
      attachedTo: { list: 'string' },
      lastSnapshot: 'string',
      snapshots: { list: 'string' },
    },
    about: {
      volume: {
        steps: [
          {
            operation: 'ec2:DescribeVolumes',
            args: { VolumeIds: { list: [name] } },
            there: [`${VOLUME}.volumeId`],
          },
          {
            operation: 'ec2:DescribeSnapshots',
            args: {
              OwnerIds: { list: [{ value: 'self' }] },
              Filters: { list: [{ fields: { Name: { value: 'volume-id' }, Values: { list: [name] } } }] },
            },
            there: ['snapshotSet'],
            partial: ['nextToken'],
          },
        ],
        facts: {
          tags: tags(0, `${VOLUME}.tagSet.item`),
          sizeGib: one(`${VOLUME}.size`),
          attachedTo: { step: 0, path: `${VOLUME}.attachmentSet.item.instanceId`, as: 'list' },
          lastSnapshot: newest(1, 'snapshotSet.item.startTime'),
          snapshots: { step: 1, path: 'snapshotSet.item.snapshotId', as: 'list' },
        },
      },
    },
  },
  'ec2:instance': {
    facts: {
      tags: { map: 'string' },
      state: 'string',
      instanceType: 'string',
      volumes: { list: 'string' },
      volumesDeleted: { list: 'string' },
    },
    about: {
      instance: {
        steps: [
          {
            operation: 'ec2:DescribeInstances',
            args: { InstanceIds: { list: [name] } },
            there: [`${INSTANCE}.instanceId`],
          },
        ],
        facts: {
          tags: tags(0, `${INSTANCE}.tagSet.item`),
          state: one(`${INSTANCE}.instanceState.name`),
          instanceType: one(`${INSTANCE}.instanceType`),
          volumes: { step: 0, path: `${INSTANCE}.blockDeviceMapping.item.ebs.volumeId`, as: 'list' },
          volumesDeleted: {
            step: 0,
            path: `${INSTANCE}.blockDeviceMapping.item.ebs[deleteOnTermination=true].volumeId`,
            as: 'list',
          },
        },
      },
    },
  },
  'dynamodb:table': {
    facts: {
      tags: { map: 'string' },
      deletionProtection: 'bool',
      sizeBytes: 'int',
      items: 'int',
      pointInTimeRecovery: 'string',
      lastSnapshot: 'string',
    },
    about: {
      table: {
        steps: [
          {
            operation: 'dynamodb:DescribeTable',
            args: { TableName: name },
            there: ['Table[TableName=$name].TableArn'],
          },
          {
            operation: 'dynamodb:ListTagsOfResource',
            args: { ResourceArn: { from: 'id' } },
            there: ['Tags'],
            partial: ['NextToken'],
          },
          {
            operation: 'dynamodb:DescribeContinuousBackups',
            args: { TableName: name },
            there: ['ContinuousBackupsDescription'],
          },
          {
            operation: 'dynamodb:ListBackups',
            args: { TableName: name },
            there: ['BackupSummaries'],
            partial: ['LastEvaluatedBackupArn'],
          },
        ],
        facts: {
          tags: tags(1, 'Tags'),
          deletionProtection: one('Table.DeletionProtectionEnabled'),
          sizeBytes: one('Table.TableSizeBytes'),
          items: one('Table.ItemCount'),
          pointInTimeRecovery: {
            step: 2,
            path: 'ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus',
            as: 'one',
            optional: true,
          },
          lastSnapshot: newest(3, 'BackupSummaries.BackupCreationDateTime'),
        },
      },
    },
  },
  's3:bucket': {
    facts: { tags: { map: 'string' }, versioning: 'string', holdsObjects: 'bool' },
    about: {
      bucket: {
        steps: [
          {
            operation: 's3:ListObjectsV2',
            args: { Bucket: name, MaxKeys: { value: 1 } },
            there: ['KeyCount'],
          },
          // A bucket without tags answers that there is no set of them.
          { operation: 's3:GetBucketTagging', args: { Bucket: name }, none: [404] },
          { operation: 's3:GetBucketVersioning', args: { Bucket: name } },
        ],
        facts: {
          tags: tags(1, 'TagSet.Tag'),
          versioning: { step: 2, path: 'Status', as: 'one', optional: true },
          holdsObjects: { step: 0, path: 'Contents.Key', as: 'some' },
        },
      },
    },
  },
}
