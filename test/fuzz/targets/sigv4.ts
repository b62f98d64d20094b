import type { Grant } from '../../../src/credential/index.js'
import { verifySignature } from '../../../src/keeper/signature.js'
import { nativeCrypto } from '../../../src/native/index.js'
import {
  type Header,
  isUnclassifiable,
  type RawRequest,
  type RequestSignature,
  readSignature,
  requestSignature,
  signingKey,
} from '../../../src/protocol/index.js'
import { anAdmit } from '../../link/messages.js'
import { canonicalRequest, SECRET, sha256, signatureOf } from '../sigv4-reference.js'
import { type FuzzTarget, holds } from '../target.js'
import { valuesOf, wireRequest, written } from '../wire-request.js'

type Sign = typeof requestSignature

const TOKEN = 'the-grant'
const GRANT: Grant = {
  agent: 'coder',
  environment: 'staging',
  task: 't',
  owner: 'o',
  jti: 'grant',
  expiresMs: Number.MAX_SAFE_INTEGER,
  authorizationDetails: null,
}

/**
 * What a signature says of itself is read in one way; it is over the canonical request that AWS describes, as written here a
 * second time; and it holds for nothing but what was signed in the set-up.
 */
export function sigv4With(sign: Sign): FuzzTarget['run'] {
  const issued = new Set(Object.values(signedSeeds()).map(canonicalOfSeed))
  return bytes => {
    const request = wireRequest(bytes)
    const signature = readSignature(request.target, request.headers)
    if (signature === null || isUnclassifiable(signature)) {
      holds(
        signature !== null || valuesOf(request, 'authorization').every(each => !/^\s*AWS/i.test(each)),
        'an AWS signature is seen',
      )
      return 'refused'
    }
    sameClaim(request, signature)
    const signed = request.headers.filter(([name]) => signature.signedHeaders.includes(name))
    const payload = signature.payload ?? sha256(request.body ?? '')
    const target = signature.place === 'query' ? request.target : signature.targetWithoutSignature
    const key = signingKey(SECRET, signature, nativeCrypto)
    const asWritten = canonicalRequest(request.method, target, signed, payload, signature)
    let made: string | null
    try {
      made = sign({ method: request.method, target, headers: signed, payload }, signature, key, nativeCrypto)
    } catch (error) {
      // Encodings that are no UTF-8 have no canonical form. Whoever signs or verifies takes it for no signature.
      holds(
        error instanceof URIError && asWritten === null,
        'only what has no canonical form can’t be signed',
        String(error),
      )
      return 'refused'
    }
    holds(asWritten !== null, 'what has no canonical form isn’t signed', target)
    holds(
      made === signatureOf(asWritten, signature),
      'the signature is the one that AWS describes',
      asWritten,
    )
    const verdict = keeperOn(request, signature, signed, payload)
    holds(verdict !== 'good' || made === signature.signature, 'the keeper takes no other signature', verdict)
    if (made !== signature.signature) return 'refused'
    holds(issued.has(asWritten), 'what verifies was signed', asWritten)
    return verdict === 'good' ? 'accepted' : 'refused'
  }
}

/** What a keeper says of it, told by a gate that tells the truth; the code where it refuses. */
function keeperOn(
  request: RawRequest,
  signature: RequestSignature,
  headers: readonly Header[],
  payload: string,
): string {
  // A gate refuses a header that is signed and there twice.
  if (new Set(headers.map(([name]) => name)).size !== headers.length) return 'aws_signature_headers'
  const receivedSha256 = sha256(request.body ?? '')
  const verdict = verifySignature(
    {
      request: {
        ...anAdmit(),
        api: 'aws',
        method: request.method,
        target: signature.targetWithoutSignature,
        presented: { slot: 'aws-sigv4', token: TOKEN },
        signed: { ...signature, target: request.target, headers, payload, receivedSha256, outbound: [] },
        body:
          request.body === null
            ? { kind: 'none' }
            : { kind: 'inspected', sha256: receivedSha256, lengthBytes: request.body.length },
      },
      grant: GRANT,
      recognised: [{ name: 'x', args: {}, region: 'eu-west-1' }],
      operations: [],
      originIn: () => 'https://example.test',
      nowMs: Date.parse('2026-04-22T10:15:00Z'),
    },
    {
      secretOf: jti => (jti === GRANT.jti ? SECRET : 'of another grant'),
      signingKeys: (jti, scope) => [
        signingKey(jti === GRANT.jti ? SECRET : 'of another grant', scope, nativeCrypto),
      ],
    },
    nativeCrypto,
  )
  return verdict.kind === 'good' ? 'good' : verdict.code
}

