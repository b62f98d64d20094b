import { randomBytes } from 'node:crypto'
import type { AwsCall, Need } from './aws-call.js'
import { matchesFilters } from './aws-ec2-filters.js'
import { items, reservationXml, snapshotXml, stateXml, volumeStateOf, volumeXml } from './aws-ec2-xml.js'
import type { AwsInput } from './aws-input.js'
import { AwsRefusal } from './aws-refusal.js'
import { type RpcOperation, rpcService } from './aws-rpc.js'
import { type AwsWorld, arnOf, type Disk, type Ec2Instance, type Tags } from './aws-world.js'

const operations: Readonly<Record<string, RpcOperation>> = {
  DescribeInstances: {
    needs: anywhere('ec2:DescribeInstances'),
    run: (input, { world }) => {
      const chosen = choose(world.instances, input.texts('InstanceId'), missingInstance)
      const found = chosen.filter(instance =>
        matchesFilters(input, {
          'instance-id': [instance.id],
          'instance-type': [instance.type],
          'instance-state-name': [instance.state],
          'private-ip-address': [instance.privateAddress],
          tags: instance.tags,
        }),
      )
      return { reservationSet: items(found.map(each => reservationXml(world, [each]))) }
    },
  },
  DescribeVolumes: {
    needs: anywhere('ec2:DescribeVolumes'),
    run: (input, { world }) => {
      const chosen = choose(world.volumes, input.texts('VolumeId'), missingVolume)
      const found = chosen.filter(volume =>
        matchesFilters(input, {
          'volume-id': [volume.id],
          status: [volumeStateOf(world, volume.id)],
          'attachment.instance-id': holdersOf(world, volume.id).map(([instance]) => instance.id),
          'snapshot-id': volume.snapshotId === null ? [] : [volume.snapshotId],
          tags: volume.tags,
        }),
      )
      return { volumeSet: items(found.map(each => volumeXml(world, each))) }
    },
  },
  DescribeSnapshots: {
    needs: anywhere('ec2:DescribeSnapshots'),
    run: (input, { world }) => {
      const owners = input.texts('Owner')
      const chosen = choose(world.snapshots, input.texts('SnapshotId'), missingSnapshot)
      const found = chosen.filter(snapshot =>
        matchesFilters(input, {
          'snapshot-id': [snapshot.id],
          'volume-id': [snapshot.volumeId],
          'owner-id': [world.account],
          status: ['completed'],
          tags: snapshot.tags,
        }),
      )
      const own = owners.length === 0 || owners.includes('self') || owners.includes(world.account)
      return { snapshotSet: items(own ? found.map(each => snapshotXml(world, each)) : []) }
    },
  },
  TerminateInstances: {
    needs: onInstances('ec2:TerminateInstances'),
    run: (input, { world }) => changeState(input, world, terminate),
  },
  StopInstances: {
    needs: onInstances('ec2:StopInstances'),
    run: (input, { world }) =>
      changeState(input, world, (_world, instance) => {
        instance.state = 'stopped'
      }),
  },
  StartInstances: {
    needs: onInstances('ec2:StartInstances'),
    run: (input, { world }) =>
      changeState(input, world, (_world, instance) => {
        instance.state = 'running'
      }),
  },
  RunInstances: { needs: runNeeds, run: runInstances },
  DeleteVolume: {
    needs: (input, { world }) => [
      {
        action: 'ec2:DeleteVolume',
        resources: [arnOf(world, 'ec2', `volume/${input.required('VolumeId')}`)],
      },
    ],
    run: (input, { world }) => {
      const id = input.required('VolumeId')
      if (!world.volumes.has(id)) throw missingVolume(id)
      const holder = holdersOf(world, id)[0]?.[0]
      if (holder !== undefined)
        throw new AwsRefusal('VolumeInUse', `Volume ${id} is currently attached to ${holder.id}`)
      world.volumes.delete(id)
      return { return: true }
    },
  },
  CreateSnapshot: {
    needs: (input, { world }) => [
      {
        action: 'ec2:CreateSnapshot',
        resources: [arnOf(world, 'ec2', `volume/${input.required('VolumeId')}`), snapshotArn(world, '*')],
      },
      ...tagNeeds(input, [snapshotArn(world, '*')]),
    ],
    run: createSnapshot,
  },
  DeleteSnapshot: {
    needs: (input, { world }) => [
      { action: 'ec2:DeleteSnapshot', resources: [snapshotArn(world, input.required('SnapshotId'))] },
    ],
    run: (input, { world }) => {
      const id = input.required('SnapshotId')
      if (!world.snapshots.delete(id)) throw missingSnapshot(id)
      return { return: true }
    },
  },
  CreateTags: {
    needs: (input, { world }) => [
      {
        action: 'ec2:CreateTags',
        resources: required(input, 'ResourceId').map(id => taggable(world, id).arn),
      },
    ],
    run: (input, { world }) => {
      const targets = required(input, 'ResourceId').map(id => taggable(world, id))
      for (const { tags, refusal } of targets) if (tags === undefined) throw refusal
      for (const tag of input.list('Tag'))
        for (const { tags } of targets) tags?.set(tag.required('Key'), tag.text('Value') ?? '')
      return { return: true }
    },
  },
}

