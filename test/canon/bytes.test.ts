import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  base64,
  base64url,
  concat,
  equalBytes,
  fromBase64,
  fromBase64url,
  fromHex,
  fromUtf8,
  hex,
  utf8,
} from '../../src/canon/index.js'

test('base64, base64url and hexadecimal agree with Node, there and back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), bytes => {
      const node = Buffer.from(bytes)
      assert.equal(base64(bytes), node.toString('base64'))
      assert.equal(base64url(bytes), node.toString('base64url'))
      assert.equal(hex(bytes), node.toString('hex'))
      assert.deepEqual(fromBase64(base64(bytes)), bytes)
      assert.deepEqual(fromBase64url(base64url(bytes)), bytes)
      assert.deepEqual(fromHex(hex(bytes)), bytes)
    }),
  )
})

test('the vectors of RFC 4648 §10', () => {
  for (const [plain, encoded] of [
    ['', ''],
    ['f', 'Zg=='],
    ['fo', 'Zm8='],
    ['foo', 'Zm9v'],
    ['foobar', 'Zm9vYmFy'],
  ] as const) {
    assert.equal(base64(utf8(plain)), encoded)
    assert.deepEqual(fromBase64(encoded), utf8(plain))
  }
})

const sloppy = [
  'Zg',
  'Zg=',
  'Zg===',
  'Zh==',
  'Zm9=',
  'Zm9v=',
  'Zm9v\n',
  ' Zm9v',
  'Zm-_',
  'Z===',
  '=',
  'Zg==Zg==',
  'Zm9vé',
]
for (const text of sloppy) {
  test(`ATTACK: ${JSON.stringify(text)} would be a second spelling → base64_invalid`, () => {
    assert.throws(() => fromBase64(text), { code: 'base64_invalid' })
  })
}

for (const text of ['Zg==', 'Zh', 'Z', 'Zm9+', 'Zm9/', 'Zm9v\n', 'Zm9=']) {
  test(`ATTACK: ${JSON.stringify(text)} is no canonical base64url → base64_invalid`, () => {
    assert.throws(() => fromBase64url(text), { code: 'base64_invalid' })
  })
}

test('every text that decodes is the one that encodes back', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), text => {
      let bytes: Uint8Array
      try {
        bytes = fromBase64(text)
      } catch {
        return
      }
      assert.equal(base64(bytes), text)
    }),
  )
})

test('hexadecimal is lower case and whole', () => {
  for (const text of ['0', 'AB', 'zz', '0x', ' 00']) assert.equal(fromHex(text), undefined)
})

test('text that is not Unicode is refused both ways', () => {
  assert.throws(() => utf8('\ud800'), { code: 'json_unicode' })
  assert.throws(() => fromUtf8(Uint8Array.of(0x80)), { code: 'json_unicode' })
  assert.equal(fromUtf8(Uint8Array.of(0xef, 0xbb, 0xbf)), '\ufeff')
})

test('bytes are joined in order and compared in full', () => {
  assert.deepEqual(concat(Uint8Array.of(1), Uint8Array.of(), Uint8Array.of(2, 3)), Uint8Array.of(1, 2, 3))
  assert.equal(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2)), true)
  assert.equal(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3)), false)
  assert.equal(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1)), false)
})
