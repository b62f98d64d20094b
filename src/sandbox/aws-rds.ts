import type { AwsCall, Need } from './aws-call.js'
import type { PlainValue } from './aws-dialect.js'
import type { AwsInput } from './aws-input.js'
import { AwsRefusal } from './aws-refusal.js'
import { type RpcOperation, rpcService } from './aws-rpc.js'
import { type AwsWorld, arnOf, type DbInstance, type DbSnapshot } from './aws-world.js'

const operations: Readonly<Record<string, RpcOperation>> = {
  DescribeDBInstances: {
    needs: (input, { world }) => onDatabase(world, 'rds:DescribeDBInstances', nameOf(input) ?? '*'),
    run: (input, { world }) => {
      refuseFilters(input)
      const id = nameOf(input)
      const found = id === undefined ? [...world.databases.values()] : [databaseOf(world, id)]
      return { DBInstances: { DBInstance: found.map(each => databaseXml(world, each)) } }
    },
  },
  DescribeDBSnapshots: {
    needs: (input, { world }) => {
      const [action, database] = ['rds:DescribeDBSnapshots', nameOf(input)]
      if (input.has('DBSnapshotIdentifier')) return onSnapshot(world, action, snapshotName(input))
      return database === undefined ? onSnapshot(world, action, '*') : onDatabase(world, action, database)
    },
    run: describeSnapshots,
  },
  CreateDBSnapshot: {
    needs: (input, { world }) => [
      ...onDatabase(world, 'rds:CreateDBSnapshot', requiredName(input)),
      ...onSnapshot(world, 'rds:CreateDBSnapshot', snapshotName(input)),
    ],
    run: (input, call) => {
      const database = databaseOf(call.world, requiredName(input))
      const snapshot = takeSnapshot(call, database, snapshotName(input), 'manual')
      return { DBSnapshot: snapshotXml(call.world, snapshot) }
    },
  },
  DeleteDBSnapshot: {
    needs: (input, { world }) => onSnapshot(world, 'rds:DeleteDBSnapshot', snapshotName(input)),
    run: (input, { world }) => {
      const snapshot = snapshotOf(world, snapshotName(input))
      if (snapshot.kind === 'automated')
        throw new AwsRefusal('InvalidDBSnapshotState', 'Automated snapshots can not be deleted by hand.')
      world.databaseSnapshots.delete(snapshot.id)
      return { DBSnapshot: { ...snapshotXml(world, snapshot), Status: 'deleted' } }
    },
  },
  ModifyDBInstance: {
    needs: (input, { world }) => onDatabase(world, 'rds:ModifyDBInstance', requiredName(input)),
    run: modify,
  },
  RebootDBInstance: {
    needs: (input, { world }) => onDatabase(world, 'rds:RebootDBInstance', requiredName(input)),
    run: (input, { world }) => ({
      DBInstance: {
        ...databaseXml(world, databaseOf(world, requiredName(input))),
        DBInstanceStatus: 'rebooting',
      },
    }),
  },
  DeleteDBInstance: {
    needs: (input, { world }) => [
      ...onDatabase(world, 'rds:DeleteDBInstance', requiredName(input)),
      ...(input.has('FinalDBSnapshotIdentifier')
        ? onSnapshot(world, 'rds:CreateDBSnapshot', input.required('FinalDBSnapshotIdentifier').toLowerCase())
        : []),
    ],
    run: deleteInstance,
  },
}

/** Databases with their automated backups and manual snapshots. */
export const rdsService = rpcService({
  name: 'rds',
  regional: true,
  form: { dialect: 'query', xmlns: 'http://rds.amazonaws.com/doc/2014-10-31/', version: '2014-10-31' },
  target: null,
  operations,
})

/** Deletes a database and its automated backups. Throws `AwsRefusal` while it is protected. */
export function removeDatabase(world: AwsWorld, database: DbInstance, keepBackups = false): void {
  if (database.isProtected)
    throw new AwsRefusal(
      'InvalidParameterCombination',
      'Cannot delete protected DB Instance, please disable deletion protection and try again.',
    )
  world.databases.delete(database.id)
  for (const snapshot of world.databaseSnapshots.values())
    if (snapshot.instanceId === database.id && snapshot.kind === 'automated' && !keepBackups)
      world.databaseSnapshots.delete(snapshot.id)
}

function deleteInstance(input: AwsInput, call: AwsCall) {
  const { world } = call
  const database = databaseOf(world, requiredName(input))
  const skip = input.flag('SkipFinalSnapshot') ?? false
  const finalName = input.text('FinalDBSnapshotIdentifier')?.toLowerCase()
  if (skip === (finalName !== undefined))
    throw new AwsRefusal(
      'InvalidParameterCombination',
      'FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified, and not allowed with it.',
    )
  if (finalName !== undefined && world.databaseSnapshots.has(finalName)) throw snapshotExists(finalName)
  removeDatabase(world, database, input.flag('DeleteAutomatedBackups') === false)
  if (finalName !== undefined) takeSnapshot(call, database, finalName, 'manual')
  return { DBInstance: { ...databaseXml(world, database), DBInstanceStatus: 'deleting' } }
}

