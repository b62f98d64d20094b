import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseStrictJson, utf8 } from '../../src/canon/index.js'

function refuses(text: string | Uint8Array, code: string, options = {}): void {
  assert.throws(() => parseStrictJson(text, options), { code }, String(text).slice(0, 60))
}

const iJson = fc.anything({
  values: [fc.string({ unit: 'grapheme' }), fc.maxSafeInteger(), fc.boolean(), fc.constant(null)],
  maxDepth: 5,
})

test('what JSON.parse and I-JSON both take is read alike', () => {
  fc.assert(
    fc.property(iJson, value => {
      const text = JSON.stringify(value)
      assert.equal(
        JSON.stringify(parseStrictJson(text, { maxDepth: 1_000 })),
        JSON.stringify(JSON.parse(text)),
      )
    }),
  )
})

test('what JSON.parse refuses is refused', () => {
  const mangled = fc.tuple(fc.json(), fc.nat(), fc.constantFrom('', ',', '"', '}', '\\', '\u0001', '.', '-'))
  fc.assert(
    fc.property(mangled, ([text, at, insert]) => {
      const cut = at % (text.length + 1)
      const broken = text.slice(0, cut) + insert + text.slice(cut + 1)
      let refused = false
      try {
        JSON.parse(broken)
      } catch {
        refused = true
      }
      if (refused) assert.throws(() => parseStrictJson(broken), { name: 'CountersignError' })
    }),
  )
})

test('ATTACK: a member named twice → json_duplicate_key', () => {
  refuses('{"name":1,"name":2}', 'json_duplicate_key')
  refuses('{"a":{"b":1,"b":1}}', 'json_duplicate_key')
})

test('ATTACK: a member named twice, once behind an escape → json_duplicate_key', () => {
  refuses('{"name":1,"n\\u0061me":2}', 'json_duplicate_key')
})

test('ATTACK: __proto__ is a member like any other, and a double of it is one too', () => {
  const value = parseStrictJson('{"__proto__":{"admin":true}}') as Record<string, unknown>
  assert.deepEqual(Object.keys(value), ['__proto__'])
  assert.equal(value.admin, undefined)
  assert.equal(({} as Record<string, unknown>).admin, undefined)
  refuses('{"__proto__":1,"__proto__":2}', 'json_duplicate_key')
})

test('members that objects inherit elsewhere are no doubles', () => {
  assert.deepEqual(Object.keys(parseStrictJson('{"constructor":1,"toString":2}') as object), [
    'constructor',
    'toString',
  ])
})

test('names that differ in case only are two members', () => {
  assert.equal(Object.keys(parseStrictJson('{"name":1,"Name":2}') as object).length, 2)
})

test('ATTACK: nesting deeper than the bound → json_depth, long before the stack ends', () => {
  assert.doesNotThrow(() => parseStrictJson(`${'['.repeat(64)}${']'.repeat(64)}`))
  refuses(`${'['.repeat(65)}${']'.repeat(65)}`, 'json_depth')
  refuses('['.repeat(1_000_000), 'json_depth')
  refuses('{"a":'.repeat(1_000_000), 'json_depth')
  refuses('[[1]]', 'json_depth', { maxDepth: 1 })
})

test('ATTACK: a byte order mark, UTF-16 and broken UTF-8', () => {
  refuses(Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d), 'json_syntax')
  refuses(Uint8Array.of(0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00), 'json_unicode')
  refuses(Uint8Array.of(0x7b, 0x00, 0x7d, 0x00), 'json_syntax')
  refuses(Uint8Array.of(0x22, 0xc0, 0xaf, 0x22), 'json_unicode')
  refuses(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22), 'json_unicode')
})

test('ATTACK: a lone surrogate, escaped or plain → json_unicode; a pair is a letter', () => {
  refuses('"\\ud800"', 'json_unicode')
  refuses('"\\udc00\\ud800"', 'json_unicode')
  refuses('"\ud800"', 'json_unicode')
  refuses('{"\\udfff":1}', 'json_unicode')
  assert.equal(parseStrictJson('"\\ud83d\\ude00"'), '😀')
  assert.equal(parseStrictJson(utf8('"😀"')), '😀')
})

test('integers end where a double stops being exact', () => {
  assert.equal(parseStrictJson('9007199254740991'), Number.MAX_SAFE_INTEGER)
  assert.equal(parseStrictJson('-9007199254740991'), -Number.MAX_SAFE_INTEGER)
  refuses('9007199254740992', 'json_number')
  refuses('-9007199254740993', 'json_number')
  refuses('1e400', 'json_number')
})

test('fractions and exponents are refused where only integers may stand', () => {
  assert.equal(parseStrictJson('1.5'), 1.5)
  for (const text of ['1.5', '1.0', '1e2', '1E+2', '0e0'])
    refuses(text, 'json_number', { integersOnly: true })
})

for (const text of ['', ' ', '01', '-', '+1', '.5', '1.', '1e', 'NaN', 'Infinity', '0x1', 'True', "'a'"]) {
  test(`${JSON.stringify(text)} is no JSON`, () => refuses(text, 'json_syntax'))
}

for (const text of [
  '[1,]',
  '[,1]',
  '{"a":1,}',
  '{a:1}',
  '{"a" 1}',
  '[1 2]',
  '1 2',
  '{}{}',
  '// c\n1',
  '"\t"',
]) {
  test(`${JSON.stringify(text)} is no JSON`, () => refuses(text, 'json_syntax'))
}

for (const text of ['"\\x41"', '"\\u12"', '"\\u00g0"', '"abc', '"\\', '[', '{"a":', '\u00a01', '1\u2028']) {
  test(`${JSON.stringify(text)} is no JSON`, () => refuses(text, 'json_syntax'))
}

test('beyond 2^53−1 a number is the double that it is, only for who asks for it', () => {
  for (const text of ['100000000000000000000', '-9007199254740992']) {
    refuses(text, 'json_number')
    assert.equal(parseStrictJson(text, { doubles: true }), Number(text))
    refuses(text.replace(/$/, '0'.repeat(400)), 'json_number', { doubles: true })
  }
})