/** By naive reading of whichever place it stands in. */
function sameClaim(request: RawRequest, signature: RequestSignature): void {
  const { accessKeyId, day, region, service, signedHeaders } = signature
  const scope = `${accessKeyId}/${day}/${region}/${service}/aws4_request`
  const query = new URLSearchParams(request.target.split(/\?(.*)/s)[1] ?? '')
  if (signature.place === 'header') {
    const [authorization, more] = valuesOf(request, 'authorization')
    holds(authorization !== undefined && more === undefined, 'one Authorization')
    for (const part of [
      `Credential=${scope},`,
      `SignedHeaders=${signedHeaders.join(';')},`,
      `Signature=${signature.signature}`,
    ])
      holds(authorization.includes(part), 'the claim is the one in Authorization', part, authorization)
    for (const name of query.keys()) holds(name.toLowerCase() !== 'x-amz-signature', 'one place signs', name)
  } else {
    holds(valuesOf(request, 'authorization').length === 0, 'one place signs')
    for (const [name, value] of [
      ['X-Amz-Credential', scope],
      ['X-Amz-SignedHeaders', signedHeaders.join(';')],
      ['X-Amz-Signature', signature.signature],
      ['X-Amz-Expires', String(signature.expiresSeconds)],
    ] as const) {
      const values = query.getAll(name)
      holds(
        values.length === 1 && values[0] === value,
        'the claim is the one in the query',
        name,
        values,
        value,
      )
    }
    const left = new URLSearchParams(signature.targetWithoutSignature.split(/\?(.*)/s)[1] ?? '')
    const names = [...query.keys()].filter(
      name =>
        !/^x-amz-(?:algorithm|credential|date|expires|signedheaders|signature|security-token|content-sha256)$/i.test(
          name,
        ),
    )
    holds(names.join() === [...left.keys()].join(), 'what goes upstream is all but the signature', names, [
      ...left.keys(),
    ])
  }
  holds(signedHeaders.includes('host'), 'host is signed')
  for (const [name] of request.headers)
    if (name.startsWith('x-amz-')) holds(signedHeaders.includes(name), 'every x-amz- header is signed', name)
}

const DATE = '20260422T101500Z'
const HOST: Header = ['host', 'example.test']

function signedInHeader(
  method: string,
  target: string,
  service: string,
  more: readonly Header[],
  body = '',
): Buffer {
  const scope = { date: DATE, region: 'eu-west-1', service }
  const headers: readonly Header[] = [HOST, ['x-amz-date', DATE], ...more]
  const payload = more.find(([name]) => name === 'x-amz-content-sha256')?.[1] ?? sha256(body)
  const canonical = canonicalRequest(method, target, headers, payload, scope) as string
  const names = headers
    .map(([name]) => name)
    .sort()
    .join(';')
  const authorization = `AWS4-HMAC-SHA256 Credential=grant/20260422/eu-west-1/${service}/aws4_request, SignedHeaders=${names}, Signature=${signatureOf(canonical, scope)}`
  return written(method, target, [...headers, ['authorization', authorization]], body)
}

function presigned(target: string, service: string): Buffer {
  const scope = { date: DATE, region: 'eu-west-1', service }
  const joined = `${target}${target.includes('?') ? '&' : '?'}X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=grant%2F20260422%2Feu-west-1%2F${service}%2Faws4_request&X-Amz-Date=${DATE}&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Security-Token=${TOKEN}`
  const canonical = canonicalRequest('GET', joined, [HOST], 'UNSIGNED-PAYLOAD', scope) as string
  return written('GET', `${joined}&X-Amz-Signature=${signatureOf(canonical, scope)}`, [HOST])
}

function signedSeeds(): Readonly<Record<string, Buffer>> {
  const unsigned: Header = ['x-amz-content-sha256', 'UNSIGNED-PAYLOAD']
  return {
    form: signedInHeader(
      'POST',
      '/',
      'ec2',
      [['content-type', 'application/x-www-form-urlencoded']],
      'Action=DescribeInstances',
    ),
    key: signedInHeader(
      'PUT',
      '/bucket/a%20b//../%C3%BC?partNumber=1&uploadId=u%2Fv',
      's3',
      [unsigned, ['x-amz-acl', 'private']],
      'hello',
    ),
    query: signedInHeader('GET', '/things?b=2&b=1&a=&a-b=x', 'lambda', []),
    presigned: presigned('/bucket/key?versionId=3', 's3'),
  }
}

function canonicalOfSeed(seed: Buffer): string | null {
  const { method, target, headers, body } = wireRequest(seed)
  const names = /SignedHeaders=([^,&]+)/.exec(seed.toString('latin1'))?.[1]?.split(';') ?? []
  const service = /eu-west-1(?:\/|%2F)([a-z0-9]+)/.exec(seed.toString('latin1'))?.[1] ?? ''
  const isPresigned = target.includes('X-Amz-Signature')
  const payload =
    valuesOf({ headers }, 'x-amz-content-sha256')[0] ??
    (isPresigned ? 'UNSIGNED-PAYLOAD' : sha256(body ?? ''))
  return canonicalRequest(
    method,
    target,
    headers.filter(([name]) => names.includes(name)),
    payload,
    { service },
  )
}

export const target: FuzzTarget = {
  about:
    'SigV4: one reading of a signature, AWS’s canonical request, and nothing verifies that wasn’t signed',
  words: [
    'authorization: ',
    'AWS4-HMAC-SHA256 ',
    'Credential=',
    ', SignedHeaders=',
    ', Signature=',
    '/aws4_request',
    'X-Amz-Signature=',
    'X-Amz-Credential=',
    'X-Amz-Date=',
    'X-Amz-Expires=',
    'X-Amz-SignedHeaders=host',
    'X-Amz-Security-Token=',
    'x-amz-date: ',
    'x-amz-content-sha256: ',
    'UNSIGNED-PAYLOAD',
    'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
    'AWS4-ECDSA-P256-SHA256',
    ';x-amz-acl',
    '%2F',
    '%20',
    '+',
    '%C3%BC',
    '%FF',
    '&',
    '=',
  ],
  maxBytes: 1_024,
  run: sigv4With(requestSignature),
  seeds: () => ({
    ...signedSeeds(),
    tampered: Buffer.from(
      signedSeeds().form?.toString('latin1').replace('DescribeInstances', 'TerminateInstances') ?? '',
      'latin1',
    ),
    twice: Buffer.from(
      signedSeeds()
        .presigned?.toString('latin1')
        .replace('\n\n', '\nauthorization: AWS4-HMAC-SHA256 x\n\n') ?? '',
      'latin1',
    ),
    none: written('GET', '/', [HOST]),
  }),
}
