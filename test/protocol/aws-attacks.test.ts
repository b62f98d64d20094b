import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { encode } from 'cborg'
import type { Catalog, Header } from '../../src/protocol/index.js'
import { shippedAws, signedFor } from './aws-fixture.js'
import { form, json, s3 } from './aws-requests.js'
import { argsIn, operationIn, recognisedIn, refusalOf, request } from './requests.js'

const EC2 = shippedAws('ec2', 's3', 'dynamodb', 'sqs', 'lambda', 'iam', 'cloudwatch')
const V = 'Version=2016-11-15'

describe('attacks by the number of items', () => {
  it('more names than a call takes arguments leave an operation what it is', () => {
    const aws = shippedAws('ssm')
    const names = JSON.stringify({ Names: Array.from({ length: 200_000 }, () => 'a') })
    const found = operationIn(aws, json('ssm', 'AmazonSSM.DeleteParameters', names))
    assert.equal(found.name, 'ssm:DeleteParameters')
    assert.ok(!found.classes.includes('unknown'))
    assert.ok(found.resources.length > 0)
  })
})

describe('attacks on the selector', () => {
  const REFUSED: readonly [name: string, raw: Parameters<typeof refusalOf>[1], code: string][] = [
    [
      'Action in URL and body',
      form('ec2', `Action=DescribeInstances&${V}`, { target: `/?Action=TerminateInstances&${V}` }),
      'aws_selector',
    ],
    [
      'Action twice in the body',
      form('ec2', `Action=DescribeInstances&Action=TerminateInstances&${V}`),
      'aws_selector',
    ],
    [
      'action in another case beside it',
      form('ec2', `Action=DescribeInstances&action=TerminateInstances&${V}`),
      'aws_selector',
    ],
    ['no Version', form('ec2', 'Action=DescribeInstances'), 'aws_selector'],
    ['another Version', form('ec2', 'Action=DescribeInstances&Version=2014-01-01'), 'aws_version'],
    [
      'two X-Amz-Target',
      json('dynamodb', 'DynamoDB_20120810.ListTables', '{}', [
        ['x-amz-target', 'DynamoDB_20120810.DeleteTable'],
      ]),
      'header_duplicate',
    ],
    [
      'X-Amz-Target with a query',
      { ...json('dynamodb', 'DynamoDB_20120810.ListTables', '{}'), target: '/?Action=DeleteTable' },
      'aws_selector',
    ],
    ['X-Amz-Target of another service', json('dynamodb', 'AWSIE.DeleteTable', '{}'), 'aws_service'],
    ['X-Amz-Target to S3', s3('PUT', '/b/k', { headers: [['x-amz-target', 'x.y']] }), 'aws_selector'],
    [
      'X-Amz-Target beside a form',
      {
        ...form('sqs', 'Action=ListQueues&Version=2012-11-05'),
        headers: [
          ...signedFor('sqs'),
          ['x-amz-target', 'AmazonSQS.PurgeQueue'],
          ['content-type', 'application/x-www-form-urlencoded'],
        ],
      },
      'content_type_mismatch',
    ],
    [
      'a method override',
      s3('GET', '/b', { headers: [['x-http-method-override', 'DELETE']] }),
      'method_override',
    ],
    [
      'the scope of a service that the policy doesn’t list',
      form('rds', 'Action=DeleteDBInstance&Version=2014-10-31'),
      'aws_service',
    ],
    [
      'a region that the policy doesn’t list',
      form('ec2', `Action=DescribeInstances&${V}`, { region: 'ap-south-1' }),
      'aws_region',
    ],
    [
      'an unsigned request',
      request('POST', '/', {
        headers: [['content-type', 'application/x-www-form-urlencoded']],
        body: `Action=DescribeInstances&${V}`,
      }),
      'aws_signature_missing',
    ],
    ['an x-id that says something else', s3('DELETE', '/b/k?x-id=GetObject'), 'aws_selector'],
    ['two subresources', s3('GET', '/b?acl&policy'), 'aws_ambiguous'],
    ['a subresource with a value', s3('POST', '/b?delete=no', { body: '<Delete/>' }), 'parameter_ambiguous'],
    ['a raw plus in the query', s3('GET', '/b?prefix=a+b'), 'target_plus'],
    ['a raw plus in a key', s3('GET', '/b/a+b'), 'target_plus'],
    [
      'dot segments of a service that keeps no keys',
      { ...s3('DELETE', '/2015-03-31/functions/../x'), headers: signedFor('lambda') },
      'target_dot_segment',
    ],
  ]
  for (const [name, raw, code] of REFUSED)
    it(`attack: refuses ${name}`, () => assert.equal(refusalOf(EC2, raw), code))

  it('attack: rds, neptune and docdb share calls, endpoint and signature, and are refused side by side', () => {
    const raw = form('rds', 'Action=DeleteDBCluster&Version=2014-10-31&DBClusterIdentifier=c')
    assert.equal(refusalOf(shippedAws('rds', 'neptune'), raw), 'aws_ambiguous')
    assert.equal(recognisedIn(shippedAws('neptune'), raw).name, 'neptune:DeleteDBCluster')
    const only = form('rds', 'Action=CreateDBInstanceReadReplica&Version=2014-10-31&DBInstanceIdentifier=c')
    assert.equal(recognisedIn(shippedAws('rds', 'neptune'), only).name, 'rds:CreateDBInstanceReadReplica')
  })

  it('attack: an operation that the catalog lacks is unknown, whatever it is called', () => {
    for (const [body, name] of [
      [`Action=DeleteEverything&${V}`, 'ec2:DeleteEverything'],
      [`Action=constructor&${V}`, 'ec2:constructor'],
    ] as const) {
      const operation = operationIn(EC2, form('ec2', body))
      assert.equal(operation.name, name)
      assert.deepEqual(operation.classes, ['unknown'])
    }
    assert.equal(refusalOf(EC2, form('ec2', `Action=a%20b&${V}`)), 'aws_selector')
    assert.deepEqual(operationIn(EC2, s3('PATCH', '/b/k')).classes, ['unknown'])
  })
})

