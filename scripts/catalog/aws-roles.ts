import type { ArgumentRule, AwsAction, AwsResource } from '../../src/protocol/index.js'
import type { Place } from './aws-places.js'

/**
 * Giving a role to something lets it act with all that the role may: `iam:PassRole`. An argument that takes a role is
 * found by its name.
 */
const ROLE =
  /(?:RoleArn|RoleARN|RoleArns|IamRole|IAMRole|IamRoles|ServiceRole|ExecutionRole|JobFlowRole|JobRole|AutoScalingRole|InstanceRole|NodeRole|nodeRole|serviceRole|executionRole|IamInstanceProfile|InstanceProfileArn|iamInstanceProfile|InstanceProfileName|roleArn|roleARN)$/

/** Services in which an argument `Role` is a role of IAM, and not one of theirs. */
const PLAIN_ROLE: ReadonlySet<string> = new Set([
  'codebuild',
  'databrew',
  'dlm',
  'ecs',
  'elastictranscoder',
  'glue',
  'imagebuilder',
  'kinesisanalytics',
  'lambda',
  'mediaconvert',
  'mwaa',
  'storagegateway',
  'transfer',
])

/** Services whose roles are what they are about, and aren't given to anything. */
const ABOUT_ROLES: ReadonlySet<string> = new Set(['iam', 'rolesanywhere', 'sso', 'sso-admin', 'sts'])

/** What passing roles adds to an operation. */
export interface PassedRoles {
  readonly actions: readonly AwsAction[]
  readonly rules: readonly ArgumentRule[]
  readonly resources: readonly AwsResource[]
  readonly unmapped: readonly string[]
}

const NONE: PassedRoles = { actions: [], rules: [], resources: [], unmapped: [] }

/** Only for operations that change something: elsewhere a role is a filter. `required` holds the members of the input that must be given. */
export function passedRoles(
  service: string,
  places: readonly Place[],
  required: ReadonlySet<string>,
): PassedRoles {
  if (ABOUT_ROLES.has(service)) return NONE
  const roles = places.filter(place => !place.inMap && isRole(service, place))
  const named = (place: Place): boolean =>
    place.depth === 1 && required.has(place.name) && !/Profile/.test(place.name)
  return {
    actions: roles.map(({ path }) => ({ action: 'iam:PassRole', when: path })),
    rules: roles.map(({ path }) => ({ path, is: 'present', adds: ['privilege'] })),
    resources: roles.filter(named).map(({ path }) => ({
      type: 'role',
      arn: `arn:{partition}:iam::{account}:role/{${path}}`,
    })),
    unmapped: roles.filter(place => !named(place)).map(({ path }) => path),
  }
}

function isRole(service: string, { path, name }: Place): boolean {
  if (/^[Rr]ole$/.test(name)) return PLAIN_ROLE.has(service)
  // EC2 gives a profile's ARN or name within a structure.
  return ROLE.test(name) || /IamInstanceProfile\.(?:Arn|Name)$/.test(path)
}
