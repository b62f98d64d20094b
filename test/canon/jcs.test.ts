import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalBytes, canonicalize, parseCanonical, parseStrictJson, utf8 } from '../../src/canon/index.js'
import { needsSharedData, sharedData } from '../shared-data.js'

test('the published RFC 8785 vectors come out byte for byte', needsSharedData('vectors/jcs'), () => {
  const folder = sharedData('vectors/jcs')
  const names = readdirSync(`${folder}/input`)
  assert.ok(names.length >= 6)
  for (const name of names) {
    const value = parseStrictJson(readFileSync(`${folder}/input/${name}`))
    assert.equal(canonicalize(value), readFileSync(`${folder}/output/${name}`, 'utf8').trimEnd(), name)
  }
})

test('numbers are written as RFC 8785 appendix B has them', () => {
  const table: readonly [number, string][] = [
    [0, '0'],
    [-0, '0'],
    [5e-324, '5e-324'],
    [-1.7976931348623157e308, '-1.7976931348623157e+308'],
    [9007199254740992, '9007199254740992'],
    [295147905179352830000, '295147905179352830000'],
    [9.999999999999997e22, '9.999999999999997e+22'],
    [1e23, '1e+23'],
    [1e21, '1e+21'],
    [0.000001, '0.000001'],
    [1e-7, '1e-7'],
    [333333333.3333333, '333333333.3333333'],
  ]
  for (const [number, text] of table) assert.equal(canonicalize(number), text)
})

test('members are sorted by UTF-16 code units, not by code points', () => {
  // RFC 8785 §3.2.3: U+1F600 is written with surrogates from U+D83D on, and those sort before U+FB33.
  assert.equal(canonicalize({ '\ufb33': 1, '😀': 2, '10': 3, '9': 4 }), '{"10":3,"9":4,"😀":2,"\ufb33":1}')
})

test('what is not JSON has no canonical form', () => {
  assert.throws(() => canonicalize(Number.NaN), { code: 'json_number' })
  assert.throws(() => canonicalize([Number.POSITIVE_INFINITY]), { code: 'json_number' })
  assert.throws(() => canonicalize('\ud800'), { code: 'json_unicode' })
  assert.throws(() => canonicalize({ '\udc00': 1 }), { code: 'json_unicode' })
  for (const value of [undefined, 1n, () => 1, Symbol('s')]) {
    assert.throws(() => canonicalize(value), { code: 'json_syntax' })
  }
})

test('a member without a value is left out', () => {
  assert.equal(canonicalize({ b: undefined, a: 1 }), '{"a":1}')
})

test('parsing a canonical form and writing it again gives the same bytes, whatever the order was', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.maxSafeInteger()), object => {
      const shuffled = Object.fromEntries(Object.entries(object).reverse())
      assert.deepEqual(canonicalBytes(shuffled), canonicalBytes(object))
      assert.deepEqual(canonicalBytes(parseCanonical(canonicalBytes(object))), canonicalBytes(object))
    }),
  )
})

for (const text of ['{"b":1,"a":2}', '{ }', '[1, 2]', '{}\n', '"\\u0061"', '"\\/"', '-0', '"\\u000A"']) {
  test(`${JSON.stringify(text)} is JSON, but not canonical`, () => {
    assert.doesNotThrow(() => parseStrictJson(text))
    assert.throws(() => parseCanonical(utf8(text)), { code: 'not_canonical' })
  })
}

test('a fraction is refused in a canonical document, however it is written', () => {
  assert.throws(() => parseCanonical(utf8('1.5')), { code: 'json_number' })
})
