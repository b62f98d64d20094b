import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { JsonBounds } from '../../src/injector/json-bounds.js'

const MALFORMED = { code: 'review_malformed' }

/** In pieces of one byte, as a slow sender has it, where `size` is 1. */
function take(text: string, size = text.length): void {
  const bytes = Buffer.from(text)
  const bounds = new JsonBounds()
  for (let at = 0; at < bytes.length; at += size) bounds.take(bytes.subarray(at, at + size))
}

describe('the bounds of a review', () => {
  for (const size of [1, 3, 1_000_000]) {
    it(`attack: are depth, in pieces of ${size}`, () => {
      take('['.repeat(64), size)
      assert.throws(() => take('['.repeat(65), size), MALFORMED)
      assert.throws(() => take('{"a":'.repeat(65), size), MALFORMED)
      assert.throws(() => take(`["\\\\",${'['.repeat(64)}`, size), MALFORMED)
    })

    it(`are not about what stands in texts, in pieces of ${size}`, () =>
      take(JSON.stringify({ a: `\\"${'['.repeat(99)}`, b: [`"${'{'.repeat(99)}\\`] }), size))
  }

  it('attack: are the number of values', () => {
    take(`[${'1,'.repeat(499_990)}1]`)
    assert.throws(() => take(`[${'1,'.repeat(500_001)}1]`), MALFORMED)
    assert.throws(() => take(`[${'[]'.repeat(500_001)}]`), MALFORMED)
  })

  it('let pass whatever is flat enough', () => {
    const json = fc.jsonValue({ maxDepth: 20 })
    fc.assert(
      fc.property(json, fc.integer({ min: 1, max: 9 }), (value, size) => take(JSON.stringify(value), size)),
    )
  })
})
