import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  CreateDBSnapshotCommand,
  DeleteDBInstanceCommand,
  DeleteDBSnapshotCommand,
  DescribeDBInstancesCommand,
  DescribeDBSnapshotsCommand,
  ModifyDBInstanceCommand,
  RDSClient,
  RebootDBInstanceCommand,
} from '@aws-sdk/client-rds'
import { AWS_IDS } from '../../src/sandbox/index.js'
import { type Account, account, allowing, refusal } from './aws-account.js'

const DBInstanceIdentifier = AWS_IDS.stagingDatabase

function snapshotsOf(aws: Account, database: string): string[] {
  return [...aws.world.databaseSnapshots.values()]
    .filter(each => each.instanceId === database)
    .map(each => each.kind)
}

describe('RDS of the AWS stand-in', () => {
  test('describes databases and their snapshots', async t => {
    const aws = await account(t)
    const rds = new RDSClient(aws.options(await aws.assume(allowing('rds:Describe*'))))
    const { DBInstances } = await rds.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier }))
    assert.equal(DBInstances?.[0]?.DBInstanceArn, 'arn:aws:rds:eu-west-1:111122223333:db:orders-staging')
    assert.equal(DBInstances?.[0]?.Endpoint?.Port, 5432)
    assert.equal(DBInstances?.[0]?.DeletionProtection, false)
    const automated = await rds.send(
      new DescribeDBSnapshotsCommand({ DBInstanceIdentifier, SnapshotType: 'automated' }),
    )
    assert.equal(automated.DBSnapshots?.length, 2)
    assert.equal((await rds.send(new DescribeDBInstancesCommand({}))).DBInstances?.length, 2)
    const missing = rds.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: 'gone' }))
    assert.deepEqual(await refusal(missing).then(({ code, status }) => [code, status]), [
      'DBInstanceNotFoundFault',
      404,
    ])
    const filtered = rds.send(
      new DescribeDBInstancesCommand({ Filters: [{ Name: 'engine', Values: ['x'] }] }),
    )
    assert.equal((await refusal(filtered)).code, 'InvalidParameterValue')
  })

  test('loses the automated backups with the database, and keeps the manual snapshots', async t => {
    const aws = await account(t)
    const rds = new RDSClient(aws.options(await aws.assume(allowing('rds:*'))))
    const undecided = rds.send(new DeleteDBInstanceCommand({ DBInstanceIdentifier }))
    assert.equal((await refusal(undecided)).code, 'InvalidParameterCombination')
    const { DBInstance } = await rds.send(
      new DeleteDBInstanceCommand({ DBInstanceIdentifier, SkipFinalSnapshot: true }),
    )
    assert.equal(DBInstance?.DBInstanceStatus, 'deleting')
    assert.ok(!aws.world.databases.has(DBInstanceIdentifier))
    assert.deepEqual(snapshotsOf(aws, DBInstanceIdentifier), ['manual'])
    assert.equal(snapshotsOf(aws, AWS_IDS.productionDatabase).length, 2)
  })

  test('takes a final snapshot, for which another permission is needed', async t => {
    const aws = await account(t)
    const order = { DBInstanceIdentifier, FinalDBSnapshotIdentifier: 'orders-staging-final' }
    const deletion = new DeleteDBInstanceCommand(order)
    const narrow = new RDSClient(aws.options(await aws.assume(allowing('rds:DeleteDBInstance'))))
    assert.equal((await refusal(narrow.send(deletion))).code, 'AccessDenied')
    assert.ok(aws.world.databases.has(DBInstanceIdentifier))
    const policy = allowing(['rds:DeleteDBInstance', 'rds:CreateDBSnapshot'])
    await new RDSClient(aws.options(await aws.assume(policy))).send(deletion)
    assert.ok(!aws.world.databases.has(DBInstanceIdentifier))
    assert.equal(aws.world.databaseSnapshots.get('orders-staging-final')?.kind, 'manual')
  })

  test('refuses to delete a protected database until its protection is off', async t => {
    const aws = await account(t)
    const rds = new RDSClient(aws.options(await aws.assume(allowing('rds:*'))))
    const protect = (DeletionProtection: boolean) =>
      rds.send(new ModifyDBInstanceCommand({ DBInstanceIdentifier, DeletionProtection }))
    const remove = () =>
      rds.send(new DeleteDBInstanceCommand({ DBInstanceIdentifier, SkipFinalSnapshot: true }))
    assert.equal((await protect(true)).DBInstance?.DeletionProtection, true)
    assert.equal((await refusal(remove())).code, 'InvalidParameterCombination')
    assert.equal(snapshotsOf(aws, DBInstanceIdentifier).length, 3)
    await protect(false)
    await remove()
  })

  test('takes and deletes snapshots, and drops the automated ones when backups are switched off', async t => {
    const aws = await account(t)
    const rds = new RDSClient(aws.options(await aws.assume(allowing('rds:*'))))
    await rds.send(new RebootDBInstanceCommand({ DBInstanceIdentifier }))
    const again = { DBInstanceIdentifier, DBSnapshotIdentifier: AWS_IDS.stagingDatabaseSnapshot }
    assert.equal(
      (await refusal(rds.send(new CreateDBSnapshotCommand(again)))).code,
      'DBSnapshotAlreadyExistsFault',
    )
    await rds.send(new CreateDBSnapshotCommand({ ...again, DBSnapshotIdentifier: 'by-hand' }))
    await rds.send(new DeleteDBSnapshotCommand({ DBSnapshotIdentifier: 'by-hand' }))
    await rds.send(new ModifyDBInstanceCommand({ DBInstanceIdentifier, BackupRetentionPeriod: 0 }))
    assert.deepEqual(snapshotsOf(aws, DBInstanceIdentifier), ['manual'])
  })
})
