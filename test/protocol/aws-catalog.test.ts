import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { canonicalize, type JsonValue } from '../../src/canon/index.js'
import { awsCatalog, type CatalogDocument, openCatalog, type RequestHead } from '../../src/protocol/index.js'
import {
  ACCOUNT,
  choiceOf,
  classifySigned,
  shelfOf,
  shippedAws,
  shippedShelf,
  signedFor,
} from './aws-fixture.js'
import { form, json, s3 } from './aws-requests.js'
import { argsIn, operationIn, recognisedIn, refusalOf, request } from './requests.js'

/** A service of a test's own, small enough to be read beside it. */
const THINGS = {
  id: 'things',
  signingName: 'things',
  iam: 'things',
  wires: ['json'],
  apiVersion: '2026-01-01',
  targetPrefix: 'Things',
  endpoints: { aws: { host: 'things.{region}.amazonaws.com' } },
  shapes: { Tree: { fields: { Name: { is: 'string' }, Below: { is: { list: { ref: 'Tree' } } } } } },
  operations: {
    PutThing: {
      classes: ['update', 'create'],
      input: {
        fields: {
          Name: { is: 'string' },
          Tree: { is: { ref: 'Tree' } },
          Role: { is: 'string' },
          When: { is: 'time' },
          Token: { is: 'string' },
        },
      },
      hostPrefix: 'sync-',
      rules: [{ path: 'Role', is: 'present', adds: ['privilege'] }],
      effects: ['put'],
      resources: [{ type: 'thing', arn: 'arn:{partition}:things:{region}:{account}:thing/{Name}' }],
      unmapped: ['Role'],
      renewed: ['Token'],
      actions: [{ action: 'things:Put' }, { action: 'iam:PassRole', when: 'Role' }],
    },
  },
}

function things(more: Parameters<typeof choiceOf>[1] = {}, service: object = THINGS): CatalogDocument {
  return awsCatalog(shelfOf({ things: service }), choiceOf(['things'], more))
}

function faultOf(run: () => unknown): { code: string; message: string } {
  try {
    run()
  } catch (error) {
    return error as { code: string; message: string }
  }
  assert.fail('nothing was thrown')
}

const HEAD: RequestHead = {
  method: 'POST',
  target: { raw: '/', path: '/', segments: [''], query: null },
  headers: [],
}

describe('awsCatalog', () => {
  it('makes the same document of the same choice, in whatever order', () => {
    const one = awsCatalog(shippedShelf, choiceOf(['s3', 'ec2'], { regions: ['us-east-1', 'eu-west-1'] }))
    const other = awsCatalog(
      shippedShelf,
      choiceOf(['ec2', 's3', 'ec2'], { regions: ['eu-west-1', 'us-east-1'] }),
    )
    assert.equal(canonicalize(one as unknown as JsonValue), canonicalize(other as unknown as JsonValue))
  })

  it('has an origin for each service and region, for global services one, and for what stands before a host', () => {
    assert.deepEqual(things().profile.origins, {
      'sync-things.eu-west-1': 'https://sync-things.eu-west-1.amazonaws.com',
      'sync-things.us-east-1': 'https://sync-things.us-east-1.amazonaws.com',
      'things.eu-west-1': 'https://things.eu-west-1.amazonaws.com',
      'things.us-east-1': 'https://things.us-east-1.amazonaws.com',
    })
    const { origins } = awsCatalog(
      shippedShelf,
      choiceOf(['iam', 's3control'], { regions: ['eu-west-1'] }),
    ).profile
    assert.equal(origins['iam.us-east-1'], 'https://iam.amazonaws.com')
    assert.equal(
      origins[`${ACCOUNT}.s3control.eu-west-1`],
      `https://${ACCOUNT}.s3-control.eu-west-1.amazonaws.com`,
    )
  })

  it('names the service or the region that it doesn’t know', () => {
    const service = faultOf(() => awsCatalog(shippedShelf, choiceOf(['ec3'])))
    assert.equal(service.code, 'aws_service_unknown')
    assert.match(service.message, /"ec3"/)
    for (const region of ['cn-north-1', 'moon', 'eu-west-1.evil.example']) {
      const fault = faultOf(() => awsCatalog(shippedShelf, choiceOf(['ec2'], { regions: [region] })))
      assert.equal(fault.code, 'aws_region_unknown')
      assert.ok(fault.message.includes(region))
    }
    const china = choiceOf(['things'], { partition: 'aws-cn', regions: ['cn-north-1'] })
    assert.equal(faultOf(() => awsCatalog(shelfOf({ things: THINGS }), china)).code, 'aws_service_unknown')
  })

  it('opens every service that ships, and lists their operations', () => {
    const document = awsCatalog(shippedShelf, choiceOf(shippedShelf.services))
    const operations = openCatalog(document).operations()
    assert.ok(operations.length > 14_000, String(operations.length))
  })

  it('can type the arguments of every operation that ships', () => {
    for (const id of shippedShelf.services)
      for (const { args } of shippedAws(id).operations()) assert.equal(typeof args, 'object')
  })

  it('refuses a malformed service when it is chosen', () => {
    const broken = { ...THINGS, operations: { PutThing: { classes: [] } } }
    assert.equal(faultOf(() => things({}, { ...THINGS, wires: ['soap'] })).code, 'catalog_malformed')
    assert.equal(faultOf(() => openCatalog(things({}, broken)).operations()).code, 'catalog_malformed')
  })
})

