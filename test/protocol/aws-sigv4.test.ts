import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import { portableCrypto } from '../../src/canon/index.js'
import { requestSignature, signingKey, UNSIGNED_PAYLOAD } from '../../src/protocol/aws/sigv4.js'
import type { Header } from '../../src/protocol/index.js'

const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const DATE = new Date('2026-04-22T10:15:00Z')

/** What AWS's own signer makes of a request; it wants path and query apart and decoded. */
async function theirs(request: {
  method: string
  path: string
  query?: Record<string, string | string[]>
  headers: Record<string, string>
  service: string
}): Promise<{ signature: string; headers: Header[] }> {
  const signer = new SignatureV4({
    service: request.service,
    region: 'eu-west-1',
    sha256: Sha256,
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: SECRET },
    uriEscapePath: request.service !== 's3',
    applyChecksum: false,
  })
  const signed = await signer.sign(
    {
      method: request.method,
      protocol: 'https:',
      hostname: 'example.amazonaws.com',
      path: request.path,
      query: request.query ?? {},
      headers: {
        host: 'example.amazonaws.com',
        'x-amz-content-sha256': UNSIGNED_PAYLOAD,
        ...request.headers,
      },
    },
    { signingDate: DATE },
  )
  const authorization = signed.headers.authorization ?? ''
  const names = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(';') ?? []
  return {
    signature: /Signature=([0-9a-f]{64})/.exec(authorization)?.[1] ?? '',
    headers: names.map((name): Header => [name, signed.headers[name] ?? '']),
  }
}

const CASES = [
  { name: 'a form', method: 'POST', path: '/', target: '/', service: 'ec2' },
  {
    name: 'a query in another order, with empty and repeated names',
    method: 'GET',
    path: '/things',
    query: { b: ['2', '1'], a: '', 'a-b': 'x', 'ä/ö': 'ü +' },
    target: '/things?b=2&b=1&a=&a-b=x&%C3%A4%2F%C3%B6=%C3%BC%20%2B',
    service: 'lambda',
  },
  {
    name: 'a path that is encoded once more',
    method: 'GET',
    path: '/functions/arn%3Aaws%3Alambda/x%20y',
    target: '/functions/arn%3Aaws%3Alambda/x%20y',
    service: 'lambda',
  },
  {
    name: 'an object key as it is',
    method: 'PUT',
    path: '/bucket/a%20b//../%C3%BC%2B',
    target: '/bucket/a%20b//../%C3%BC%2B',
    service: 's3',
  },
] as const

for (const each of CASES) {
  test(`signs like AWS’s own signer: ${each.name}`, async () => {
    const { method, path, service, target } = each
    const query = 'query' in each ? (each.query as unknown as Record<string, string | string[]>) : {}
    const { signature, headers } = await theirs({
      method,
      path,
      query,
      service,
      headers: { 'x-amz-meta-note': '  two   spaces \t and\ttabs  ' },
    })
    const scope = { date: '20260422T101500Z', region: 'eu-west-1', service }
    const key = signingKey(SECRET, scope, portableCrypto)
    const request = { method, target, headers, payload: UNSIGNED_PAYLOAD }
    assert.equal(requestSignature(request, scope, key, portableCrypto), signature)
  })
}

test('attack: an encoded slash in an object key is not the slash', () => {
  const scope = { date: '20260422T101500Z', region: 'eu-west-1', service: 's3' }
  const key = signingKey(SECRET, scope, portableCrypto)
  const sign = (target: string) =>
    requestSignature(
      { method: 'GET', target, headers: [], payload: UNSIGNED_PAYLOAD },
      scope,
      key,
      portableCrypto,
    )
  assert.notEqual(sign('/b/x%2Fy'), sign('/b/x/y'))
  assert.equal(sign('/b/x!y'), sign('/b/x%21y'))
})