describe('attacks on S3', () => {
  it('attack: x-amz-copy-source makes a copy of a PUT, and is refused in a presigned URL', () => {
    const header = s3('PUT', '/b/k', { headers: [['x-amz-copy-source', '/other/secret%20file?versionId=v']] })
    const operation = operationIn(EC2, header)
    assert.equal(operation.name, 's3:CopyObject')
    assert.deepEqual(
      operation.resources.map(({ id }) => id),
      ['arn:aws:s3:::other/secret file', 'arn:aws:s3:::b/k'],
    )
    // A presigned URL may carry it in the query; sent on under a signature in a header it would mean nothing there.
    assert.equal(refusalOf(EC2, s3('PUT', '/b/k?x-amz-copy-source=other%2Fk2')), 'parameter_ambiguous')
    assert.equal(
      refusalOf(EC2, s3('PUT', '/b/k?x-amz-copy-source=a%2Fb', { headers: [['x-amz-copy-source', 'c/d']] })),
      'parameter_ambiguous',
    )
  })

  it('attack: a copy whose source can’t be told has an unmapped resource beside the target', () => {
    const operation = operationIn(EC2, s3('PUT', '/b/k', { headers: [['x-amz-copy-source', '/other/a+b']] }))
    assert.deepEqual(operation.resources, [
      { type: 'unmapped', id: '/other/a+b' },
      { type: 'object', id: 'arn:aws:s3:::b/k' },
    ])
    assert.deepEqual(operation.permissions?.resources, ['*'])
  })

  it('attack: POST ?delete is no upload, and its XML is read', () => {
    const body =
      '<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>a&amp;b/../c</Key></Object><Object><Key>*</Key></Object></Delete>'
    const operation = operationIn(EC2, s3('POST', '/b?delete', { body }))
    assert.equal(operation.name, 's3:DeleteObjects')
    assert.deepEqual(
      operation.resources.map(({ id }) => id),
      ['arn:aws:s3:::b/a&b/../c', 'arn:aws:s3:::b/*'],
    )
    // biome-ignore lint/suspicious/noTemplateCurlyInString: IAM's own escape.
    const literalStar = 'arn:aws:s3:::b/${*}'
    // A key is a name: what IAM would read as a pattern is written so that it isn't one.
    assert.deepEqual(operation.permissions?.resources, [literalStar, 'arn:aws:s3:::b/a&b/../c'])
  })

  const KEYS: readonly [target: string, key: string][] = [
    ['/b/a%20b//../c', 'a b//../c'],
    ['/b//', '/'],
    ['/b/..', '..'],
    ['/b/a%2Fb', 'a/b'],
    ['/b/a%252F%2520', 'a%2F%20'],
    ['/b/%C3%BC%5C%2B', 'ü\\+'],
    ['/b/arn%3Aaws%3As3%3A%3A%3Aother/k', 'arn:aws:s3:::other/k'],
  ]
  for (const [target, key] of KEYS)
    it(`attack: ${target} is that key and no other`, () => {
      const operation = operationIn(EC2, s3('DELETE', target))
      assert.equal(operation.name, 's3:DeleteObject')
      assert.deepEqual(operation.resources, [{ type: 'object', id: `arn:aws:s3:::b/${key}` }])
    })

  it('attack: a bucket’s name hides no slash', () => {
    assert.deepEqual(operationIn(EC2, s3('DELETE', '/b%2Fk')).classes, ['unknown'])
    assert.equal(operationIn(EC2, s3('DELETE', '/b/')).name, 's3:DeleteBucket')
  })

  it('attack: a subresource newer than the catalog makes an upload opaque', () => {
    const operation = operationIn(EC2, s3('PUT', '/b/k?renameObject', { body: 'x' }))
    assert.ok(operation.classes.includes('opaque'))
  })

  it('attack: a header newer than the catalog makes an upload opaque', () => {
    const operation = operationIn(
      EC2,
      s3('PUT', '/b/k', { headers: [['x-amz-rename-source', 'x']], body: 'x' }),
    )
    assert.ok(operation.classes.includes('opaque'))
  })
})

