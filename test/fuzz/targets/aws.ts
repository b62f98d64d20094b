import type { AwsService, Catalog, RawRequest, Recognised } from '../../../src/protocol/index.js'
import { classifySigned, shippedAws, signedFor } from '../../protocol/aws-fixture.js'
import { isNarrower, type KnownService, knownService } from '../aws-reference.js'
import { operationsOf } from '../classified.js'
import { type FuzzTarget, holds } from '../target.js'
import { valuesOf, wireRequest, written } from '../wire-request.js'

type Classify = typeof classifySigned

/** One for each wire at least. */
const SERVICES = ['cloudwatch', 'dynamodb', 'ec2', 'iam', 'lambda', 'rds', 'route53', 's3', 'sqs']

/** A request of AWS is the operation that a naive reader finds where its wire says that it stands. */
export function awsWith(classifier: Classify): FuzzTarget['run'] {
  const catalog: Catalog = shippedAws(...SERVICES)
  const known = new Map(SERVICES.map(id => [id, knownService(id)]))
  return bytes => {
    const request = wireRequest(bytes)
    const operations = operationsOf(catalog, classifier(catalog, request))
    if (operations === null) return 'refused'
    const [operation, second] = operations
    holds(operation !== undefined && second === undefined, 'a request is one operation', operations)
    const [id, name] = operation.name.split(/:(.*)/s) as [string, string]
    const found = known.get(id)
    holds(found !== undefined, 'it is of a service that the policy names', operation.name)
    sameScope(request, operation, found.service)
    sameSelector(request, name, found)
    return 'accepted'
  }
}

function sameScope(request: RawRequest, { region }: Recognised, service: AwsService): void {
  const text =
    valuesOf(request, 'authorization').join() +
    decodeURIComponent(request.target.replace(/%(?![0-9A-F]{2})/g, ''))
  const signedFor = /\/\d{8}\/([^/,]+)\/([^/,]+)\/aws4_request/.exec(text)
  holds(signedFor !== null, 'it is signed', text)
  holds(
    signedFor[2] === service.signingName,
    'the service is the one that it is signed for',
    signedFor[2],
    service.id,
  )
  const global = Object.values(service.endpoints).some(each => each.region !== undefined)
  holds(
    global || region === signedFor[1],
    'the region is the one that it is signed for',
    region,
    signedFor[1],
  )
}

function sameSelector(request: RawRequest, name: string, known: KnownService): void {
  const { service } = known
  const [target, more] = valuesOf(request, 'x-amz-target')
  if (target !== undefined) {
    holds(more === undefined, 'one X-Amz-Target')
    holds(target === `${service.targetPrefix}.${name}`, 'the operation is that of X-Amz-Target', target, name)
    return
  }
  if (valuesOf(request, 'smithy-protocol').length > 0) {
    holds(
      request.target === `/service/${service.cborName}/operation/${name}`,
      'the operation is that of the path',
      request.target,
      name,
    )
    return
  }
  const [path, query = ''] = request.target.split(/\?(.*)/s) as [string, string | undefined]
  const parameters = new URLSearchParams(query)
  if (service.wires.some(wire => wire === 'query' || wire === 'ec2')) {
    const body = new URLSearchParams(request.body === null ? '' : new TextDecoder().decode(request.body))
    const actions = [...parameters, ...body].filter(([each]) => each.toLowerCase() === 'action')
    holds(
      actions.length === 1 && actions[0]?.[1] === name,
      'the operation is that of the one Action',
      actions,
      name,
    )
    return
  }
  const matching = known.bindings.filter(
    each =>
      each.method === request.method && each.path.test(path) && each.query.every(one => parameters.has(one)),
  )
  if (/ \(unrouted\)$/.test(name)) {
    holds(
      matching.every(each => each.query.length > 0),
      'what a plain route fits is not unknown',
      matching,
    )
    return
  }
  const binding = matching.find(each => each.name === name)
  holds(binding !== undefined, 'the operation fits method, path and parameters', name, matching)
  for (const other of matching)
    holds(
      other.query.every(each => binding.query.includes(each)) || isNarrower(binding, other),
      `no other operation is asked for more plainly: ${other.name}`,
      name,
    )
}

const FORM = ['content-type', 'application/x-www-form-urlencoded'] as const
const UNSIGNED = ['x-amz-content-sha256', 'UNSIGNED-PAYLOAD'] as const
const s3 = (method: string, target: string, body = ''): Buffer =>
  written(method, target, [...s3Headers()], body)
const json = (service: string, operation: string, body: string): Buffer =>
  written(
    'POST',
    '/',
    [
      ...extended(signedFor(service), ['x-amz-target']),
      ['x-amz-target', operation],
      ['content-type', 'application/x-amz-json-1.0'],
    ],
    body,
  )

function s3Headers() {
  return [...extended(signedFor('s3'), ['x-amz-content-sha256']), UNSIGNED]
}

/** Signs for more headers: those that begin with `x-amz-` have to be. */
function extended(headers: ReturnType<typeof signedFor>, more: readonly string[]) {
  return headers.map(([name, value]) => {
    const names = ['host', 'x-amz-date', ...more].sort().join(';')
    return [name, value.replace(/SignedHeaders=[^,]+/, `SignedHeaders=${names}`)] as const
  })
}