describe('openCatalog of protocol aws', () => {
  const document = things()
  const body = document.body as Record<string, unknown>
  const call = json('things', 'Things.PutThing', '{"Name":"n"}')

  it('holds the document to its shape', () => {
    for (const wrong of [
      { account: '1' },
      { partition: 'aws:' },
      { regions: ['x'] },
      { services: { things: 1 } },
      { more: [{}] },
      { extra: 1 },
    ])
      assert.equal(
        faultOf(() => openCatalog({ ...document, body: { ...body, ...wrong } })).code,
        'catalog_malformed',
      )
  })

  it('refuses requests, and throws nothing, where a service’s own text is malformed', () => {
    for (const text of ['{', '{"signingName":"things"}', JSON.stringify({ ...THINGS, id: 'other' })]) {
      const catalog = openCatalog({ ...document, body: { ...body, services: { things: text } } })
      const code = refusalOf(catalog, call)
      assert.ok(code === 'classifier_fault' || code === 'aws_service', code)
      const recognised = { name: 'things:PutThing', args: {}, region: 'eu-west-1' }
      assert.deepEqual(catalog.describe('aws', recognised).classes, ['unknown'])
      assert.equal(catalog.originOf(HEAD, [recognised]), 'none')
    }
  })

  it('refuses a request whose shape is malformed', () => {
    const service = { ...THINGS, shapes: { Tree: { ref: 'Tree' } } }
    const catalog = openCatalog({
      ...document,
      body: { ...body, services: { things: JSON.stringify(service) } },
    })
    assert.equal(refusalOf(catalog, json('things', 'Things.PutThing', '{"Tree":{}}')), 'classifier_fault')
  })
})