describe('attacks on bodies', () => {
  const xml = (body: string) => s3('POST', '/b?delete', { body })
  const item = '<Object><Key>k</Key></Object>'
  const REFUSED: readonly [name: string, raw: Parameters<typeof refusalOf>[1], code: string][] = [
    [
      'a document type',
      xml(`<!DOCTYPE d [<!ENTITY e "k">]><Delete><Object><Key>&e;</Key></Object></Delete>`),
      'aws_xml',
    ],
    ['an unknown entity', xml('<Delete><Object><Key>&e;</Key></Object></Delete>'), 'aws_xml'],
    ['a processing instruction', xml(`<Delete><?x y?>${item}</Delete>`), 'aws_xml'],
    ['a comment within a key', xml('<Delete><Object><Key>a<!-- b --></Key></Object></Delete>'), 'aws_xml'],
    ['CDATA', xml('<Delete><Object><Key><![CDATA[k]]></Key></Object></Delete>'), 'aws_xml'],
    ['a prefix', xml('<x:Delete xmlns:x="y"/>'), 'aws_xml'],
    ['trailing garbage', xml(`<Delete>${item}</Delete>x`), 'aws_xml'],
    ['a second root', xml(`<Delete>${item}</Delete><Delete/>`), 'aws_xml'],
    ['text between elements', xml(`<Delete>${item}x</Delete>`), 'aws_xml'],
    ['another encoding', xml(`<?xml version="1.0" encoding="utf-16"?><Delete>${item}</Delete>`), 'aws_xml'],
    ['a depth bomb', xml('<Delete>'.repeat(100_000)), 'aws_xml'],
    [
      'a member twice',
      xml(`<Delete><Quiet>true</Quiet><Quiet>false</Quiet>${item}</Delete>`),
      'parameter_duplicate',
    ],
    ['a key twice', xml('<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>'), 'parameter_duplicate'],
    [
      'a member in another case',
      xml(`<Delete>${item}<object><Key>b</Key></object></Delete>`),
      'parameter_ambiguous',
    ],
    [
      'a duplicate JSON key',
      json('dynamodb', 'DynamoDB_20120810.DeleteTable', '{"TableName":"a","TableName":"b"}'),
      'json_duplicate_key',
    ],
    [
      'an escaped duplicate',
      json('dynamodb', 'DynamoDB_20120810.DeleteTable', '{"TableName":"a","\\u0054ableName":"b"}'),
      'json_duplicate_key',
    ],
    [
      'a JSON key in another case',
      json('dynamodb', 'DynamoDB_20120810.DeleteTable', '{"TableName":"a","tableName":"b"}'),
      'parameter_ambiguous',
    ],
    [
      'a lone JSON key in another case',
      json('dynamodb', 'DynamoDB_20120810.DeleteTable', '{"tableName":"b"}'),
      'parameter_ambiguous',
    ],
    ['JSON with trailing bytes', json('dynamodb', 'DynamoDB_20120810.ListTables', '{} x'), 'json_syntax'],
    [
      'a JSON depth bomb',
      json('dynamodb', 'DynamoDB_20120810.ListTables', '['.repeat(100_000)),
      'json_depth',
    ],
    ['a JSON list', json('dynamodb', 'DynamoDB_20120810.ListTables', '[]'), 'body_not_object'],
    [
      'JSON of a form’s type',
      {
        ...json('dynamodb', 'DynamoDB_20120810.ListTables', '{}'),
        headers: [
          ...signedFor('dynamodb'),
          ['x-amz-target', 'DynamoDB_20120810.ListTables'],
          ['content-type', 'application/json'],
        ],
      },
      'content_type_mismatch',
    ],
    [
      'a parameter twice',
      form('ec2', `Action=TerminateInstances&${V}&InstanceId.1=a&InstanceId.1=b`),
      'parameter_duplicate',
    ],
    [
      'a list with a gap',
      form('ec2', `Action=TerminateInstances&${V}&InstanceId.1=a&InstanceId.3=b`),
      'parameter_structure',
    ],
    [
      'a list that counts from 01',
      form('ec2', `Action=TerminateInstances&${V}&InstanceId.01=a`),
      'parameter_structure',
    ],
    [
      'a list and a text of one name',
      form('ec2', `Action=TerminateInstances&${V}&InstanceId=a&InstanceId.1=b`),
      'parameter_structure',
    ],
    [
      'a list in another case',
      form('ec2', `Action=TerminateInstances&${V}&InstanceId.1=a&instanceId.2=b`),
      'parameter_ambiguous',
    ],
    [
      'a list by the member’s own name',
      form('ec2', `Action=TerminateInstances&${V}&InstanceIds.1=a`),
      'parameter_ambiguous',
    ],
    [
      'a form’s depth bomb',
      form('ec2', `Action=TerminateInstances&${V}&${'a.'.repeat(5_000)}b=1`),
      'parameter_structure',
    ],
    [
      'a form that isn’t UTF-8',
      form('ec2', `Action=TerminateInstances&${V}&InstanceId.1=%FF`),
      'parameter_syntax',
    ],
  ]
  for (const [name, raw, code] of REFUSED)
    it(`attack: refuses ${name}`, () => assert.equal(refusalOf(EC2, raw), code))

  it('attack: an undeclared parameter is kept, and makes the request opaque', () => {
    const raw = form('ec2', `Action=TerminateInstances&${V}&InstanceId.1=i-1&Force=true`)
    assert.deepEqual(argsIn(EC2, raw), { InstanceIds: ['i-1'], Force: 'true' })
    assert.ok(operationIn(EC2, raw).classes.includes('opaque'))
  })

  it('attack: a number or truth value that is none makes the request opaque', () => {
    const raw = form('ec2', `Action=TerminateInstances&${V}&InstanceId.1=i-1&DryRun=1`)
    assert.ok(operationIn(EC2, raw).classes.includes('opaque'))
    const number = json('dynamodb', 'DynamoDB_20120810.ListTables', '{"Limit":"1"}')
    assert.ok(operationIn(EC2, number).classes.includes('opaque'))
  })

  it('attack: PartiQL is opaque', () => {
    const raw = json('dynamodb', 'DynamoDB_20120810.ExecuteStatement', '{"Statement":"DELETE FROM t"}')
    assert.ok(operationIn(EC2, raw).classes.includes('opaque'))
  })

  it('attack: prototype keys are keys', () => {
    const raw = json(
      'dynamodb',
      'DynamoDB_20120810.BatchWriteItem',
      '{"RequestItems":{"__proto__":[],"t":[]}}',
    )
    assert.deepEqual(
      operationIn(EC2, raw).resources.map(({ id }) => id),
      [
        'arn:aws:dynamodb:eu-west-1:111122223333:table/__proto__',
        'arn:aws:dynamodb:eu-west-1:111122223333:table/t',
      ],
    )
  })
})

