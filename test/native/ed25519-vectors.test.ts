import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type Crypto,
  formatPublicKey,
  fromHex,
  hex,
  isAcceptablePoint,
  keyIdOf,
  parsePublicKey,
  portableCrypto,
  portableSigningKey,
  utf8,
} from '../../src/canon/index.js'
import { nativeCrypto, nativeSigningKey } from '../../src/native/index.js'
import { needsSharedData, sharedData } from '../shared-data.js'

const IMPLEMENTATIONS: readonly (readonly [string, Crypto])[] = [
  ['portable', portableCrypto],
  ['native', nativeCrypto],
]

function bytes(text: string): Uint8Array {
  const raw = fromHex(text)
  assert.ok(raw, `not hexadecimal: ${text}`)
  return raw
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(sharedData(path) as string, 'utf8'))
}

/** RFC 8032 §7.1: tests 1, 2, 3 and SHA(abc). */
const RFC_8032: readonly { seed: string; publicKey: string; message: string; signature: string }[] = [
  {
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
  {
    seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature:
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  },
  {
    seed: '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42',
    publicKey: 'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
    message:
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    signature:
      'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
  },
]

test('the signatures of RFC 8032 §7.1 are made and accepted by both implementations', () => {
  for (const { seed, publicKey, message, signature } of RFC_8032) {
    const portable = portableSigningKey(bytes(seed))
    assert.equal(hex(portable.publicKey), publicKey)
    for (const key of [portable, nativeSigningKey(bytes(seed), bytes(publicKey))]) {
      assert.equal(hex(key.sign(bytes(message))), signature)
    }
    for (const [name, crypto] of IMPLEMENTATIONS) {
      assert.equal(crypto.verify(bytes(publicKey), bytes(message), bytes(signature)), true, name)
    }
  }
})

interface CctvVector {
  readonly number: number
  readonly key: string
  readonly sig: string
  readonly msg: string
  readonly flags: readonly string[] | null
}

/** Flags of C2SP/CCTV under which a strict verifier without the cofactor refuses. */
const REFUSED = new Set([
  'low_order_A',
  'low_order_R',
  'non_canonical_A',
  'non_canonical_R',
  'low_order_residue',
])

test(
  'on all 914 edge cases of C2SP/CCTV both implementations give the one strict answer',
  needsSharedData('vectors/ed25519/cctv.json'),
  () => {
    const vectors = readJson('vectors/ed25519/cctv.json') as readonly CctvVector[]
    assert.equal(vectors.length, 914)
    let accepted = 0
    for (const { number, key, sig, msg, flags } of vectors) {
      const expected = !(flags ?? []).some(flag => REFUSED.has(flag))
      if (expected) accepted++
      for (const [name, crypto] of IMPLEMENTATIONS) {
        const answer = crypto.verify(bytes(key), utf8(msg), bytes(sig))
        assert.equal(answer, expected, `${name}: vector ${number} (${(flags ?? []).join()})`)
      }
    }
    assert.ok(accepted > 0 && accepted < vectors.length)
  },
)

interface Wycheproof {
  readonly testGroups: readonly {
    readonly publicKey: { readonly pk: string }
    readonly tests: readonly { tcId: number; msg: string; sig: string; result: string; comment: string }[]
  }[]
}

test(
  'on every Wycheproof case both implementations answer as Wycheproof does',
  needsSharedData('vectors/ed25519/wycheproof.json'),
  () => {
    const { testGroups } = readJson('vectors/ed25519/wycheproof.json') as Wycheproof
    let count = 0
    for (const { publicKey, tests } of testGroups) {
      for (const { tcId, msg, sig, result, comment } of tests) {
        count++
        for (const [name, crypto] of IMPLEMENTATIONS) {
          const answer = crypto.verify(bytes(publicKey.pk), bytes(msg), bytes(sig))
          assert.equal(answer, result === 'valid', `${name}: case ${tcId} ${comment}`)
        }
      }
    }
    assert.equal(count, 151)
  },
)

/** Encodings of the eight points of small order, canonical and not, with either sign. */
const WEAK_Y = [
  `00${'00'.repeat(30)}00`,
  `01${'00'.repeat(30)}00`,
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
]

test('ATTACK: points of small order, canonical or not, are neither keys nor halves of signatures', () => {
  for (const text of WEAK_Y) {
    for (const sign of [0, 0x80]) {
      const point = bytes(text)
      point[31] = (point[31] as number) | sign
      assert.equal(isAcceptablePoint(point), false, text)
      assert.throws(() => parsePublicKey(formatPublicKey(point)), { code: 'key_invalid' })
      const signature = Uint8Array.of(...point, ...new Uint8Array(32))
      for (const [name, crypto] of IMPLEMENTATIONS) {
        assert.equal(crypto.verify(point, utf8('anything'), signature), false, `${name} ${text}`)
      }
    }
  }
})

test('ATTACK: a y coordinate of p or more is a second spelling of a point', () => {
  for (let low = 0xed; low <= 0xff; low++) {
    assert.equal(isAcceptablePoint(bytes(`${low.toString(16)}${'ff'.repeat(30)}7f`)), false)
  }
})

test('ATTACK: S raised by the order of the group is a second signature for the same message', () => {
  const L = 2n ** 252n + 27742317777372353535851937790883648493n
  const key = portableSigningKey(new Uint8Array(32).fill(3))
  const signature = Uint8Array.from(key.sign(utf8('m')))
  let s = 0n
  for (let i = 63; i >= 32; i--) s = (s << 8n) | BigInt(signature[i] as number)
  s += L
  for (let i = 32; i < 64; i++, s >>= 8n) signature[i] = Number(s & 255n)
  for (const [name, crypto] of IMPLEMENTATIONS) {
    assert.equal(crypto.verify(key.publicKey, utf8('m'), signature), false, name)
  }
})

test('inputs of the wrong length are refused, not thrown upon', () => {
  const key = portableSigningKey(new Uint8Array(32).fill(3))
  const signature = key.sign(utf8('m'))
  for (const [name, crypto] of IMPLEMENTATIONS) {
    assert.equal(crypto.verify(key.publicKey.subarray(1), utf8('m'), signature), false, name)
    assert.equal(crypto.verify(key.publicKey, utf8('m'), signature.subarray(1)), false, name)
    assert.equal(crypto.verify(new Uint8Array(), utf8('m'), new Uint8Array()), false, name)
  }
})

const anyBytes = fc.uint8Array({ maxLength: 300 })

test('both implementations digest alike, in parts or whole', () => {
  fc.assert(
    fc.property(fc.array(anyBytes, { maxLength: 4 }), anyBytes, (parts, key) => {
      assert.equal(hex(nativeCrypto.sha256(...parts)), hex(portableCrypto.sha256(...parts)))
      assert.equal(hex(nativeCrypto.hmacSha256(key, ...parts)), hex(portableCrypto.hmacSha256(key, ...parts)))
    }),
  )
})

test('both implementations sign alike, and each accepts what the other signed', () => {
  const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })
  fc.assert(
    fc.property(seeds, anyBytes, (seed, message) => {
      const portable = portableSigningKey(seed)
      const native = nativeSigningKey(seed, portable.publicKey)
      const signature = portable.sign(message)
      assert.equal(native.keyid, portable.keyid)
      assert.equal(hex(native.sign(message)), hex(signature))
      for (const [, crypto] of IMPLEMENTATIONS) {
        assert.equal(crypto.verify(portable.publicKey, message, signature), true)
      }
    }),
    { numRuns: 25 },
  )
})