function modify(input: AwsInput, { world }: AwsCall) {
  input.takesOnly('DBInstanceIdentifier', 'BackupRetentionPeriod', 'DeletionProtection', 'ApplyImmediately')
  const database = databaseOf(world, requiredName(input))
  const days = input.integer('BackupRetentionPeriod')
  if (days !== undefined && (days < 0 || days > 35))
    throw new AwsRefusal(
      'InvalidParameterValue',
      'Invalid backup retention period: it must be between 0 and 35',
    )
  if (days !== undefined) database.backupRetentionDays = days
  database.isProtected = input.flag('DeletionProtection') ?? database.isProtected
  if (days === 0) {
    // Switching backups off deletes those there are.
    for (const snapshot of world.databaseSnapshots.values())
      if (snapshot.instanceId === database.id && snapshot.kind === 'automated')
        world.databaseSnapshots.delete(snapshot.id)
  }
  return { DBInstance: databaseXml(world, database) }
}

function describeSnapshots(input: AwsInput, { world }: AwsCall) {
  refuseFilters(input)
  const kind = input.text('SnapshotType')
  const database = nameOf(input)
  const chosen = input.has('DBSnapshotIdentifier')
    ? [snapshotOf(world, snapshotName(input))]
    : [...world.databaseSnapshots.values()]
  const found = chosen
    .filter(each => database === undefined || each.instanceId === database)
    .filter(each => kind === undefined || each.kind === kind)
  return { DBSnapshots: { DBSnapshot: found.map(each => snapshotXml(world, each)) } }
}

function takeSnapshot(
  { world, now }: AwsCall,
  database: DbInstance,
  id: string,
  kind: DbSnapshot['kind'],
): DbSnapshot {
  if (!/^[a-z](?:-?[a-z0-9]){0,254}$/.test(id))
    throw new AwsRefusal(
      'InvalidParameterValue',
      'The parameter DBSnapshotIdentifier is not a valid identifier.',
    )
  if (world.databaseSnapshots.has(id)) throw snapshotExists(id)
  const { engine, engineVersion, storageGib } = database
  const snapshot = { id, instanceId: database.id, kind, engine, engineVersion, storageGib, createdAt: now() }
  world.databaseSnapshots.set(id, snapshot)
  return snapshot
}

function databaseXml(world: AwsWorld, database: DbInstance): Readonly<Record<string, PlainValue>> {
  return {
    DBInstanceIdentifier: database.id,
    DBInstanceClass: database.class,
    Engine: database.engine,
    EngineVersion: database.engineVersion,
    DBInstanceStatus: database.status,
    MasterUsername: 'app',
    Endpoint: { Address: `${database.id}.c1.${world.region}.rds.amazonaws.com`, Port: 5432 },
    AllocatedStorage: database.storageGib,
    InstanceCreateTime: database.createdAt,
    BackupRetentionPeriod: database.backupRetentionDays,
    DeletionProtection: database.isProtected,
    MultiAZ: false,
    PubliclyAccessible: false,
    StorageEncrypted: true,
    DBInstanceArn: arnOf(world, 'rds', `db:${database.id}`),
    TagList: { Tag: [...database.tags].map(([Key, Value]) => ({ Key, Value })) },
  }
}

function snapshotXml(world: AwsWorld, snapshot: DbSnapshot): Readonly<Record<string, PlainValue>> {
  return {
    DBSnapshotIdentifier: snapshot.id,
    DBInstanceIdentifier: snapshot.instanceId,
    SnapshotCreateTime: snapshot.createdAt,
    Engine: snapshot.engine,
    EngineVersion: snapshot.engineVersion,
    AllocatedStorage: snapshot.storageGib,
    Status: 'available',
    SnapshotType: snapshot.kind,
    Encrypted: true,
    PercentProgress: 100,
    DBSnapshotArn: arnOf(world, 'rds', `snapshot:${snapshot.id}`),
  }
}

function onDatabase(world: AwsWorld, action: string, id: string): Need[] {
  return [{ action, resources: [arnOf(world, 'rds', `db:${id}`)] }]
}

function onSnapshot(world: AwsWorld, action: string, id: string): Need[] {
  return [{ action, resources: [arnOf(world, 'rds', `snapshot:${id}`)] }]
}

/** RDS keeps names in lower case, and takes an ARN for a name where it describes. */
function nameOf(input: AwsInput): string | undefined {
  return input
    .text('DBInstanceIdentifier')
    ?.replace(/^arn:[^:]+:rds:[^:]*:[^:]*:db:/, '')
    .toLowerCase()
}

function requiredName(input: AwsInput): string {
  return input.required('DBInstanceIdentifier').toLowerCase()
}

function snapshotName(input: AwsInput): string {
  return input.required('DBSnapshotIdentifier').toLowerCase()
}

function databaseOf(world: AwsWorld, id: string): DbInstance {
  const database = world.databases.get(id)
  if (database === undefined) throw new AwsRefusal('DBInstanceNotFound', `DBInstance ${id} not found.`, 404)
  return database
}

function snapshotOf(world: AwsWorld, id: string): DbSnapshot {
  const snapshot = world.databaseSnapshots.get(id)
  if (snapshot === undefined) throw new AwsRefusal('DBSnapshotNotFound', `DBSnapshot ${id} not found.`, 404)
  return snapshot
}

function snapshotExists(id: string): AwsRefusal {
  return new AwsRefusal('DBSnapshotAlreadyExists', `Cannot create the snapshot because ${id} already exists.`)
}

/** A filter that isn't applied would answer with more than was asked for. */
function refuseFilters(input: AwsInput): void {
  if (input.list('Filters').length > 0)
    throw new AwsRefusal('InvalidParameterValue', 'This stand-in takes no filters.')
}
