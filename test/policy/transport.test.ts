import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TrustRoot } from '../../src/policy/index.js'
import { requireHttps } from '../../src/policy/index.js'
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
