import type { PlainValue } from './aws-dialect.js'
import type { AwsWorld, EbsSnapshot, EbsVolume, Ec2Instance, Tags } from './aws-world.js'

/** EC2 wraps every member of a list in `item`. */
export function items(list: readonly PlainValue[]): PlainValue {
  return { item: list }
}

function tagged(tags: Tags): PlainValue {
  return items([...tags].map(([key, value]) => ({ key, value })))
}

const STATE_CODES = { running: 16, terminated: 48, stopped: 80 } as const

export function stateXml(state: Ec2Instance['state']): PlainValue {
  return { code: STATE_CODES[state], name: state }
}

/** One launch: here each instance that is described is its own. */
export function reservationXml(
  world: AwsWorld,
  instances: readonly Ec2Instance[],
): Readonly<Record<string, PlainValue>> {
  return {
    reservationId: `r-${(instances[0]?.id ?? '').slice(2)}`,
    ownerId: world.account,
    groupSet: items([]),
    instancesSet: items(instances.map(each => instanceXml(world, each))),
  }
}

function instanceXml(world: AwsWorld, instance: Ec2Instance): PlainValue {
  const isThere = instance.state !== 'terminated'
  return {
    instanceId: instance.id,
    imageId: instance.imageId,
    instanceState: stateXml(instance.state),
    privateDnsName: isThere
      ? `ip-${instance.privateAddress.replaceAll('.', '-')}.${world.region}.compute.internal`
      : '',
    dnsName: '',
    amiLaunchIndex: 0,
    instanceType: instance.type,
    launchTime: instance.launchedAt,
    placement: { availabilityZone: instance.zone, groupName: '', tenancy: 'default' },
    monitoring: { state: 'disabled' },
    privateIpAddress: isThere ? instance.privateAddress : undefined,
    architecture: 'x86_64',
    rootDeviceType: 'ebs',
    rootDeviceName: '/dev/xvda',
    blockDeviceMapping: items(
      instance.disks.map(disk => ({
        deviceName: disk.device,
        ebs: {
          volumeId: disk.volumeId,
          status: 'attached',
          attachTime: instance.launchedAt,
          deleteOnTermination: disk.deleteOnTermination,
        },
      })),
    ),
    tagSet: tagged(instance.tags),
  }
}

export function volumeXml(world: AwsWorld, volume: EbsVolume): PlainValue {
  const attachments = [...world.instances.values()].flatMap(instance =>
    instance.disks
      .filter(disk => disk.volumeId === volume.id)
      .map(disk => ({
        volumeId: volume.id,
        instanceId: instance.id,
        device: disk.device,
        status: 'attached',
        attachTime: instance.launchedAt,
        deleteOnTermination: disk.deleteOnTermination,
      })),
  )
  return {
    volumeId: volume.id,
    size: volume.sizeGib,
    snapshotId: volume.snapshotId ?? '',
    availabilityZone: volume.zone,
    status: volumeStateOf(world, volume.id),
    createTime: volume.createdAt,
    attachmentSet: items(attachments),
    tagSet: tagged(volume.tags),
    volumeType: 'gp3',
    encrypted: true,
    multiAttachEnabled: false,
  }
}

export function volumeStateOf(world: AwsWorld, volumeId: string): 'in-use' | 'available' {
  const isHeld = [...world.instances.values()].some(each =>
    each.disks.some(disk => disk.volumeId === volumeId),
  )
  return isHeld ? 'in-use' : 'available'
}

export function snapshotXml(world: AwsWorld, snapshot: EbsSnapshot): Readonly<Record<string, PlainValue>> {
  return {
    snapshotId: snapshot.id,
    volumeId: snapshot.volumeId,
    status: 'completed',
    startTime: snapshot.startedAt,
    progress: '100%',
    ownerId: world.account,
    volumeSize: snapshot.sizeGib,
    description: snapshot.description,
    encrypted: true,
    tagSet: tagged(snapshot.tags),
  }
}
