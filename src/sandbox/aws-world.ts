import type { Executed } from './aws-call.js'
import type { AwsIdentity } from './aws-identity.js'

/** One AWS account in one region, as its services left it. */
export interface AwsWorld {
  readonly account: string
  readonly region: string
  readonly identity: AwsIdentity
  readonly instances: Map<string, Ec2Instance>
  readonly volumes: Map<string, EbsVolume>
  readonly snapshots: Map<string, EbsSnapshot>
  readonly databases: Map<string, DbInstance>
  readonly databaseSnapshots: Map<string, DbSnapshot>
  readonly buckets: Map<string, Bucket>
  /** By upload id. */
  readonly uploads: Map<string, Upload>
  /** By stack id: a deleted stack stays known by its id, and its name is free again. */
  readonly stacks: Map<string, Stack>
  /** By name. */
  readonly queues: Map<string, Queue>
  readonly metrics: Map<string, Metric>
  /** By name. */
  readonly functions: Map<string, LambdaFunction>
  /** By key id. */
  readonly keys: Map<string, KmsKey>
  /** What was done, refused requests left out. */
  readonly executed: Executed[]
}

export type Tags = Map<string, string>

export interface Ec2Instance {
  readonly id: string
  readonly imageId: string
  readonly type: string
  readonly zone: string
  readonly launchedAt: Date
  readonly privateAddress: string
  readonly tags: Tags
  /** `DisableApiTermination`. */
  readonly isProtected: boolean
  state: 'running' | 'stopped' | 'terminated'
  readonly disks: Disk[]
}

export interface Disk {
  /** `/dev/xvda` */
  readonly device: string
  readonly volumeId: string
  /** Whether the volume dies with the instance. */
  readonly deleteOnTermination: boolean
}

export interface EbsVolume {
  readonly id: string
  readonly sizeGib: number
  readonly zone: string
  readonly createdAt: Date
  readonly snapshotId: string | null
  readonly tags: Tags
}

export interface EbsSnapshot {
  readonly id: string
  readonly volumeId: string
  readonly sizeGib: number
  readonly startedAt: Date
  readonly description: string
  readonly tags: Tags
}

export interface DbInstance {
  readonly id: string
  readonly class: string
  readonly engine: string
  readonly engineVersion: string
  readonly storageGib: number
  readonly createdAt: Date
  readonly tags: Tags
  status: 'available'
  backupRetentionDays: number
  isProtected: boolean
}

export interface DbSnapshot {
  readonly id: string
  readonly instanceId: string
  /** An automated one dies with its instance. */
  readonly kind: 'automated' | 'manual'
  readonly engine: string
  readonly engineVersion: string
  readonly storageGib: number
  readonly createdAt: Date
}

export interface Bucket {
  readonly name: string
  readonly createdAt: Date
  readonly tags: Tags
  /** By key, as the decoded path has it, byte for byte. */
  readonly objects: Map<string, StoredObject>
}

export interface StoredObject {
  readonly body: Uint8Array
  /** With its quotes. */
  readonly etag: string
  readonly modifiedAt: Date
  /** Sent back with the object: `content-type`, `x-amz-meta-…`. */
  readonly headers: Readonly<Record<string, string>>
}

export interface Upload {
  readonly id: string
  readonly bucket: string
  readonly key: string
  readonly startedAt: Date
  readonly headers: Readonly<Record<string, string>>
  readonly parts: Map<number, UploadedPart>
}

export interface UploadedPart {
  readonly body: Uint8Array
  readonly etag: string
  readonly modifiedAt: Date
}

export interface Stack {
  /** `arn:aws:cloudformation:…:stack/<name>/<uuid>` */
  readonly id: string
  readonly name: string
  readonly createdAt: Date
  readonly description: string
  /** Role that the stack's resources are deleted with. */
  readonly roleArn: string
  readonly isProtected: boolean
  readonly resources: readonly StackResource[]
  readonly tags: Tags
  status: 'CREATE_COMPLETE' | 'DELETE_COMPLETE' | 'DELETE_FAILED'
  statusReason: string | null
  deletedAt: Date | null
}

export interface StackResource {
  readonly logicalId: string
  readonly physicalId: string
  readonly type: 'AWS::RDS::DBInstance' | 'AWS::S3::Bucket'
  readonly deletionPolicy: 'Delete' | 'Retain'
  status: 'CREATE_COMPLETE' | 'DELETE_COMPLETE' | 'DELETE_FAILED' | 'DELETE_SKIPPED'
}

export interface Queue {
  readonly name: string
  readonly createdAt: Date
  readonly attributes: Readonly<Record<string, string>>
  messages: Message[]
}

export interface Message {
  readonly id: string
  readonly body: string
  readonly sentAt: Date
  /** Made anew by every receive; null before the first. */
  receipt: string | null
  visibleAt: Date
  received: number
}

export interface Metric {
  readonly namespace: string
  readonly name: string
  readonly dimensions: readonly { readonly name: string; readonly value: string }[]
  readonly data: { readonly at: Date; readonly value: number }[]
}

export interface LambdaFunction {
  readonly name: string
  readonly runtime: string
  readonly handler: string
  readonly roleArn: string
  readonly modifiedAt: Date
  /** Payloads of every invocation that ran. */
  readonly invocations: Uint8Array[]
}

export interface KmsKey {
  readonly id: string
  readonly description: string
  readonly aliases: readonly string[]
  /** 32 bytes for AES-256-GCM, which never leave the stand-in. */
  readonly material: Uint8Array
  deletionAt: Date | null
}

/** `arnOf(world, 'rds', 'db:orders-staging')` → `arn:aws:rds:eu-west-1:111122223333:db:orders-staging`. */
export function arnOf(
  world: Pick<AwsWorld, 'region' | 'account'>,
  service: string,
  resource: string,
): string {
  return `arn:aws:${service}:${world.region}:${world.account}:${resource}`
}
