import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  concat,
  formatP256Key,
  fromBase64url,
  hex,
  p256KeyIdOf,
  p256SignatureOfDer,
  parseP256Key,
  portableCrypto,
  utf8,
} from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'

const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
const POINT = concat(Uint8Array.of(4), fromBase64url(x), fromBase64url(y))
const MESSAGE = utf8('a message')
const SIGNATURE = new Uint8Array(sign('sha256', MESSAGE, { key: privateKey, dsaEncoding: 'ieee-p1363' }))

function verdictOf(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const [portable, native] = [portableCrypto, nativeCrypto].map(each =>
    each.verifyP256(key, message, signature),
  )
  assert.equal(portable, native, `${hex(key)} ${hex(signature)}`)
  return native as boolean
}

const number = (bytes: Uint8Array): bigint => BigInt(`0x${hex(bytes)}`)
const bytes32 = (value: bigint): Uint8Array =>
  new Uint8Array(Buffer.from(value.toString(16).padStart(64, '0'), 'hex'))

describe('ECDSA on P-256, portable and native', () => {
  it('takes the signature of RFC 6979 §A.2.5 and nothing near it', () => {
    const key = Buffer.from(
      '0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299',
      'hex',
    )
    const signature = Buffer.from(
      'efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8',
      'hex',
    )
    assert.ok(verdictOf(key, utf8('sample'), signature))
    assert.ok(!verdictOf(key, utf8('sampl'), signature))
    assert.equal(formatP256Key(parseP256Key(formatP256Key(key))), formatP256Key(key))
    assert.equal(p256KeyIdOf(key).length, 43)
  })

  it('takes both values of s, as authenticators make either', () => {
    const [r, s] = [SIGNATURE.subarray(0, 32), SIGNATURE.subarray(32)]
    assert.ok(verdictOf(POINT, MESSAGE, SIGNATURE))
    assert.ok(verdictOf(POINT, MESSAGE, concat(r, bytes32(N - number(s)))))
  })

  it('refuses numbers out of range, points beside the curve and other lengths', () => {
    const [r, s] = [SIGNATURE.subarray(0, 32), SIGNATURE.subarray(32)]
    const zero = new Uint8Array(32)
    for (const bad of [
      concat(zero, s),
      concat(r, zero),
      concat(bytes32(N), s),
      concat(r, bytes32(N)),
      new Uint8Array(64).fill(0xff),
      SIGNATURE.subarray(1),
      concat(SIGNATURE, zero),
      new Uint8Array(),
    ])
      assert.ok(!verdictOf(POINT, MESSAGE, bad))
    const beside = POINT.slice()
    beside[64] = (beside[64] as number) ^ 1
    const compressed = concat(Uint8Array.of(2 + ((POINT[64] as number) & 1)), POINT.subarray(1, 33))
    for (const key of [beside, compressed, POINT.subarray(1), new Uint8Array(65), Uint8Array.of(0)])
      assert.ok(!verdictOf(key, MESSAGE, SIGNATURE))
    assert.throws(() => parseP256Key(formatP256Key(beside)), { code: 'key_invalid' })
    assert.throws(() => parseP256Key('es256:AAAA'), { code: 'key_invalid' })
  })

  it('answers the same in both wherever a bit is flipped', () => {
    fc.assert(
      fc.property(fc.nat(64 * 8 - 1), fc.boolean(), (bit, inKey) => {
        const changed = (inKey ? POINT : SIGNATURE).slice()
        changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
        assert.ok(!verdictOf(inKey ? changed : POINT, MESSAGE, inKey ? SIGNATURE : changed))
      }),
      { numRuns: 60 },
    )
  })
})

describe('a signature in DER', () => {
  it('has one encoding for its two numbers', () => {
    for (let i = 0; i < 50; i++) {
      const der = new Uint8Array(sign('sha256', utf8(String(i)), privateKey))
      assert.ok(verdictOf(POINT, utf8(String(i)), p256SignatureOfDer(der) as Uint8Array))
    }
    assert.equal(hex(p256SignatureOfDer(Buffer.from('3006020101020102', 'hex')) as Uint8Array).length, 128)
  })

  it('is refused in every other one', () => {
    for (const bad of [
      '', // nothing
      '30', // a sequence without a length
      '3006020101', // it ends too early
      '300602010102010200', // something behind it
      '308106020101020102', // a length that could be shorter
      '3080020101020102', // no length at all
      '31060201010201', // no sequence
      '3007020200010201 02'.replace(' ', ''), // a zero too many
      '3006020181020102', // a negative number
      '3005020002010201', // a number without bytes
      '3006030101020102', // no number
      `3026022200${'ff'.repeat(33)}020101`, // more than 32 bytes
    ])
      assert.equal(p256SignatureOfDer(Buffer.from(bad, 'hex')), undefined, bad)
  })
})
