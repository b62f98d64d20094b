import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type Header,
  headersAsSigned,
  isUnclassifiable,
  type RequestSignature,
  readSignature,
  withoutSignature,
} from '../../src/protocol/index.js'

const SIGNATURE = 'a'.repeat(64)
const HASH = 'b'.repeat(64)
const DATE: Header = ['x-amz-date', '20260422T101500Z']
const HOST: Header = ['host', '127.0.0.1:7070']

function authorization(names: string, scope = 'grant-1/20260422/eu-west-1/ec2/aws4_request'): Header {
  return [
    'authorization',
    `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=${names}, Signature=${SIGNATURE}`,
  ]
}

const HEADERS: readonly Header[] = [HOST, DATE, authorization('host;x-amz-date')]

const PRESIGNED =
  '/bucket/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=grant-1%2F20260422%2Feu-west-1%2Fs3%2Faws4_request' +
  `&X-Amz-Date=20260422T101500Z&X-Amz-Expires=900&versionId=v1&X-Amz-SignedHeaders=host&X-Amz-Signature=${SIGNATURE}`

function read(target: string, headers: readonly Header[]): RequestSignature {
  const signature = readSignature(target, headers)
  assert.ok(signature !== null && !isUnclassifiable(signature), JSON.stringify(signature))
  return signature
}

function codeOf(target: string, headers: readonly Header[]): string | undefined {
  const signature = readSignature(target, headers)
  return signature !== null && isUnclassifiable(signature) ? signature.code : undefined
}

