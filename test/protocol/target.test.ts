import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isUnclassifiable, MAX_TARGET_BYTES, parseTarget } from '../../src/protocol/index.js'

const ACCEPTED = [
  '/',
  '/v1/customers',
  '/v1/customers/',
  '/v1/customers/cus_1?limit=3&expand[]=data.customer',
  '/v1/customers/search?query=email%3A%27a%40b.c%27',
  '/v1/customers/search?query=a+b%20c%0Ad',
  "/repos/o/r/compare/main...feature!'()*",
  '/repos/o/r/contents/docs%2Fread%20me.md',
  '/apis/apps/v1/namespaces/default/deployments:scale',
  '/names/J%C3%B6rg',
  '/x?',
  '/x?redirect=https%3A%2F%2Fexample.com%2F%2520',
]

const REFUSED: readonly [name: string, target: string, code: string][] = [
  ['nothing', '', 'target_not_origin_form'],
  ['absolute form', 'http://evil.example/v1/x', 'target_not_origin_form'],
  ['asterisk form', '*', 'target_not_origin_form'],
  ['a host behind two slashes', '//evil.example/v1/x', 'target_empty_segment'],
  ['a host behind a backslash', '\\evil:80/x', 'target_backslash'],
  ['a host behind slash and backslash', '/\\evil:80/x', 'target_backslash'],
  ['an empty segment inside', '/v1//customers', 'target_empty_segment'],
  ['a single dot', '/v1/./customers', 'target_dot_segment'],
  ['two dots', '/v1/../admin', 'target_dot_segment'],
  ['two dots at the end', '/v1/..', 'target_dot_segment'],
  ['three dots', '/v1/.../x', 'target_dot_segment'],
  ['dots and an encoded space', '/v1/..%20/admin', 'target_dot_segment'],
  ['dots behind an encoded slash', '/v1/customers/..%2Fadmin', 'target_dot_segment'],
  ['dots before an encoded slash', '/v1/customers/x%2F..', 'target_dot_segment'],
  ['two encoded slashes', '/v1/x%2F%2Fy', 'target_empty_segment'],
  ['encoded dots', '/v1/%2E%2E/admin', 'target_encoded_plain'],
  ['encoded dots in lower case', '/v1/%2e%2e/admin', 'target_percent'],
  ['a path parameter', '/v1/..;/admin', 'target_semicolon'],
  ['a path parameter with a value', '/v1/x;a=1', 'target_semicolon'],
  ['a semicolon in the query', '/v1/x?a=1;b=2', 'target_semicolon'],
  ['an encoded backslash', '/v1/x%5C..%5Cy', 'target_backslash'],
  ['an encoded NUL', '/v1/x%00', 'target_control'],
  ['an encoded NUL in the query', '/v1/x?a=%00', 'target_control'],
  ['an encoded line end in the path', '/v1/x%0D%0AHost:%20evil', 'target_control'],
  ['an encoded C1 control', '/v1/x%C2%85', 'target_control'],
  ['a tab', '/v1/x\ty', 'target_control'],
  ['a carriage return', '/v1/x\r\nHost: evil', 'target_control'],
  ['a space', '/v1/x y', 'target_control'],
  ['a DEL', '/v1/x\u007f', 'target_control'],
  ['a fragment', '/v1/x#y', 'target_fragment'],
  ['a letter that needs no encoding', '/v1/%6Frganization', 'target_encoded_plain'],
  ['a letter that needs no encoding, in the query', '/v1/x?%61=1', 'target_encoded_plain'],
  ['lower-case hexadecimal', '/v1/x%3a', 'target_percent'],
  ['half an escape', '/v1/x%2', 'target_percent'],
  ['an escape of nothing', '/v1/x%', 'target_percent'],
  ['an escape of letters', '/v1/x%GG', 'target_percent'],
  ['an overlong slash', '/v1/%C0%AF', 'target_not_utf8'],
  ['half a character', '/v1/%C3', 'target_not_utf8'],
  ['a surrogate', '/v1/%ED%A0%80', 'target_not_utf8'],
  ['a double encoding', '/v1/%252e%252e/admin', 'target_double_encoding'],
  ['a double encoding in upper case', '/v1/%252F', 'target_double_encoding'],
  ['raw UTF-8', '/v1/ö', 'target_not_ascii'],
  ['a raw slash in the query', '/v1/x?a/b', 'target_character'],
  ['a second question mark', '/v1/x?a=1?b=2', 'target_character'],
  ['a raw bracket in the path', '/v1/x[0]', 'target_character'],
  ['a quote', '/v1/x"', 'target_character'],
  ['a brace', '/v1/{id}', 'target_character'],
  ['a pipe in the query', '/v1/x?a=|', 'target_character'],
  ['64 KiB', `/${'x'.repeat(65_535)}`, 'target_too_long'],
]

describe('parseTarget', () => {
  for (const target of ACCEPTED)
    it(`accepts ${target}`, () => {
      const parsed = parseTarget(target)
      assert.ok(!isUnclassifiable(parsed), JSON.stringify(parsed))
      assert.equal(parsed.raw, target)
    })

  for (const [name, target, code] of REFUSED)
    it(`refuses ${name}`, () => {
      const parsed = parseTarget(target)
      assert.ok(isUnclassifiable(parsed))
      assert.equal(parsed.code, code)
    })

  it('never echoes the target in a refusal', () => {
    for (const [, target] of REFUSED) {
      const parsed = parseTarget(target)
      assert.ok(isUnclassifiable(parsed))
      if (target.length > 6) assert.ok(!parsed.detail.includes(target))
    }
  })

  it('splits the path into raw segments and keeps the query apart', () => {
    const parsed = parseTarget('/a/b%2Fc/?x=%2F')
    assert.deepEqual(parsed, {
      raw: '/a/b%2Fc/?x=%2F',
      path: '/a/b%2Fc/',
      segments: ['a', 'b%2Fc', ''],
      query: 'x=%2F',
    })
  })

  it('takes exactly 8 KiB', () => {
    const parsed = parseTarget(`/${'x'.repeat(MAX_TARGET_BYTES - 1)}`)
    assert.ok(!isUnclassifiable(parsed))
  })

  it('accepts whatever encodeURIComponent writes into a segment, unless it hides a path', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), id => {
        const parsed = parseTarget(`/v1/customers/${encodeURIComponent(id)}`)
        if (isUnclassifiable(parsed))
          assert.match(id, /[\p{Cc}\\\u2028\u2029]|^[. ]+$|%[0-9a-fA-F]{2}|(?:^|\/)[. ]*(?:\/|$)/u)
        else assert.equal(decodeURIComponent(parsed.segments[2] as string), id)
      }),
    )
  })

  it('lets no URL parser read another path out of what it accepts', () => {
    const piece = fc.constantFrom(...'/.%2F5CEe0;?#\\ab[]&=+ '.split(''))
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 24 }), pieces => {
        const target = `/${pieces.join('')}`
        const parsed = parseTarget(target)
        if (isUnclassifiable(parsed)) return
        const url = new URL(`https://api.example.com${target}`)
        assert.equal(url.host, 'api.example.com')
        assert.equal(url.pathname, parsed.path)
        assert.equal(`/${parsed.segments.join('/')}`, parsed.path)
        assert.equal(parsed.path + (parsed.query === null ? '' : `?${parsed.query}`), target)
      }),
      { numRuns: 2000 },
    )
  })
})