/** Instances, volumes, snapshots and their tags. */
export const ec2Service = rpcService({
  name: 'ec2',
  regional: true,
  form: { dialect: 'ec2', xmlns: 'http://ec2.amazonaws.com/doc/2016-11-15/', version: '2016-11-15' },
  target: null,
  operations,
})

/** Describing knows no resource: a policy allows it on `*` or not at all. */
function anywhere(action: string): RpcOperation['needs'] {
  return () => [{ action, resources: ['*'] }]
}

function onInstances(action: string): RpcOperation['needs'] {
  return (input, { world }) => [
    { action, resources: required(input, 'InstanceId').map(id => arnOf(world, 'ec2', `instance/${id}`)) },
  ]
}

/** All of them change or, when one can't, none. */
function changeState(
  input: AwsInput,
  world: AwsWorld,
  change: (world: AwsWorld, instance: Ec2Instance) => void,
) {
  const chosen = choose(world.instances, required(input, 'InstanceId'), missingInstance)
  for (const instance of chosen) {
    if (change === terminate && instance.isProtected)
      throw new AwsRefusal(
        'OperationNotPermitted',
        `The instance '${instance.id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.`,
      )
    if (change !== terminate && instance.state === 'terminated')
      throw new AwsRefusal(
        'IncorrectInstanceState',
        `The instance '${instance.id}' is not in a state from which it can be started or stopped.`,
      )
  }
  const changes = chosen.map(instance => {
    const previousState = stateXml(instance.state)
    change(world, instance)
    return { instanceId: instance.id, currentState: stateXml(instance.state), previousState }
  })
  return { instancesSet: items(changes) }
}

function terminate(world: AwsWorld, instance: Ec2Instance): void {
  for (const disk of instance.disks) if (disk.deleteOnTermination) world.volumes.delete(disk.volumeId)
  instance.disks.length = 0
  instance.state = 'terminated'
}

function runNeeds(input: AwsInput, { world }: AwsCall): Need[] {
  const image = `arn:aws:ec2:${world.region}::image/${input.required('ImageId')}`
  const made = ['instance/*', 'volume/*', 'network-interface/*'].map(each => arnOf(world, 'ec2', each))
  const joined = ['subnet/*', 'security-group/*'].map(each => arnOf(world, 'ec2', each))
  return [
    { action: 'ec2:RunInstances', resources: [image, ...made, ...joined] },
    ...tagNeeds(input, [arnOf(world, 'ec2', 'instance/*')]),
  ]
}

function runInstances(input: AwsInput, { world, now }: AwsCall) {
  input.takesOnly(
    'ImageId',
    'InstanceType',
    'MinCount',
    'MaxCount',
    'TagSpecification',
    'DisableApiTermination',
    'ClientToken',
    'DryRun',
  )
  const count = input.integer('MaxCount') ?? 1
  if (count < 1 || count > 20)
    throw new AwsRefusal('InvalidParameterValue', 'This stand-in starts 1 to 20 instances at once.')
  const zone = `${world.region}a`
  const started = Array.from({ length: count }, () => {
    const volumeId = newId('vol')
    world.volumes.set(volumeId, {
      id: volumeId,
      sizeGib: 8,
      zone,
      createdAt: now(),
      snapshotId: null,
      tags: tagsOf(input, 'volume'),
    })
    const instance: Ec2Instance = {
      id: newId('i'),
      imageId: input.required('ImageId'),
      type: input.text('InstanceType') ?? 'm1.small',
      zone,
      launchedAt: now(),
      privateAddress: `10.0.1.${20 + (world.instances.size % 200)}`,
      tags: tagsOf(input, 'instance'),
      isProtected: input.flag('DisableApiTermination') ?? false,
      state: 'running',
      disks: [{ device: '/dev/xvda', volumeId, deleteOnTermination: true }],
    }
    world.instances.set(instance.id, instance)
    return instance
  })
  return reservationXml(world, started)
}

