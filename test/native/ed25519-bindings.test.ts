import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { portableCrypto, portableSigningKey } from '../../src/canon/index.js'
import { nativeCrypto, nativeSigningKey } from '../../src/native/index.js'
import { opensslSigningKey, opensslVerify } from '../../src/native/openssl.js'
import { sodium as loadSodium, sodiumSigningKey, sodiumVerify } from '../../src/native/sodium.js'

const sodium = loadSodium()
const MESSAGES = [0, 1, 63, 64, 900, 65_535].map(length => randomBytes(length))

test('OpenSSL, libsodium and noble sign the same bytes', t => {
  if (sodium === null) t.diagnostic('no libsodium binding for this machine: compared without it')
  for (const message of MESSAGES) {
    const seed = randomBytes(32)
    const portable = portableSigningKey(seed)
    const expected = Buffer.from(portable.sign(message))
    const keys = [opensslSigningKey(seed, portable.publicKey), nativeSigningKey(seed, portable.publicKey)]
    if (sodium !== null) keys.push(sodiumSigningKey(sodium, seed, portable.publicKey))
    for (const key of keys) {
      assert.deepEqual(Buffer.from(key.sign(message)), expected)
      assert.equal(key.keyid, portable.keyid)
    }
  }
})

test('OpenSSL and libsodium accept what noble signed and refuse every flipped bit of it', t => {
  if (sodium === null) t.diagnostic('no libsodium binding for this machine: compared without it')
  const key = portableSigningKey(randomBytes(32))
  const message = randomBytes(100)
  const signature = key.sign(message)
  const answers = (bytes: Uint8Array): boolean[] => [
    opensslVerify(key.publicKey, message, bytes),
    nativeCrypto.verify(key.publicKey, message, bytes),
    ...(sodium === null ? [] : [sodiumVerify(sodium, key.publicKey, message, bytes)]),
  ]
  assert.ok(answers(signature).every(Boolean))
  for (let bit = 0; bit < 512; bit++) {
    const flipped = Uint8Array.from(signature)
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
    assert.ok(!answers(flipped).some(Boolean), `bit ${bit}`)
  }
})

test('the hashes are those of the portable implementation, for one part and for several', () => {
  for (const message of MESSAGES) {
    const parts = [message.subarray(0, 3), message.subarray(3)]
    for (const given of [[message], parts, []])
      assert.deepEqual(
        Buffer.from(nativeCrypto.sha256(...given)),
        Buffer.from(portableCrypto.sha256(...given)),
      )
    assert.deepEqual(
      Buffer.from(nativeCrypto.hmacSha256(message, ...parts)),
      Buffer.from(portableCrypto.hmacSha256(message, ...parts)),
    )
  }
})