describe('attacks on CBOR', () => {
  const PATH = '/service/GraniteServiceVersion20100801/operation/DeleteAlarms'
  const cbor = (body: Uint8Array, more: readonly Header[] = [['smithy-protocol', 'rpc-v2-cbor']]) =>
    request('POST', PATH, {
      headers: [...signedFor('monitoring'), ['content-type', 'application/cbor'], ...more],
      body,
    })

  it('reads a call', () => {
    const raw = cbor(encode({ AlarmNames: ['a', 'b'] }))
    assert.equal(recognisedIn(EC2, raw).name, 'cloudwatch:DeleteAlarms')
    assert.deepEqual(argsIn(EC2, raw), { AlarmNames: ['a', 'b'] })
    // {_ "AlarmNames": [_ "a"]}
    const open = Uint8Array.of(
      0xbf,
      0x6a,
      ...new TextEncoder().encode('AlarmNames'),
      0x9f,
      0x61,
      0x61,
      0xff,
      0xff,
    )
    assert.deepEqual(argsIn(EC2, cbor(open)), { AlarmNames: ['a'] })
  })

  const key = [0x61, 0x61]
  const REFUSED: readonly [name: string, bytes: readonly number[]][] = [
    ['a key twice', [0xa2, ...key, 0x01, ...key, 0x02]],
    ['trailing bytes', [0xa0, 0x00]],
    ['a break for a value', [0xbf, ...key, 0xff]],
    ['a text that isn’t UTF-8', [0xa1, ...key, 0x61, 0xff]],
    ['a key that is no text', [0xa1, 0x01, 0x01]],
    ['an unknown tag', [0xa1, ...key, 0xc2, 0x41, 0x01]],
    ['tags upon tags', [0xa1, ...key, ...Array.from({ length: 50_000 }, () => 0xc1), 0x01]],
    ['undefined', [0xa1, ...key, 0xf7]],
    ['a depth bomb', [0xa1, ...key, ...Array.from({ length: 50_000 }, () => 0x81), 0x01]],
    ['a list that promises more', [0xa1, ...key, 0x9a, 0xff, 0xff, 0xff, 0xff, 0x01]],
  ]
  for (const [name, bytes] of REFUSED)
    it(`attack: refuses ${name}`, () =>
      assert.equal(refusalOf(EC2, cbor(Uint8Array.from(bytes))), 'aws_cbor'))

  it('attack: the protocol’s header and its path belong together', () => {
    assert.equal(refusalOf(EC2, cbor(encode({}), [])), 'aws_selector')
    const other = { ...cbor(encode({})), target: '/' }
    assert.equal(refusalOf(EC2, other), 'aws_selector')
  })
})