function createSnapshot(input: AwsInput, { world, now }: AwsCall) {
  const volumeId = input.required('VolumeId')
  const volume = world.volumes.get(volumeId)
  if (volume === undefined) throw missingVolume(volumeId)
  const snapshot = {
    id: newId('snap'),
    volumeId,
    sizeGib: volume.sizeGib,
    startedAt: now(),
    description: input.text('Description') ?? '',
    tags: tagsOf(input, 'snapshot'),
  }
  world.snapshots.set(snapshot.id, snapshot)
  return snapshotXml(world, snapshot)
}

function taggable(world: AwsWorld, id: string): { arn: string; tags: Tags | undefined; refusal: AwsRefusal } {
  if (id.startsWith('i-'))
    return {
      arn: arnOf(world, 'ec2', `instance/${id}`),
      tags: world.instances.get(id)?.tags,
      refusal: missingInstance(id),
    }
  if (id.startsWith('vol-'))
    return {
      arn: arnOf(world, 'ec2', `volume/${id}`),
      tags: world.volumes.get(id)?.tags,
      refusal: missingVolume(id),
    }
  if (id.startsWith('snap-'))
    return { arn: snapshotArn(world, id), tags: world.snapshots.get(id)?.tags, refusal: missingSnapshot(id) }
  throw new AwsRefusal('InvalidID', `The ID '${id.slice(0, 80)}' is not valid`)
}

/** Tags given on creation need `ec2:CreateTags` as well. */
function tagNeeds(input: AwsInput, resources: readonly string[]): Need[] {
  return input.has('TagSpecification') ? [{ action: 'ec2:CreateTags', resources }] : []
}

function tagsOf(input: AwsInput, kind: string): Tags {
  const own = input.list('TagSpecification').filter(each => each.required('ResourceType') === kind)
  return new Map(
    own.flatMap(each => each.list('Tag').map(tag => [tag.required('Key'), tag.text('Value') ?? ''])),
  )
}

function holdersOf(world: AwsWorld, volumeId: string): [Ec2Instance, Disk][] {
  return [...world.instances.values()].flatMap(instance =>
    instance.disks
      .filter(disk => disk.volumeId === volumeId)
      .map((disk): [Ec2Instance, Disk] => [instance, disk]),
  )
}

/** Snapshots belong to no account in their ARN. */
function snapshotArn(world: AwsWorld, id: string): string {
  return `arn:aws:ec2:${world.region}::snapshot/${id}`
}

function required(input: AwsInput, name: string): string[] {
  const values = input.texts(name)
  if (values.length === 0)
    throw new AwsRefusal('MissingParameter', `The request must contain the parameter ${name}`)
  return [...new Set(values)]
}

function choose<T>(
  all: ReadonlyMap<string, T>,
  ids: readonly string[],
  missing: (id: string) => AwsRefusal,
): T[] {
  if (ids.length === 0) return [...all.values()]
  return [...new Set(ids)].map(id => {
    const found = all.get(id)
    if (found === undefined) throw missing(id)
    return found
  })
}

function missingInstance(id: string): AwsRefusal {
  return new AwsRefusal('InvalidInstanceID.NotFound', `The instance ID '${id}' does not exist`)
}

function missingVolume(id: string): AwsRefusal {
  return new AwsRefusal('InvalidVolume.NotFound', `The volume '${id}' does not exist.`)
}

function missingSnapshot(id: string): AwsRefusal {
  return new AwsRefusal('InvalidSnapshot.NotFound', `The snapshot '${id}' does not exist.`)
}

function newId(prefix: 'i' | 'vol' | 'snap'): string {
  return `${prefix}-0${randomBytes(8).toString('hex')}`
}
