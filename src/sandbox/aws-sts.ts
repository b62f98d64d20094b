import { randomBytes } from 'node:crypto'
import { type AwsCall, accessDenied } from './aws-call.js'
import { type AwsRole, type AwsSession, arnOfCaller, newAwsId, newSecretKey } from './aws-identity.js'
import type { AwsInput } from './aws-input.js'
import { AwsRefusal } from './aws-refusal.js'
import { type RpcService, rpcService } from './aws-rpc.js'
import { MAX_SESSION_POLICY_CHARACTERS, parsePolicy } from './aws-session-policy.js'

const MIN_SESSION_SECONDS = 900
/** `MaxSessionDuration` of the role. */
const MAX_SESSION_SECONDS = 12 * 3600
const DEFAULT_SESSION_SECONDS = 3600
/** Ended sessions are remembered this long. */
const REMEMBERED_MS = 24 * 3600 * 1000

const service: RpcService = {
  name: 'sts',
  regional: false,
  form: { dialect: 'query', xmlns: 'https://sts.amazonaws.com/doc/2011-06-15/', version: '2011-06-15' },
  target: null,
  operations: {
    AssumeRole: {
      needs: input => [{ action: 'sts:AssumeRole', resources: [input.required('RoleArn')] }],
      run: assumeRole,
    },
    // Nothing has to allow it, and no policy can deny it.
    GetCallerIdentity: { needs: () => [], run: (_input, call) => callerIdentity(call) },
  },
}

/** AssumeRole as https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html has it, and GetCallerIdentity. */
export const stsService = rpcService(service)

function assumeRole(input: AwsInput, call: AwsCall) {
  const roleArn = input.required('RoleArn')
  const role = call.world.identity.roles.get(roleArn)
  const externalId = input.text('ExternalId') ?? null
  // A role that isn't there and one that doesn't trust the caller look the same from outside.
  if (role === undefined || !trusts(role, call, externalId))
    throw accessDenied(
      call,
      'sts:AssumeRole',
      roleArn,
      'because no resource-based policy allows the sts:AssumeRole action',
    )
  const session = openSession(input, call, role, externalId)
  forgetOld(call)
  call.world.identity.sessions.set(session.accessKeyId, session)
  return {
    AssumedRoleUser: { AssumedRoleId: `${role.id}:${session.name}`, Arn: session.arn },
    Credentials: {
      AccessKeyId: session.accessKeyId,
      SecretAccessKey: session.secret,
      SessionToken: session.token,
      Expiration: session.expiresAt,
    },
    ...(session.policyText === null
      ? {}
      : { PackedPolicySize: Math.ceil((session.policyText.length / MAX_SESSION_POLICY_CHARACTERS) * 100) }),
  }
}

/** Role chaining is not trusted: a session may not assume the role that it is. */
function trusts({ trusts: { userArn, externalId } }: AwsRole, call: AwsCall, given: string | null): boolean {
  return (
    call.caller.kind === 'user' &&
    call.caller.user.arn === userArn &&
    (externalId === null || externalId === given)
  )
}

function openSession(input: AwsInput, call: AwsCall, role: AwsRole, externalId: string | null): AwsSession {
  const name = input.required('RoleSessionName')
  if (!/^[\w+=,.@-]{2,64}$/.test(name))
    throw invalid('roleSessionName', 'satisfy regular expression pattern: [\\w+=,.@-]*')
  const seconds = input.integer('DurationSeconds') ?? DEFAULT_SESSION_SECONDS
  if (seconds < MIN_SESSION_SECONDS)
    throw invalid('durationSeconds', `have value greater than or equal to ${MIN_SESSION_SECONDS}`)
  if (seconds > MAX_SESSION_SECONDS)
    throw new AwsRefusal(
      'ValidationError',
      'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
    )
  if (externalId !== null && !/^[\w+=,.@:/-]{2,1224}$/.test(externalId))
    throw invalid('externalId', 'satisfy regular expression pattern: [\\w+=,.@:\\/-]*')
  // ATTACK: a narrowing that is accepted and not applied would be a wider session than was asked for.
  input.takesOnly('RoleArn', 'RoleSessionName', 'DurationSeconds', 'ExternalId', 'Policy')
  const policyText = input.text('Policy') ?? null
  if (policyText !== null && policyText.length > MAX_SESSION_POLICY_CHARACTERS)
    throw invalid('policy', `have length less than or equal to ${MAX_SESSION_POLICY_CHARACTERS}`)
  return {
    accessKeyId: newAwsId('ASIA'),
    secret: newSecretKey(),
    token: randomBytes(256).toString('base64'),
    role,
    name,
    arn: `arn:aws:sts::${call.world.account}:assumed-role/${role.name}/${name}`,
    externalId,
    policyText,
    policy: policyText === null ? null : parsePolicy(policyText),
    expiresAt: new Date(Math.floor(call.now().getTime() / 1000 + seconds) * 1000),
  }
}

function callerIdentity({ caller, world }: AwsCall) {
  const userId = caller.kind === 'user' ? caller.user.id : `${caller.session.role.id}:${caller.session.name}`
  return { Arn: arnOfCaller(caller), UserId: userId, Account: world.account }
}

function forgetOld({ world, now }: AwsCall): void {
  const { sessions } = world.identity
  for (const [id, { expiresAt }] of sessions)
    if (expiresAt.getTime() + REMEMBERED_MS < now().getTime()) sessions.delete(id)
}

function invalid(member: string, constraint: string): AwsRefusal {
  return new AwsRefusal(
    'ValidationError',
    `1 validation error detected: Value at '${member}' failed to satisfy constraint: Member must ${constraint}`,
  )
}