describe('what an operation of AWS is described as', () => {
  it('attack: one whose resources a damaged catalog garbles is unknown, and so denied', () => {
    const { PutThing } = THINGS.operations
    const garbled = { ...PutThing, resources: [{ type: 'thing', arn: 'arn:{partition}:things:{Name' }] }
    const catalog = openCatalog(things({}, { ...THINGS, operations: { PutThing: garbled } }))
    const described = catalog.describe('aws', { name: 'things:PutThing', args: { Name: 'a' } })
    assert.deepEqual(described.classes, ['unknown'])
    assert.deepEqual(described.resources, [])
  })

  const catalog = openCatalog(things())

  it('has classes by rules, scope, resources and permissions', () => {
    const operation = operationIn(catalog, json('things', 'Things.PutThing', '{"Name":"n","When":1.5}'))
    assert.equal(operation.name, 'things:PutThing')
    assert.deepEqual(operation.classes, ['create', 'update'])
    assert.deepEqual(operation.scope, { account: ACCOUNT, region: 'eu-west-1', service: 'things' })
    const arn = `arn:aws:things:eu-west-1:${ACCOUNT}:thing/n`
    assert.deepEqual(operation.resources, [{ type: 'thing', id: arn }])
    assert.deepEqual(operation.permissions, { actions: ['things:Put'], resources: [arn] })
    assert.deepEqual(operation.effects, ['put'])
    assert.equal(operation.args.When, '1.5')
  })

  it('takes more permissions, and none narrowed, where an argument asks for them', () => {
    const role = 'arn:aws:iam::999999999999:role/r'
    const operation = operationIn(
      catalog,
      json('things', 'Things.PutThing', JSON.stringify({ Name: 'n', Role: role })),
    )
    assert.deepEqual(operation.classes, ['create', 'privilege', 'update'])
    assert.deepEqual(operation.permissions, { actions: ['iam:PassRole', 'things:Put'], resources: ['*'] })
    assert.ok(operation.resources.some(({ type, id }) => type === 'unmapped' && id === role))
    // Two accounts are named: whose it is, isn't known.
    assert.equal(operation.scope.account, undefined)
  })

  it('takes an ARN for what it says, another account and region included', () => {
    const arn = 'arn:aws:things:us-east-1:999999999999:thing/x'
    const operation = operationIn(catalog, json('things', 'Things.PutThing', JSON.stringify({ Name: arn })))
    assert.deepEqual(operation.resources, [{ type: 'thing', id: arn }])
    assert.equal(operation.scope.account, '999999999999')
  })

  it('goes to the origin of its operation and region', () => {
    const recognised = recognisedIn(catalog, json('things', 'Things.PutThing', '{}'))
    assert.equal(catalog.originOf(HEAD, [recognised]), 'sync-things.eu-west-1')
    assert.equal(catalog.originOf(HEAD, [{ ...recognised, name: 'things:Nothing' }]), 'things.eu-west-1')
    assert.equal(catalog.originOf(HEAD, [{ ...recognised, name: 'other:PutThing' }]), 'none')
    assert.equal(catalog.originOf(HEAD, []), 'none')
  })

  it('lasts without what SDKs renew', () => {
    assert.deepEqual(catalog.lastingArgs({ name: 'things:PutThing', args: { Name: 'n', Token: 't' } }), {
      Name: 'n',
    })
  })

  it('can be an operation of the policy’s own', () => {
    const added = things({
      more: [{ service: 'things', name: 'DropThing', http: null, classes: ['irreversible'] }],
    })
    const operation = operationIn(
      openCatalog(added),
      json('things', 'Things.DropThing', '{"Any":{"thing":1}}'),
    )
    assert.deepEqual(operation.classes, ['irreversible'])
    assert.deepEqual(operation.permissions, { actions: ['things:DropThing'], resources: ['*'] })
    assert.equal(JSON.stringify(operation.args), '{"Any":{"thing":1}}')
  })
})