describe('attacks on payloads', () => {
  const planOf = (catalog: Catalog, raw: ReturnType<typeof s3>) => {
    const target = catalog.parseTarget(raw.target)
    assert.ok('raw' in target)
    return catalog.planBody({ method: raw.method, target, headers: raw.headers })
  }
  const chunked = (payload: string, more: readonly Header[]) =>
    s3('PUT', '/b/k', {
      headers: [
        ['x-amz-content-sha256', payload],
        ['content-encoding', 'aws-chunked'],
        ['x-amz-decoded-content-length', '5'],
        ...more,
      ],
    })

  it('holds an upload against its hash, or its chunks', () => {
    const hash = 'c'.repeat(64)
    assert.deepEqual(planOf(EC2, s3('PUT', '/b/k', { headers: [['x-amz-content-sha256', hash]] })), {
      kind: 'stream',
      check: { kind: 'sha256', hex: hash },
    })
    assert.deepEqual(planOf(EC2, s3('PUT', '/b/k')), { kind: 'stream' })
    assert.deepEqual(planOf(EC2, chunked('STREAMING-AWS4-HMAC-SHA256-PAYLOAD', [])), {
      kind: 'stream',
      check: { kind: 'aws-chunked', payloadBytes: 5, signed: true, trailer: null },
    })
    assert.deepEqual(
      planOf(EC2, chunked('STREAMING-UNSIGNED-PAYLOAD-TRAILER', [['x-amz-trailer', 'x-amz-checksum-crc32']])),
      {
        kind: 'stream',
        check: { kind: 'aws-chunked', payloadBytes: 5, signed: false, trailer: 'x-amz-checksum-crc32' },
      },
    )
  })

  it('keeps the coding of an object, and drops that of the chunks', () => {
    const raw = s3('PUT', '/b/k', {
      headers: [
        ['x-amz-content-sha256', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD'],
        ['content-encoding', 'aws-chunked,gzip'],
        ['x-amz-decoded-content-length', '5'],
      ],
    })
    const target = EC2.parseTarget(raw.target)
    assert.ok('raw' in target)
    assert.deepEqual(EC2.addedHeaders({ method: 'PUT', target, headers: raw.headers }, 'id'), [
      ['content-encoding', 'gzip'],
    ])
  })

  const REFUSED: readonly [name: string, raw: ReturnType<typeof s3>, code: string][] = [
    [
      'chunks of a request that is read whole',
      s3('POST', '/b?delete', { headers: [['content-encoding', 'aws-chunked']], body: '5\r\nhello' }),
      'aws_chunked',
    ],
    [
      'a streaming hash of one',
      s3('POST', '/b?delete', {
        headers: [['x-amz-content-sha256', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD']],
        body: 'x',
      }),
      'aws_payload_hash',
    ],
    [
      'chunks without a length',
      s3('PUT', '/b/k', { headers: [['x-amz-content-sha256', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD']] }),
      'aws_chunked',
    ],
    [
      'chunks under a plain hash',
      s3('PUT', '/b/k', { headers: [['content-encoding', 'aws-chunked']] }),
      'aws_chunked',
    ],
    [
      'a trailer that is a header of its own',
      chunked('STREAMING-UNSIGNED-PAYLOAD-TRAILER', [['x-amz-trailer', 'x-amz-acl']]),
      'aws_chunked',
    ],
    [
      'two trailers',
      chunked('STREAMING-UNSIGNED-PAYLOAD-TRAILER', [['x-amz-trailer', 'x-amz-checksum-crc32,x-amz-acl']]),
      'aws_chunked',
    ],
    ['a trailer that isn’t announced', chunked('STREAMING-UNSIGNED-PAYLOAD-TRAILER', []), 'aws_chunked'],
    ['chunks signed by SigV4A', chunked('STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD', []), 'aws_chunked'],
    [
      'two codings that nobody knows',
      s3('POST', '/b?delete', { headers: [['content-encoding', 'zstd']], body: 'x' }),
      'content_encoding',
    ],
  ]
  for (const [name, raw, code] of REFUSED)
    it(`attack: refuses ${name}`, () => assert.equal(refusalOf(EC2, raw), code))
})

describe('attacks on what reads names', () => {
  for (const [name, service, target, args] of [
    ['a blob of padding', 'kms', 'TrentService.Encrypt', { KeyId: 'k', Plaintext: '="x' }],
    ['a parameter of colons', 'ssm', 'AmazonSSM.GetParameter', { Name: ':"\n' }],
    ['a path of slashes', 'ssm', 'AmazonSSM.GetParametersByPath', { Path: '/"x' }],
  ] as const)
    it(`attack: reads ${name} once`, () => {
      // In a process of its own: what would take an hour can't be interrupted in this one.
      const modules = ['aws-fixture', 'aws-requests', 'requests'].map(
        file => new URL(`./${file}.js`, import.meta.url).href,
      )
      const code = `
        const [{ shippedAws }, { json }, { operationIn }] = await Promise.all(${JSON.stringify(modules)}.map(url => import(url)))
        const long = text => text.replace(/^(.)"/, (_, letter) => letter.repeat(900_000))
        const args = Object.entries(${JSON.stringify(args)}).map(([name, text]) => [name, long(text)])
        operationIn(shippedAws('${service}'), json('${service}', '${target}', JSON.stringify(Object.fromEntries(args))))`
      const run = spawnSync(process.execPath, ['--input-type=module', '-e', code], { timeout: 30_000 })
      assert.deepEqual([run.signal, run.status], [null, 0], run.stderr.toString())
    })
})
