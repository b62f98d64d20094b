import type { AwsCall, Need } from './aws-call.js'
import type { PlainValue } from './aws-dialect.js'
import { type AccessKey, type AwsUser, newAwsId, newSecretKey } from './aws-identity.js'
import type { AwsInput } from './aws-input.js'
import { AwsRefusal } from './aws-refusal.js'
import { type RpcOperation, rpcService } from './aws-rpc.js'

const MAX_KEYS_PER_USER = 2

const operations: Readonly<Record<string, RpcOperation>> = {
  GetUser: {
    needs: onUser('iam:GetUser'),
    run: (input, call) => ({ User: userXml(userOf(input, call)) }),
  },
  ListUsers: {
    needs: (_input, { world }) => [
      { action: 'iam:ListUsers', resources: [`arn:aws:iam::${world.account}:user/`] },
    ],
    run: (_input, { world }) => ({
      Users: { member: [...world.identity.users.values()].map(userXml) },
      IsTruncated: false,
    }),
  },
  ListRoles: {
    needs: (_input, { world }) => [
      { action: 'iam:ListRoles', resources: [`arn:aws:iam::${world.account}:role/`] },
    ],
    run: (_input, { world }) => ({
      Roles: {
        member: [...world.identity.roles.values()].map(role => ({
          Path: '/',
          RoleName: role.name,
          RoleId: role.id,
          Arn: role.arn,
          CreateDate: role.createdAt,
          AssumeRolePolicyDocument: encodeURIComponent(trustPolicy(role.trusts.userArn)),
          MaxSessionDuration: 43_200,
        })),
      },
      IsTruncated: false,
    }),
  },
  DeleteUser: {
    needs: onUser('iam:DeleteUser'),
    run: (input, call) => {
      const user = namedUser(call, input.required('UserName'))
      if (user.accessKeys.length > 0)
        throw new AwsRefusal('DeleteConflict', 'Cannot delete entity, must delete access keys first.', 409)
      call.world.identity.users.delete(user.name)
      return null
    },
  },
  CreateAccessKey: {
    needs: onUser('iam:CreateAccessKey'),
    run: (input, call) => {
      const user = userOf(input, call)
      if (user.accessKeys.length >= MAX_KEYS_PER_USER)
        throw new AwsRefusal(
          'LimitExceeded',
          `Cannot exceed quota for AccessKeysPerUser: ${MAX_KEYS_PER_USER}`,
          409,
        )
      const key: AccessKey = { id: newAwsId('AKIA'), secret: newSecretKey(), createdAt: call.now() }
      user.accessKeys.push(key)
      return { AccessKey: { ...keyXml(user, key), SecretAccessKey: key.secret } }
    },
  },
  ListAccessKeys: {
    needs: onUser('iam:ListAccessKeys'),
    run: (input, call) => {
      const user = userOf(input, call)
      return {
        UserName: user.name,
        AccessKeyMetadata: { member: user.accessKeys.map(key => keyXml(user, key)) },
        IsTruncated: false,
      }
    },
  },
  DeleteAccessKey: {
    needs: onUser('iam:DeleteAccessKey'),
    run: (input, call) => {
      const user = userOf(input, call)
      const id = input.required('AccessKeyId')
      const index = user.accessKeys.findIndex(key => key.id === id)
      if (index < 0) throw noSuchEntity(`The Access Key with id ${id.slice(0, 128)} cannot be found.`)
      user.accessKeys.splice(index, 1)
      return null
    },
  },
}

/** Users and their long-term keys: a key that is made here signs requests from then on. */
export const iamService = rpcService({
  name: 'iam',
  regional: false,
  form: { dialect: 'query', xmlns: 'https://iam.amazonaws.com/doc/2010-05-08/', version: '2010-05-08' },
  target: null,
  operations,
})

function onUser(action: string): RpcOperation['needs'] {
  return (input, call): Need[] => {
    const name = input.text('UserName') ?? (call.caller.kind === 'user' ? call.caller.user.name : '*')
    return [{ action, resources: [`arn:aws:iam::${call.world.account}:user/${name}`] }]
  }
}

/** The user that is named, or the one that asks. */
function userOf(input: AwsInput, call: AwsCall): AwsUser {
  const name = input.text('UserName')
  if (name !== undefined) return namedUser(call, name)
  if (call.caller.kind === 'user') return call.caller.user
  throw new AwsRefusal('ValidationError', 'Must specify userName when calling with non-User credentials')
}

function namedUser({ world }: AwsCall, name: string): AwsUser {
  const user = world.identity.users.get(name)
  if (user === undefined) throw noSuchEntity(`The user with name ${name.slice(0, 64)} cannot be found.`)
  return user
}

function userXml(user: AwsUser): PlainValue {
  return { Path: '/', UserName: user.name, UserId: user.id, Arn: user.arn, CreateDate: user.createdAt }
}

function keyXml(user: AwsUser, key: AccessKey): Readonly<Record<string, PlainValue>> {
  return { UserName: user.name, AccessKeyId: key.id, Status: 'Active', CreateDate: key.createdAt }
}

function trustPolicy(userArn: string): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { AWS: userArn }, Action: 'sts:AssumeRole' }],
  })
}

function noSuchEntity(message: string): AwsRefusal {
  return new AwsRefusal('NoSuchEntity', message, 404)
}
