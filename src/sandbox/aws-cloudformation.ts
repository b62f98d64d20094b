import { type AwsCall, type Need, record } from './aws-call.js'
import type { PlainValue } from './aws-dialect.js'
import type { AwsInput } from './aws-input.js'
import { removeDatabase } from './aws-rds.js'
import { AwsRefusal } from './aws-refusal.js'
import { type RpcOperation, rpcService } from './aws-rpc.js'
import { type AwsWorld, arnOf, type Stack, type StackResource } from './aws-world.js'

const operations: Readonly<Record<string, RpcOperation>> = {
  DescribeStacks: {
    needs: onStack('cloudformation:DescribeStacks'),
    run: (input, { world }) => {
      const name = input.text('StackName')
      const found = name === undefined ? [...world.stacks.values()].filter(isThere) : [stackOf(world, name)]
      return { Stacks: { member: found.map(stackXml) } }
    },
  },
  ListStacks: {
    needs: () => [{ action: 'cloudformation:ListStacks', resources: ['*'] }],
    run: (input, { world }) => {
      const wanted = input.texts('StackStatusFilter')
      const found = [...world.stacks.values()].filter(
        each => wanted.length === 0 || wanted.includes(each.status),
      )
      return { StackSummaries: { member: found.map(summaryXml) } }
    },
  },
  DescribeStackResources: {
    needs: onStack('cloudformation:DescribeStackResources'),
    run: (input, { world }) => {
      const stack = stackOf(world, input.required('StackName'))
      return { StackResources: { member: stack.resources.map(each => resourceXml(stack, each)) } }
    },
  },
  DeleteStack: {
    needs: onStack('cloudformation:DeleteStack'),
    run: deleteStack,
  },
}

/** Stacks, and with them whatever they own. */
export const cloudformationService = rpcService({
  name: 'cloudformation',
  regional: true,
  form: {
    dialect: 'query',
    xmlns: 'http://cloudformation.amazonaws.com/doc/2010-05-15/',
    version: '2010-05-15',
  },
  target: null,
  operations,
})

/**
 * Deletes what the stack owns with the stack's own role: no policy of the caller is asked about the database that
 * dies. A stack that isn't there is no error.
 */
function deleteStack(input: AwsInput, call: AwsCall): PlainValue {
  const { world, now } = call
  input.takesOnly('StackName', 'RetainResources', 'ClientRequestToken')
  const retained = input.texts('RetainResources')
  const stack = findStack(world, input.required('StackName'))
  if (stack === undefined || stack.status === 'DELETE_COMPLETE') return null
  if (stack.isProtected)
    throw new AwsRefusal(
      'ValidationError',
      `Stack [${stack.name}] cannot be deleted while TerminationProtection is enabled`,
    )
  if (retained.length > 0 && stack.status !== 'DELETE_FAILED')
    throw new AwsRefusal('ValidationError', 'Retaining resources needs a stack in the state DELETE_FAILED.')
  for (const resource of stack.resources) {
    if (resource.status === 'DELETE_COMPLETE') continue
    if (resource.deletionPolicy === 'Retain' || retained.includes(resource.logicalId)) {
      resource.status = 'DELETE_SKIPPED'
    } else resource.status = remove(call, resource) ? 'DELETE_COMPLETE' : 'DELETE_FAILED'
  }
  const failed = stack.resources.filter(each => each.status === 'DELETE_FAILED').map(each => each.logicalId)
  stack.status = failed.length > 0 ? 'DELETE_FAILED' : 'DELETE_COMPLETE'
  stack.statusReason =
    failed.length > 0 ? `The following resource(s) failed to delete: [${failed.join(', ')}].` : null
  stack.deletedAt = failed.length > 0 ? null : now()
  return null
}

/** False when it can't be deleted. */
function remove(call: AwsCall, { type, physicalId }: StackResource): boolean {
  const { world } = call
  switch (type) {
    case 'AWS::RDS::DBInstance': {
      const database = world.databases.get(physicalId)
      if (database === undefined) return true
      if (database.isProtected) return false
      removeDatabase(world, database)
      record(call, 'rds', 'DeleteDBInstance', [
        { action: 'rds:DeleteDBInstance', resources: [arnOf(world, 'rds', `db:${physicalId}`)] },
      ])
      return true
    }
    case 'AWS::S3::Bucket': {
      const bucket = world.buckets.get(physicalId)
      if (bucket === undefined) return true
      if (bucket.objects.size > 0) return false
      world.buckets.delete(physicalId)
      record(call, 's3', 'DeleteBucket', [
        { action: 's3:DeleteBucket', resources: [`arn:aws:s3:::${physicalId}`] },
      ])
      return true
    }
  }
}

/** By the stack's ARN, whether it was named by it or not; without a name, all stacks. */
function onStack(action: string): RpcOperation['needs'] {
  return (input, { world }): Need[] => {
    const name = input.text('StackName')
    if (name === undefined) return [{ action, resources: [arnOf(world, 'cloudformation', 'stack/*/*')] }]
    const id = findStack(world, name)?.id
    const given = name.startsWith('arn:') ? name : arnOf(world, 'cloudformation', `stack/${name}/*`)
    return [{ action, resources: [id ?? given] }]
  }
}

function findStack(world: AwsWorld, nameOrId: string): Stack | undefined {
  return (
    world.stacks.get(nameOrId) ??
    [...world.stacks.values()].find(each => each.name === nameOrId && isThere(each))
  )
}

function stackOf(world: AwsWorld, nameOrId: string): Stack {
  const stack = findStack(world, nameOrId)
  if (stack === undefined)
    throw new AwsRefusal('ValidationError', `Stack with id ${nameOrId.slice(0, 255)} does not exist`)
  return stack
}

function isThere(stack: Stack): boolean {
  return stack.status !== 'DELETE_COMPLETE'
}

function stackXml(stack: Stack): PlainValue {
  return {
    StackId: stack.id,
    StackName: stack.name,
    Description: stack.description,
    CreationTime: stack.createdAt,
    DeletionTime: stack.deletedAt ?? undefined,
    StackStatus: stack.status,
    StackStatusReason: stack.statusReason ?? undefined,
    RoleARN: stack.roleArn,
    EnableTerminationProtection: stack.isProtected,
    DisableRollback: false,
    Tags: { member: [...stack.tags].map(([key, value]) => ({ Key: key, Value: value })) },
  }
}

function summaryXml(stack: Stack): PlainValue {
  return {
    StackId: stack.id,
    StackName: stack.name,
    CreationTime: stack.createdAt,
    DeletionTime: stack.deletedAt ?? undefined,
    StackStatus: stack.status,
    StackStatusReason: stack.statusReason ?? undefined,
  }
}

function resourceXml(stack: Stack, resource: StackResource): PlainValue {
  return {
    StackName: stack.name,
    StackId: stack.id,
    LogicalResourceId: resource.logicalId,
    PhysicalResourceId: resource.physicalId,
    ResourceType: resource.type,
    Timestamp: stack.deletedAt ?? stack.createdAt,
    ResourceStatus: resource.status,
  }
}
