import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { hasCredentialShape } from '../../src/gate/credential-shapes.js'
import { asPod, identify } from '../../src/gate/identify.js'
import type { Header, Slot } from '../../src/protocol/index.js'
import { encoded, GRANT } from './a-gate.js'

const SLOTS: readonly Slot[] = ['bearer', 'countersign-grant', 'basic-user', 'project-access-token']
const of = (...headers: Header[]) => identify(SLOTS, headers, null)
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`

describe('the one grant of a request', () => {
  for (const [slot, header] of [
    ['bearer', ['authorization', `Bearer ${GRANT}`]],
    ['bearer', ['authorization', `bearer ${GRANT}`]],
    ['basic-user', ['authorization', basic(`${GRANT}:`)]],
    ['countersign-grant', ['countersign-grant', GRANT]],
    ['project-access-token', ['project-access-token', GRANT]],
  ] as const) {
    it(`is found in ${header[0]} as ${slot}`, () => {
      assert.deepEqual(of(header), { presented: { slot, token: GRANT }, foreign: [] })
    })
  }

  it('is missing where nothing is sent', () => {
    assert.deepEqual(of(['accept', '*/*'], ['idempotency-key', 'a1']), { presented: null, foreign: [] })
  })

  it('is not accepted in a slot that the API does not have', () => {
    assert.deepEqual(identify(['bearer'], [['project-access-token', GRANT]], null), {
      presented: null,
      foreign: ['project-access-token'],
    })
  })
})

const header = encoded({ alg: 'RS256', kid: 'k1' })
const podToken = (aud: unknown) => `${header}.${encoded({ iss: 'https://kubernetes.default.svc', aud })}.c2ln`

describe('the identity of a pod', () => {
  const token = podToken(['acme.example/countersign/coder'])

  it('is found where a grant would be', () =>
    assert.deepEqual(of(['authorization', `Bearer ${token}`]), {
      presented: { slot: 'bearer', token },
      foreign: [],
    }))

  for (const aud of [
    ['https://kubernetes.default.svc'],
    ['acme.example/countersign/coder', 'https://kubernetes.default.svc'],
    'sts.amazonaws.com',
    undefined,
  ])
    it(`attack: is not a token for ${JSON.stringify(aud)}, which is foreign`, () =>
      assert.deepEqual(of(['authorization', `Bearer ${podToken(aud)}`]), {
        presented: null,
        foreign: ['authorization'],
      }))

  it('takes the place of the word that stands for it, and nothing does where there is none', () => {
    const word = of(['project-access-token', 'countersign-pod'])
    assert.deepEqual(asPod(word, () => token).presented, { slot: 'project-access-token', token })
    assert.equal(asPod(word, () => null).presented, null)
    const own = of(['authorization', `Bearer ${GRANT}`])
    assert.equal(
      asPod(own, () => token),
      own,
    )
  })

  it('attack: the word in a second place is foreign, as a second grant is', () =>
    assert.deepEqual(
      of(['authorization', `Bearer ${GRANT}`], ['countersign-grant', 'countersign-pod']).foreign,
      ['countersign-grant'],
    ))
})

it('nothing stands in a Bearer of a variable that is empty', () => {
  for (const value of ['Bearer', 'Bearer ', 'bearer \t'])
    assert.deepEqual(of(['authorization', value]), { presented: null, foreign: [] })
})

describe('a foreign credential', () => {
  for (const [what, value] of [
    ['a Stripe key', 'Bearer sk_live_4eC39HqLyjWDarjtT1zdp7dc'],
    ['a restricted Stripe key', 'Bearer rk_test_4eC39HqLyjWDarjtT1zdp7dc'],
    ['a GitHub token', 'token ghp_16C7e42F292c6912E7710c838347Ae178B4a'],
    ['a Railway token', 'Bearer 6c9f2a7e-5b0d-4a4e-9c39-0a6f5f0c1f11'],
    [
      'an AWS signature',
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/eu-west-1/s3/aws4_request',
    ],
    ['a Basic login', basic('admin:hunter2')],
    ['a grant with a password beside it', basic(`${GRANT}:sk_live_4eC39HqLyjWDarjtT1zdp7dc`)],
    [
      'a JWT that is no access token of ours',
      `Bearer ${encoded({ typ: 'JWT', alg: 'HS256' })}.${encoded({ role: 'service_role' })}.c2ln`,
    ],
    ['a token beyond 2 KB', `Bearer ${GRANT}${'A'.repeat(2048)}`],
  ] as const) {
    it(`is ${what} in Authorization, named by its place and never by its value`, () => {
      assert.deepEqual(of(['authorization', value]), { presented: null, foreign: ['authorization'] })
    })
  }

  for (const [name, value] of [
    ['cookie', 'session=1'],
    ['proxy-authorization', 'Basic eDp5'],
    ['x-api-key', 'anything'],
    ['x-vault-token', 'hvs.abc'],
    ['x-amz-security-token', 'abc'],
    ['x-custom', 'prefix ghp_16C7e42F292c6912E7710c838347Ae178B4a'],
    ['stripe-secret-key', 'x'],
  ] as const) {
    it(`is found in ${name} beside a good grant`, () => {
      assert.deepEqual(of(['authorization', `Bearer ${GRANT}`], [name, value]), {
        presented: { slot: 'bearer', token: GRANT },
        foreign: [name],
      })
    })
  }

  it('is the second of two filled slots, even with the same grant', () => {
    assert.deepEqual(of(['authorization', `Bearer ${GRANT}`], ['countersign-grant', GRANT]).foreign, [
      'countersign-grant',
    ])
    assert.deepEqual(of(['authorization', `Bearer ${GRANT}`], ['authorization', 'Bearer x']).foreign, [
      'authorization',
    ])
  })

  it('is found in the query by name or by shape, percent-encoded as well', () => {
    const inQuery = (query: string) => identify(SLOTS, [['authorization', `Bearer ${GRANT}`]], query).foreign
    assert.deepEqual(inQuery('limit=3&access_token=x'), ['query:access_token'])
    assert.deepEqual(inQuery('X-Amz-Signature=ab12'), ['query:x-amz-signature'])
    assert.deepEqual(inQuery('q=sk%5Flive%5F4eC39HqLyjWDarjt'), ['query:q'])
    assert.deepEqual(inQuery('key=AbCdEf0123456789AbCdEf01'), ['query:key'])
    assert.deepEqual(inQuery('key=name&token=next&starting_after=cus_NffrFeUfNV2Hib'), [])
  })

  it('is named in at most eight places, each cut to a bounded length', () => {
    const headers = Array.from({ length: 40 }, (_, i): Header => [`x-${'a'.repeat(200)}-${i}-token`, 'x'])
    const { foreign } = of(...headers, ['x-1-token', ''], ['x-2-token', ''])
    assert.ok(foreign.length <= 8)
    assert.ok(foreign.every(place => place.length <= 64))
  })
})

describe('the grant of an AWS client', () => {
  const AWS_SLOTS: readonly Slot[] = ['aws-sigv4']
  const scope = 'Credential=grant-1/20260422/eu-west-1/s3/aws4_request'
  const signed = ['authorization', `AWS4-HMAC-SHA256 ${scope}, SignedHeaders=host, Signature=ab`] as const
  const token = ['x-amz-security-token', GRANT] as const
  const presigned = `X-Amz-Credential=grant-1%2F20260422&X-Amz-Signature=ab&X-Amz-Security-Token=${GRANT}`

  it('is the session token, in its header or in a presigned URL; what signs belongs to it', () => {
    const presented = { slot: 'aws-sigv4', token: GRANT }
    assert.deepEqual(identify(AWS_SLOTS, [signed, token], null), { presented, foreign: [] })
    assert.deepEqual(identify(AWS_SLOTS, [], `x-id=GetObject&${presigned}`), { presented, foreign: [] })
  })

  it('is foreign to an API whose clients sign nothing, and so is what signs', () => {
    assert.deepEqual(identify(SLOTS, [signed, token], null), {
      presented: null,
      foreign: ['authorization', 'x-amz-security-token'],
    })
    assert.deepEqual(identify(SLOTS, [], presigned).foreign, [
      'query:x-amz-credential',
      'query:x-amz-signature',
      'query:x-amz-security-token',
    ])
  })

  it('stands in one of the two places, or the second is foreign', () => {
    const { foreign } = identify(AWS_SLOTS, [signed, token], `X-Amz-Security-Token=${GRANT}`)
    assert.deepEqual(foreign, ['query:x-amz-security-token'])
  })

  for (const [what, headers, query, places] of [
    ['no grant beside it', [signed], null, ['authorization']],
    [
      'another token beside it',
      [signed, ['x-amz-security-token', 'FwoGZXIvYXdzEJr']],
      null,
      ['x-amz-security-token', 'authorization'],
    ],
    [
      'a grant in another slot',
      [signed, ['countersign-grant', GRANT]],
      null,
      ['countersign-grant', 'authorization'],
    ],
    [
      'AWS’s own form',
      [['authorization', `${signed[1]} AKIAIOSFODNN7EXAMPLE`], token],
      null,
      ['authorization'],
    ],
    [
      'the form of SigV2',
      [['authorization', 'AWS AKIAIOSFODNN7EXAMPLE:c2ln'], token],
      null,
      ['authorization'],
    ],
    [
      'no token in a URL',
      [],
      'X-Amz-Credential=a&X-Amz-Signature=b',
      ['query:x-amz-credential', 'query:x-amz-signature'],
    ],
    [
      'AWS’s own form in a URL',
      [],
      `${presigned}&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20260422`,
      ['query:x-amz-credential'],
    ],
  ] as const) {
    it(`attack: a signature with ${what} is a foreign credential`, () => {
      assert.deepEqual(identify(AWS_SLOTS, headers as readonly Header[], query).foreign, places)
    })
  }

  it('is not mistaken for what AWS calls a token of an operation', () => {
    const header: Header = ['x-amz-bucket-object-lock-token', 'lock']
    assert.deepEqual(identify(AWS_SLOTS, [signed, token, header], null).foreign, [])
    const shaped: Header = ['x-amz-meta-note', 'ghp_16C7e42F292c6912E7710c838347Ae178B4a']
    assert.deepEqual(identify(AWS_SLOTS, [signed, token, shaped], null).foreign, ['x-amz-meta-note'])
  })
})

describe('attack: text that begins like a token again and again', () => {
  it('is looked through once', () => {
    // In a process of its own: what would take minutes can't be interrupted in this one.
    const url = new URL('../../src/gate/credential-shapes.js', import.meta.url)
    const code = `import { hasCredentialShape } from ${JSON.stringify(url.href)}
      for (const text of ['eyJ', 'eyJ.', '.eyJ', 'eyJaaaaaaaa.', 'sk-', 'SG.', 'SG.aaaaaaaaaaaaaaaaaaaa '])
        hasCredentialShape(text.repeat(100_000))`
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', code], { timeout: 20_000 })
    assert.deepEqual([run.signal, run.status], [null, 0], run.stderr.toString())
  })

  it('is still found to hold one', () => {
    const token = podToken('sts.amazonaws.com')
    for (const text of [token, `eyJeyJ${token}`, `a.eyJ.${token}`, `"${token}"`, `eyJ.eyJ.${token}.x`])
      assert.equal(hasCredentialShape(text), true, text)
    for (const text of ['eyJhbGciOi', 'a.eyJhbGciOi.b', 'eyJabc.eyJhbGciOi.', 'eyJhbGciOiJ.eyJ.'])
      assert.equal(hasCredentialShape(text), false, text)
  })
})
