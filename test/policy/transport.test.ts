import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TrustRoot } from '../../src/policy/index.js'
import { parsePolicySource, requireHttps } from '../../src/policy/index.js'
import { activeOf, policyText } from './a-policy.js'

const READING = '  - { id: read, allow: { api: shop, class: read }, to: coder }'
const trust = { testAudiences: ['sandbox'] } as unknown as TrustRoot
const plain = activeOf(policyText(READING).replace('https://shop.internal', 'http://shop.internal'))

test('a policy with a plain http upstream is refused for a production audience', () => {
  assert.throws(() => requireHttps(plain, trust, 'staging'), { code: 'upstream_plaintext' })
})

test('a policy with a plain http upstream may be loaded for a test audience', () => {
  assert.doesNotThrow(() => requireHttps(plain, trust, 'sandbox'))
})

test('a policy with https upstreams alone may be loaded for production', () => {
  assert.doesNotThrow(() => requireHttps(activeOf(policyText(READING)), trust, 'staging'))
})

const ROLES = [
  ['arn:aws:iam::111122223333:role/agents', 'eu-west-1', 'https://sts.eu-west-1.amazonaws.com'],
  [
    'arn:aws-us-gov:iam::111122223333:role/agents',
    'us-gov-west-1',
    'https://sts.us-gov-west-1.amazonaws.com',
  ],
  ['arn:aws-cn:iam::111122223333:role/a/b', 'cn-north-1', 'https://sts.cn-north-1.amazonaws.com.cn'],
] as const
const STAND_IN = 'http://127.0.0.1:4566'

function sts(role: string, region: string, more = '') {
  const spec = `{ minter: aws-sts, role: "${role}", region: ${region}${more} }`
  return policyText(READING).replace(/shop: \{ minter: jwt.*\}/, `shop: ${spec}`)
}

for (const [role, region, endpoint] of ROLES) {
  test(`credentials of a role are made by AWS’s own STS: ${endpoint}`, () => {
    const policy = activeOf(sts(role, region))
    assert.deepEqual(policy.credentials.get('shop'), { minter: 'aws-sts', role, region, endpoint })
    assert.doesNotThrow(() => requireHttps(policy, trust, 'staging'))
  })
}

test('attack: a stand-in for STS in a production policy is refused, in a test audience it is what it says', () => {
  const policy = activeOf(sts(ROLES[0][0], 'eu-west-1', `, insecureTestEndpoint: "${STAND_IN}"`))
  assert.throws(() => requireHttps(policy, trust, 'staging'), { code: 'upstream_stand_in' })
  assert.doesNotThrow(() => requireHttps(policy, trust, 'sandbox'))
  const spec = policy.credentials.get('shop')
  assert.equal(spec?.minter === 'aws-sts' && spec.endpoint, STAND_IN)
})

test('attack: a region or a stand-in that would take the secret elsewhere is no policy', () => {
  const wrong = [
    sts(ROLES[0][0], 'eu-west-1.evil.example'),
    sts(ROLES[0][0], 'evil.example/'),
    sts('arn:aws-evil:iam::111122223333:role/agents', 'eu-west-1'),
    sts(ROLES[0][0], 'eu-west-1', ', insecureTestEndpoint: "http://169.254.169.254:80"'),
    sts(ROLES[0][0], 'eu-west-1', ', insecureTestEndpoint: "http://127.0.0.1:80@evil.example"'),
  ]
  for (const text of wrong) assert.equal(parsePolicySource(text).kind, 'findings', text)
})
