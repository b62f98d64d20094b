import type { ArgumentRule } from '../argument-rule.js'
import type { OperationClass } from '../operation.js'

/**
 * The body of a catalog document of protocol `aws`: what one policy may reach, and nothing else of AWS. It is made by
 * `awsCatalog` from the shipped services and pinned by the policy like every other catalog.
 */
export interface AwsDocument {
  /** `aws`, `aws-cn`, `aws-us-gov`: of the role's ARN. */
  readonly partition: string
  /** Twelve digits, of the role's ARN; the account of every resource that a request names without one. */
  readonly account: string
  /** Regions that may be called; a service with one endpoint for all is called in its own. Sorted. */
  readonly regions: readonly string[]
  /**
   * Service id → JSON text of its `AwsService`. Text, so that a service is opened when it is first called, and one
   * that never is costs nothing but its bytes.
   */
  readonly services: Readonly<Record<string, string>>
  /** Operations that the policy itself adds, because they are newer than the catalog. */
  readonly more: readonly AwsAddition[]
}

/** An operation of the policy's own: `ec2:CreateThing`, with method and path where its service is a REST one. */
export interface AwsAddition {
  readonly service: string
  readonly name: string
  /** `POST /2027-01-01/things/{ThingName}`; null for query, json and cbor services, where the name is enough. */
  readonly http: string | null
  readonly classes: readonly OperationClass[]
}

/** How an AWS service is spoken to. `query` and `ec2`: form; `json`: X-Amz-Target; `cbor`: Smithy RPC v2. */
export const AWS_WIRES = ['query', 'ec2', 'json', 'rest-json', 'rest-xml', 'cbor'] as const
export type AwsWire = (typeof AWS_WIRES)[number]

/** One service: a file of config/catalogs/aws. What is absent is empty. */
export interface AwsService {
  /** As the AWS CLI calls it, and the first half of its operations' names: `ec2`, `s3`, `cloudwatch`, `elbv2`. */
  readonly id: string
  /** In the credential scope of a signature (SigV4): `monitoring` for cloudwatch. */
  readonly signingName: string
  /** Prefix of its IAM actions: `elasticloadbalancing` for elbv2. */
  readonly iam: string
  /** Every protocol in which one of its clients may call it. */
  readonly wires: readonly AwsWire[]
  /** `Version=` of the query protocols: `2016-11-15`. */
  readonly apiVersion: string
  /** `X-Amz-Target` up to the dot: `DynamoDB_20120810`. Only with `json`. */
  readonly targetPrefix?: string
  /** `/service/{cborName}/operation/{Op}`. Only with `cbor`. */
  readonly cborName?: string
  /** By partition; a partition without one doesn't have the service. */
  readonly endpoints: Readonly<Record<string, AwsEndpoint>>
  /** Shapes that operations and other shapes refer to by name. */
  readonly shapes: Readonly<Record<string, AwsShape>>
  readonly operations: Readonly<Record<string, AwsOperation>>
}

export interface AwsEndpoint {
  /** `ec2.{region}.amazonaws.com`, `iam.amazonaws.com`. */
  readonly host: string
  /** Region that signatures for it name where it serves all of them: `us-east-1` for iam. */
  readonly region?: string
}

export interface AwsOperation {
  readonly classes: readonly OperationClass[]
  /**
   * Only with `rest-json` and `rest-xml`: method and URI as the model writes them, the fixed part of the query
   * included: `POST /{Bucket}?delete`, `PUT /{Bucket}/{Key+}`.
   */
  readonly http?: string
  /**
   * Only where another operation has the same method and path: what must be there (`?partNumber`,
   * `!x-amz-copy-source` a header) for it to be this one, and not the one without.
   */
  readonly needs?: readonly string[]
  /** The input as a structure; absent where the operation takes nothing. */
  readonly input?: AwsStructure
  /** Before the host of the endpoint: `sync-`, `{AccountId}.`. */
  readonly hostPrefix?: string
  readonly rules?: readonly ArgumentRule[]
  readonly effects?: readonly string[]
  readonly resources?: readonly AwsResource[]
  /** Arguments that name something which `resources` does not cover (paths as in `ArgumentRule`). */
  readonly unmapped?: readonly string[]
  /** Arguments that SDKs renew on every call, such as ClientToken; paths as in `ArgumentRule`. */
  readonly renewed?: readonly string[]
  /** IAM actions that it takes; `<iam>:<name>` alone where absent. */
  readonly actions?: readonly AwsAction[]
}

/** `{ "action": "s3:PutObjectTagging", "when": "Tagging" }`: taken only where the argument is given. */
export interface AwsAction {
  readonly action: string
  readonly when?: string
}

/**
 * A resource as an ARN with the places of arguments in braces, and `{partition}`, `{region}` and `{account}`:
 * `{ "type": "instance", "arn": "arn:{partition}:ec2:{region}:{account}:instance/{InstanceIds[]}" }`. At most one
 * place holds a list; it yields a resource for each item. An argument that is an ARN already stands for the whole. A
 * place that no argument fills says that IAM asks for a resource which the request doesn't name.
 */
export interface AwsResource {
  readonly type: string
  readonly arn: string
  /**
   * How the argument names it where that isn't by the last part of its ARN. `parameter`: `/prod/key` of SSM is
   * `parameter/prod/key`. `alias`: by another name than the ARN's, an id where that has a name.
   */
  readonly from?:
    | 'queue-url'
    | 'function'
    | 'copy-source'
    | 'key-id'
    | 'bucket'
    | 'parameter'
    | 'parameter-path'
    | 'secret'
    | 'alias'
  /** The service folds the case of what the places hold: they are written in lower case. */
  readonly fold?: true
}

/** A type of the model: a scalar by name, or what is built of others. */
export type AwsShape = AwsScalar | AwsList | AwsMap | AwsStructure | AwsReference
/** `time` and `blob` are texts in arguments (as they came on the wire); `any` is a document type. */
export type AwsScalar = 'string' | 'int' | 'double' | 'bool' | 'blob' | 'time' | 'any'

/** Name in `AwsService.shapes`. */
export interface AwsReference {
  readonly ref: string
}

export interface AwsList {
  readonly list: AwsShape
  /** Element of each item in query and xml; `member` unless told. */
  readonly item?: string
  /** Items stand beside each other without the list's own element. */
  readonly flat?: true
}

export interface AwsMap {
  readonly map: AwsShape
  /** Elements in query and xml; `key`, `value` and `entry` unless told. */
  readonly key?: string
  readonly value?: string
  readonly flat?: true
}

export interface AwsStructure {
  readonly fields: Readonly<Record<string, AwsField>>
}

/** A member under the name that arguments carry it by: `InstanceIds`. */
export interface AwsField {
  readonly is: AwsShape
  /** Name on the wire where it differs, in the main protocol (first of `wires`): `InstanceId`, `x-amz-acl`. */
  readonly as?: string
  /** Name in the query protocols where that differs from `as`. */
  readonly query?: string
  /** Where it stands with REST; in the body unless told. `headers`: all that begin with `as`. `querymap`: all other pairs. */
  readonly at?: 'path' | 'query' | 'header' | 'headers' | 'querymap'
  /** The body is this member, and nothing else is in the body. */
  readonly payload?: true
  /** The body is these bytes as they come (`payload` too): nothing in them is decided on. */
  readonly stream?: true
  /** A JSON document in base64 within a header (`jsonvalue`). */
  readonly json?: true
}