const PRESIGNED = `X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=grant%2F20260422%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Date=20260422T101500Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=${'0'.repeat(64)}`

export const target: FuzzTarget = {
  about:
    'AWS in all its wires: the operation is the one that a naive reader of Action, X-Amz-Target or path finds',
  words: [
    'Action=',
    'Version=2016-11-15',
    'TerminateInstances',
    '&InstanceId.1=i-1',
    'DynamoDB_20120810.DeleteTable',
    'x-amz-target: ',
    'content-type: application/x-www-form-urlencoded',
    'content-type: application/x-amz-json-1.0',
    'smithy-protocol: rpc-v2-cbor',
    '/service/GraniteServiceVersion20100801/operation/',
    '?delete',
    '?acl',
    '?policy',
    '?uploadId=u',
    '?versionId=',
    '?tagging',
    '?x-id=',
    '/bucket/key',
    '/2015-03-31/functions/',
    '/2013-04-01/hostedzone',
    'us-east-1',
    'eu-west-1',
    's3',
    'ec2',
    'iam',
    'lambda',
    'monitoring',
    'dynamodb',
    'route53',
    'sqs',
    'rds',
    ';x-amz-acl',
    'x-amz-acl: private',
    'x-amz-copy-source: /a/b',
    'POST ',
    'GET ',
    'PUT ',
    'DELETE ',
    'HEAD ',
    '<Delete><Object><Key>a</Key></Object></Delete>',
    '\xbf',
    '\xa1aaa',
  ],
  maxBytes: 1_536,
  run: awsWith(classifySigned),
  seeds: () => ({
    ec2: written(
      'POST',
      '/',
      [...signedFor('ec2'), FORM],
      'Action=TerminateInstances&Version=2016-11-15&InstanceId.1=i-1',
    ),
    'ec2-url': written('GET', '/?Action=DescribeInstances&Version=2016-11-15&MaxResults=5', [
      ...signedFor('ec2'),
    ]),
    iam: written(
      'POST',
      '/',
      [...signedFor('iam', { region: 'us-east-1' }), FORM],
      'Action=DeleteUser&Version=2010-05-08&UserName=maria',
    ),
    rds: written(
      'POST',
      '/',
      [...signedFor('rds'), FORM],
      'Action=ModifyDBInstance&Version=2014-10-31&DBInstanceIdentifier=db&BackupRetentionPeriod=0',
    ),
    dynamodb: json('dynamodb', 'DynamoDB_20120810.DeleteTable', '{"TableName":"orders"}'),
    batch: json(
      'dynamodb',
      'DynamoDB_20120810.BatchWriteItem',
      '{"RequestItems":{"t":[{"DeleteRequest":{"Key":{"id":{"S":"1"}}}}]}}',
    ),
    sqs: json(
      'sqs',
      'AmazonSQS.PurgeQueue',
      '{"QueueUrl":"https://sqs.eu-west-1.amazonaws.com/111122223333/q"}',
    ),
    cbor: written(
      'POST',
      '/service/GraniteServiceVersion20100801/operation/DeleteAlarms',
      [...signedFor('monitoring'), ['smithy-protocol', 'rpc-v2-cbor'], ['content-type', 'application/cbor']],
      Buffer.from('a16a416c61726d4e616d6573816161', 'hex'),
    ),
    lambda: written('DELETE', '/2015-03-31/functions/f?Qualifier=3', [...signedFor('lambda')]),
    invoke: written(
      'POST',
      '/2015-03-31/functions/f/invocations',
      [...signedFor('lambda'), ['content-type', 'application/json']],
      '{"a":1}',
    ),
    route53: written(
      'POST',
      '/2013-04-01/hostedzone/Z1/rrset',
      [...signedFor('route53', { region: 'us-east-1' }), ['content-type', 'application/xml']],
      '<ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeBatch><Changes><Change><Action>DELETE</Action></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>',
    ),
    // No operation with an empty name at its end, and not the one without the slash either.
    'route53-slash': written('POST', '/2013-04-01/hostedzone/Z1/', [
      ...signedFor('route53', { region: 'us-east-1' }),
    ]),
    's3-put': s3('PUT', '/bucket/a%20b//../%C3%BC', 'hello'),
    's3-delete': s3('DELETE', '/bucket/key?versionId=3'),
    's3-delete-many': s3(
      'POST',
      '/bucket?delete',
      '<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>a</Key></Object></Delete>',
    ),
    's3-policy': s3('PUT', '/bucket?policy', '{}'),
    's3-part': s3('PUT', '/bucket/key?partNumber=1&uploadId=u', 'x'),
    's3-presigned': written('GET', `/bucket/key?${PRESIGNED}`, [['host', '127.0.0.1:7070']]),
    'action-twice': written(
      'POST',
      '/?Action=DescribeInstances&Version=2016-11-15',
      [...signedFor('ec2'), FORM],
      'Action=TerminateInstances&Version=2016-11-15',
    ),
    'two-subresources': s3('DELETE', '/bucket?policy&tagging'),
    unsigned: written('POST', '/', [FORM], 'Action=DescribeInstances&Version=2016-11-15'),
  }),
}