describe('readSignature', () => {
  it('reads Authorization', () => {
    assert.deepEqual(read('/?a=b', HEADERS), {
      place: 'header',
      accessKeyId: 'grant-1',
      day: '20260422',
      date: '20260422T101500Z',
      region: 'eu-west-1',
      service: 'ec2',
      signedHeaders: ['host', 'x-amz-date'],
      signature: SIGNATURE,
      expiresSeconds: null,
      payload: null,
      securityToken: null,
      targetWithoutSignature: '/?a=b',
    })
  })

  it('reads a presigned URL, and what of it goes upstream', () => {
    const signature = read(PRESIGNED, [HOST])
    assert.equal(signature.place, 'query')
    assert.equal(signature.expiresSeconds, 900)
    assert.equal(signature.payload, 'UNSIGNED-PAYLOAD')
    assert.equal(signature.targetWithoutSignature, '/bucket/key?versionId=v1')
    assert.equal(withoutSignature(PRESIGNED), '/bucket/key?versionId=v1')
  })

  it('writes a presigned request’s headers as if it had been signed there', () => {
    const signature = read(PRESIGNED, [HOST])
    const headers = headersAsSigned(signature, [HOST])
    assert.equal(headers.find(([name]) => name === 'x-amz-content-sha256')?.[1], 'UNSIGNED-PAYLOAD')
    const again = read(
      '/bucket/key',
      [...headers, DATE]
        .filter(([name]) => name !== 'x-amz-date' || true)
        .map(
          ([name, value]): Header => [
            name,
            value.replace('SignedHeaders=host', 'SignedHeaders=host;x-amz-content-sha256;x-amz-date'),
          ],
        ),
    )
    assert.equal(again.accessKeyId, 'grant-1')
    assert.equal(again.service, 's3')
  })

  it('finds none in an unsigned request, nor in one with another scheme', () => {
    assert.equal(readSignature('/', [HOST]), null)
    assert.equal(readSignature('/', [HOST, ['authorization', 'Bearer x.y.z']]), null)
    assert.equal(withoutSignature('/b?list-type=2'), '/b?list-type=2')
  })

  const REFUSED: readonly [name: string, target: string, headers: readonly Header[], code: string][] = [
    ['a signature in both places', PRESIGNED, HEADERS, 'aws_signature_twice'],
    [
      'a signature in the query beside a Bearer token',
      PRESIGNED,
      [HOST, ['authorization', 'Bearer x']],
      'aws_signature_twice',
    ],
    ['two Authorizations', '/', [...HEADERS, authorization('host')], 'aws_signature_twice'],
    ['a parameter twice', `${PRESIGNED}&X-Amz-Date=20260422T101500Z`, [HOST], 'aws_signature_twice'],
    ['one in another case', `${PRESIGNED}&x-amz-signature=${SIGNATURE}`, [HOST], 'aws_signature_malformed'],
    [
      'one with an encoded name',
      PRESIGNED.replace('X-Amz-Expires', 'X%2DAmz-Expires'),
      [HOST],
      'aws_signature_malformed',
    ],
    ['a lone parameter', '/b/k?X-Amz-Signature=1', [HOST], 'aws_signature_algorithm'],
    ['no date', '/', [HOST, authorization('host')], 'aws_signature_date'],
    [
      'a date of another day',
      '/',
      [HOST, ['x-amz-date', '20260423T000000Z'], authorization('host;x-amz-date')],
      'aws_signature_date',
    ],
    [
      'a date in another form',
      '/',
      [HOST, ['x-amz-date', '2026-04-22T10:15:00Z'], authorization('host;x-amz-date')],
      'aws_signature_date',
    ],
    ['eight days', PRESIGNED.replace('=900', '=604801'), [HOST], 'aws_signature_malformed'],
    ['a host that isn’t signed', '/', [HOST, DATE, authorization('x-amz-date')], 'aws_signature_headers'],
    [
      'an x-amz- header that isn’t signed',
      '/',
      [...HEADERS, ['x-amz-copy-source', '/b/k']],
      'aws_signature_headers',
    ],
    [
      'a signed header that isn’t there',
      '/',
      [HOST, DATE, authorization('host;x-amz-acl;x-amz-date')],
      'aws_signature_headers',
    ],
    [
      'signed headers out of order',
      '/',
      [HOST, DATE, authorization('x-amz-date;host')],
      'aws_signature_malformed',
    ],
    [
      'a region that is a host',
      '/',
      [HOST, DATE, authorization('host;x-amz-date', 'g/20260422/evil.example#/ec2/aws4_request')],
      'aws_signature_malformed',
    ],
    [
      'a region that is longer than any',
      '/',
      [HOST, DATE, authorization('host;x-amz-date', `g/20260422/${'e'.repeat(33)}/ec2/aws4_request`)],
      'aws_signature_malformed',
    ],
    [
      'a scope with another end',
      '/',
      [HOST, DATE, authorization('host;x-amz-date', 'g/20260422/eu-west-1/ec2/aws5_request')],
      'aws_signature_malformed',
    ],
    [
      'SigV4A',
      '/',
      [
        HOST,
        DATE,
        [
          'authorization',
          `AWS4-ECDSA-P256-SHA256 Credential=g/20260422/s3/aws4_request, SignedHeaders=host, Signature=00`,
        ],
      ],
      'aws_sigv4a',
    ],
    ['a set of regions', '/', [...HEADERS, ['x-amz-region-set', '*']], 'aws_sigv4a'],
    [
      'SigV4A in the query',
      PRESIGNED.replace('AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256'),
      [HOST],
      'aws_sigv4a',
    ],
    [
      'SigV2',
      '/',
      [HOST, ['authorization', 'AWS AKIDEXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=']],
      'aws_signature_algorithm',
    ],
    [
      'a payload hash that is none',
      '/',
      [HOST, DATE, ['x-amz-content-sha256', 'x'], authorization('host;x-amz-content-sha256;x-amz-date')],
      'aws_payload_hash',
    ],
    [
      'a payload’s name that is longer than any',
      '/',
      [
        HOST,
        DATE,
        ['x-amz-content-sha256', `STREAMING-${'A'.repeat(55)}`],
        authorization('host;x-amz-content-sha256;x-amz-date'),
      ],
      'aws_payload_hash',
    ],
    [
      'S3 without one',
      '/b',
      [HOST, DATE, authorization('host;x-amz-date', 'g/20260422/eu-west-1/s3/aws4_request')],
      'aws_payload_hash',
    ],
    [
      'a payload hash in both places',
      `${PRESIGNED}&X-Amz-Content-Sha256=${HASH}`,
      [HOST, ['x-amz-content-sha256', HASH]],
      'aws_signature_twice',
    ],
    [
      'a session token in both places',
      PRESIGNED,
      [HOST, ['x-amz-security-token', 't']],
      'aws_signature_twice',
    ],
  ]
  for (const [name, target, headers, code] of REFUSED)
    it(`attack: refuses ${name}`, () => assert.equal(codeOf(target, headers), code))
})