describe('resources as AWS’s services name them', () => {
  const catalog = shippedAws('ec2', 'sqs', 'lambda', 'kms', 'dynamodb', 's3', 'iam')
  const arn = (rest: string) => `arn:aws:${rest}`
  const ids = (raw: Parameters<typeof operationIn>[1]) =>
    operationIn(catalog, raw).resources.map(({ id }) => id)

  it('a list of instances', () => {
    const raw = form('ec2', 'Action=TerminateInstances&Version=2016-11-15&InstanceId.1=i-1&InstanceId.2=i-2')
    assert.deepEqual(
      ids(raw),
      ['i-1', 'i-2'].map(id => arn(`ec2:eu-west-1:${ACCOUNT}:instance/${id}`)),
    )
  })

  it('a queue by its URL, in either protocol', () => {
    const url = `https://sqs.eu-west-1.amazonaws.com/${ACCOUNT}/jobs.fifo`
    const expected = [arn(`sqs:eu-west-1:${ACCOUNT}:jobs.fifo`)]
    assert.deepEqual(ids(json('sqs', 'AmazonSQS.PurgeQueue', JSON.stringify({ QueueUrl: url }))), expected)
    const query = `Action=PurgeQueue&Version=2012-11-05&QueueUrl=${encodeURIComponent(url)}`
    assert.deepEqual(ids(form('sqs', query)), expected)
    assert.deepEqual(ids(json('sqs', 'AmazonSQS.PurgeQueue', '{"QueueUrl":"jobs"}')), ['jobs'])
  })

  it('a function by its name, its partial ARN or its ARN', () => {
    const call = (name: string) =>
      request('DELETE', `/2015-03-31/functions/${name}`, { headers: signedFor('lambda') })
    const expected = [arn(`lambda:eu-west-1:${ACCOUNT}:function:f`)]
    assert.deepEqual(ids(call('f')), expected)
    assert.deepEqual(ids(call(`${ACCOUNT}:function:f`)), expected)
    assert.deepEqual(ids(call(`arn%3Aaws%3Alambda%3Aeu-west-1%3A${ACCOUNT}%3Afunction%3Af`)), expected)
  })

  it('a key by its id or its alias', () => {
    const call = (id: string) =>
      json('kms', 'TrentService.ScheduleKeyDeletion', JSON.stringify({ KeyId: id }))
    assert.deepEqual(ids(call('1-2')), [arn(`kms:eu-west-1:${ACCOUNT}:key/1-2`)])
    assert.deepEqual(ids(call('alias/a')), [arn(`kms:eu-west-1:${ACCOUNT}:alias/a`)])
    assert.deepEqual(operationIn(catalog, call('alias/a')).permissions?.resources, [
      arn(`kms:eu-west-1:${ACCOUNT}:key/*`),
    ])
  })

  it('a global service in its own region, whatever region a client with a base URL signs for', () => {
    for (const region of ['us-east-1', 'eu-west-1']) {
      const raw = form('iam', 'Action=DeleteUser&Version=2010-05-08&UserName=u', { region })
      assert.equal(recognisedIn(catalog, raw).region, 'us-east-1')
      assert.deepEqual(ids(raw), [arn(`iam::${ACCOUNT}:user/u`)])
    }
  })

  it('an object of a presigned URL', () => {
    const query =
      `X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=g%2F20260422%2Feu-west-1%2Fs3%2Faws4_request` +
      `&X-Amz-Date=20260422T101500Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=${'0'.repeat(64)}`
    const raw = request('GET', `/b/a%20b?${query}&versionId=v&x-id=GetObject`, { headers: [['host', 'x']] })
    const result = classifySigned(catalog, raw)
    assert.ok(result.kind === 'operations')
    const [recognised] = result.operations
    assert.ok(recognised !== undefined)
    assert.equal(recognised.name, 's3:GetObject')
    assert.equal(recognised.opaque, undefined)
    const { resources, permissions } = catalog.describe('aws', recognised)
    assert.deepEqual(resources, [{ type: 'object', id: 'arn:aws:s3:::b/a b' }])
    assert.deepEqual(permissions?.actions, ['s3:GetObject', 's3:GetObjectVersion'])
  })

  it('the name of an account that an endpoint doesn’t belong to is refused', () => {
    const control = shippedAws('s3', 's3control')
    const call = (account: string) =>
      s3('DELETE', '/v20180820/accesspoint/p', { headers: [['x-amz-account-id', account]] })
    assert.equal(recognisedIn(control, call(ACCOUNT)).name, 's3control:DeleteAccessPoint')
    assert.equal(refusalOf(control, call('999999999999')), 'aws_account')
    assert.equal(recognisedIn(control, s3('DELETE', '/v20180820/accesspoint/p')).name, 's3:DeleteObject')
  })

  it('arguments of headers, path and query come by the model’s own names', () => {
    const raw = s3('PUT', '/b/k', {
      headers: [
        ['x-amz-acl', 'public-read'],
        ['x-amz-meta-a', '1'],
      ],
      body: 'x',
    })
    assert.deepEqual(argsIn(catalog, raw), {
      Bucket: 'b',
      Key: 'k',
      ACL: 'public-read',
      Metadata: { a: '1' },
    })
    assert.deepEqual(operationIn(catalog, raw).permissions?.actions, ['s3:PutObject', 's3:PutObjectAcl'])
  })
})
