import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { requestHeaderSet, responseHeaderSet } from '../../src/gate/header-sets.js'

describe('header sets', () => {
  it('take whole names, and all that begin as a name with a star', () => {
    const set = requestHeaderSet({ requestHeaders: ['x-amz-*', 'range'] })
    for (const name of ['range', 'x-amz-acl', 'x-amz-meta-a', 'content-type']) assert.ok(set.has(name), name)
    for (const name of ['ranges', 'x-am', 'x-forwarded-for']) assert.ok(!set.has(name), name)
  })

  it('attack: a beginning opens nothing that never passes', () => {
    const set = requestHeaderSet({ requestHeaders: ['x-amz-*', 'c*', 'x-amz-date'] })
    for (const name of [
      'x-amz-security-token',
      'x-amz-date',
      'x-amz-content-sha256',
      'x-amz-trailer',
      'cookie',
      'countersign-grant',
    ])
      assert.ok(!set.has(name), name)
    const response = responseHeaderSet({ responseHeaders: ['s*'] })
    assert.ok(!response.has('set-cookie'))
  })
})
