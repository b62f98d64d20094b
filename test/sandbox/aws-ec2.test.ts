import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  CreateSnapshotCommand,
  CreateTagsCommand,
  DeleteSnapshotCommand,
  DeleteVolumeCommand,
  DescribeInstancesCommand,
  DescribeRegionsCommand,
  DescribeSnapshotsCommand,
  DescribeVolumesCommand,
  EC2Client,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2'
import { AWS_IDS } from '../../src/sandbox/index.js'
import { account, allowing, refusal } from './aws-account.js'

const { stagingInstance, stagingRootVolume, stagingDataVolume, spareVolume, stagingSnapshot } = AWS_IDS

describe('EC2 of the AWS stand-in', () => {
  test('describes instances, volumes and snapshots by id and by tag', async t => {
    const aws = await account(t)
    const ec2 = new EC2Client(aws.options(await aws.assume(allowing('ec2:Describe*'))))
    const all = await ec2.send(
      new DescribeInstancesCommand({ Filters: [{ Name: 'tag:environment', Values: ['stag*'] }] }),
    )
    const instances = (all.Reservations ?? []).flatMap(each => each.Instances ?? [])
    assert.deepEqual(
      instances.map(each => [each.InstanceId, each.State?.Name]),
      [
        [stagingInstance, 'running'],
        [AWS_IDS.secondStagingInstance, 'running'],
      ],
    )
    assert.ok(instances[0]?.LaunchTime instanceof Date)
    assert.deepEqual(
      instances[0]?.BlockDeviceMappings?.map(each => [each.Ebs?.VolumeId, each.Ebs?.DeleteOnTermination]),
      [
        [stagingRootVolume, true],
        [stagingDataVolume, false],
      ],
    )
    const { Volumes } = await ec2.send(
      new DescribeVolumesCommand({ VolumeIds: [stagingDataVolume, spareVolume] }),
    )
    assert.deepEqual(
      Volumes?.map(each => [each.VolumeId, each.State, each.Attachments?.[0]?.InstanceId]),
      [
        [stagingDataVolume, 'in-use', stagingInstance],
        [spareVolume, 'available', undefined],
      ],
    )
    const { Snapshots } = await ec2.send(new DescribeSnapshotsCommand({ OwnerIds: ['self'] }))
    assert.deepEqual(
      Snapshots?.map(each => each.SnapshotId),
      [stagingSnapshot],
    )
    const strange = ec2.send(new DescribeVolumesCommand({ Filters: [{ Name: 'kms-key', Values: ['x'] }] }))
    assert.equal((await refusal(strange)).code, 'InvalidParameterValue')
    const missing = ec2.send(new DescribeInstancesCommand({ InstanceIds: ['i-0gone'] }))
    assert.equal((await refusal(missing)).code, 'InvalidInstanceID.NotFound')
  })

  test('takes along the volumes that are to die with a terminated instance', async t => {
    const aws = await account(t)
    const ec2 = new EC2Client(aws.options(await aws.assume(allowing('ec2:*'))))
    const missing = new TerminateInstancesCommand({ InstanceIds: [stagingInstance, 'i-0gone'] })
    assert.equal((await refusal(ec2.send(missing))).code, 'InvalidInstanceID.NotFound')
    const rehearsal = new TerminateInstancesCommand({ InstanceIds: [stagingInstance], DryRun: true })
    assert.equal((await refusal(ec2.send(rehearsal))).code, 'DryRunOperation')
    assert.equal(aws.world.instances.get(stagingInstance)?.state, 'running')
    const { TerminatingInstances } = await ec2.send(
      new TerminateInstancesCommand({ InstanceIds: [stagingInstance] }),
    )
    assert.deepEqual(TerminatingInstances?.[0]?.PreviousState, { Code: 16, Name: 'running' })
    assert.equal(TerminatingInstances?.[0]?.CurrentState?.Name, 'terminated')
    assert.ok(!aws.world.volumes.has(stagingRootVolume))
    assert.ok(aws.world.volumes.has(stagingDataVolume))
    const start = ec2.send(new StartInstancesCommand({ InstanceIds: [stagingInstance] }))
    assert.equal((await refusal(start)).code, 'IncorrectInstanceState')
    await ec2.send(new DeleteVolumeCommand({ VolumeId: stagingDataVolume }))
    assert.ok(!aws.world.volumes.has(stagingDataVolume))
  })

  test('stops and starts, tags, takes snapshots and refuses to delete a volume in use', async t => {
    const aws = await account(t)
    const ec2 = new EC2Client(aws.options(await aws.assume(allowing('ec2:*'))))
    await ec2.send(new StopInstancesCommand({ InstanceIds: [stagingInstance] }))
    assert.equal(aws.world.instances.get(stagingInstance)?.state, 'stopped')
    await ec2.send(new StartInstancesCommand({ InstanceIds: [stagingInstance] }))
    assert.equal(aws.world.instances.get(stagingInstance)?.state, 'running')
    const inUse = ec2.send(new DeleteVolumeCommand({ VolumeId: stagingDataVolume }))
    assert.equal((await refusal(inUse)).code, 'VolumeInUse')
    const Tags = [{ Key: 'owner', Value: 'ana & co' }]
    await ec2.send(new CreateTagsCommand({ Resources: [stagingInstance, spareVolume], Tags }))
    assert.equal(aws.world.volumes.get(spareVolume)?.tags.get('owner'), 'ana & co')
    const made = await ec2.send(
      new CreateSnapshotCommand({
        VolumeId: stagingDataVolume,
        TagSpecifications: [{ ResourceType: 'snapshot', Tags }],
      }),
    )
    assert.equal(made.VolumeSize, 100)
    assert.equal(made.Tags?.[0]?.Value, 'ana & co')
    await ec2.send(new DeleteSnapshotCommand({ SnapshotId: stagingSnapshot }))
    assert.deepEqual([...aws.world.snapshots.keys()], [made.SnapshotId])
  })

  test('runs instances, with the tags for which there is a permission of their own', async t => {
    const aws = await account(t)
    const order = {
      ImageId: 'ami-0debian12',
      InstanceType: 't3.micro' as const,
      MinCount: 1,
      MaxCount: 2,
      TagSpecifications: [
        { ResourceType: 'instance' as const, Tags: [{ Key: 'environment', Value: 'staging' }] },
      ],
    }
    const untagged = new EC2Client(aws.options(await aws.assume(allowing('ec2:RunInstances'))))
    assert.equal((await refusal(untagged.send(new RunInstancesCommand(order)))).code, 'UnauthorizedOperation')
    assert.equal(aws.world.instances.size, 3)
    const policy = allowing(['ec2:RunInstances', 'ec2:CreateTags'])
    const ec2 = new EC2Client(aws.options(await aws.assume(policy)))
    const { Instances } = await ec2.send(new RunInstancesCommand(order))
    assert.equal(Instances?.length, 2)
    assert.equal(
      aws.world.instances.get(Instances?.[0]?.InstanceId ?? '')?.tags.get('environment'),
      'staging',
    )
  })

  test('knows no other operation', async t => {
    const aws = await account(t)
    const ec2 = new EC2Client(aws.options(await aws.assume()))
    assert.equal((await refusal(ec2.send(new DescribeRegionsCommand({})))).code, 'InvalidAction')
  })
})