test('both implementations agree on signatures with any byte changed, in key, message or signature', () => {
  const key = portableSigningKey(new Uint8Array(32).fill(9))
  const message = utf8('the message that was signed')
  const whole = Uint8Array.of(...key.publicKey, ...key.sign(message), ...message)
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const changed = Uint8Array.from(whole)
      changed[at] = (changed[at] as number) ^ mask
      const [a, signature, m] = [changed.subarray(0, 32), changed.subarray(32, 96), changed.subarray(96)]
      for (const [, crypto] of IMPLEMENTATIONS) assert.equal(crypto.verify(a, m, signature), false)
    }),
    { numRuns: 60 },
  )
})

test('a key id is the thumbprint of RFC 7638, and RFC 8037 §A.3 has an example', () => {
  const publicKey = bytes('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')
  assert.equal(keyIdOf(publicKey), 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k')
})

test('a written public key comes back, and no other spelling of it does', () => {
  const { publicKey } = portableSigningKey(new Uint8Array(32).fill(3))
  const text = formatPublicKey(publicKey)
  assert.deepEqual(parsePublicKey(text), publicKey)
  for (const other of [
    text.slice(8),
    `${text}=`,
    text.toUpperCase(),
    ` ${text}`,
    text.slice(0, -1),
    'ed25519:',
  ]) {
    assert.throws(() => parsePublicKey(other), { name: 'CountersignError' })
  }
})
