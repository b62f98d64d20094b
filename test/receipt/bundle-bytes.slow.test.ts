import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Crypto, hex } from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { encodeBundle, verifyBundle } from '../../src/receipt/index.js'
import { Incident } from './bundle-fixture.js'

/** `npm run test:large` makes the incident longer and tries more values for each byte. */
const LARGE = process.env.COUNTERSIGN_LARGE_BUNDLE !== undefined

/** Verifies each signature once: what is asked again with the same bytes has the same answer. */
function remembering(crypto: Crypto): Crypto {
  const known = new Map<string, boolean>()
  return {
    ...crypto,
    verify: (key, message, signature) => {
      const asked = hex(crypto.sha256(key, signature, message))
      const answer = known.get(asked) ?? crypto.verify(key, message, signature)
      known.set(asked, answer)
      return answer
    },
  }
}

async function sample(): Promise<{ readonly bytes: Uint8Array; isSound(changed: Uint8Array): boolean }> {
  const incident = LARGE ? new Incident().tell().tell() : new Incident().tellBriefly()
  const bytes = encodeBundle(await incident.bundle())
  const options = { crypto: remembering(nativeCrypto), trust: incident.trust() }
  return { bytes, isSound: changed => verifyBundle(changed, options).sound }
}

test('attack: a bundle with any one byte changed is refused', async () => {
  const { bytes, isSound } = await sample()
  assert.equal(isSound(bytes), true)
  const changed = Uint8Array.from(bytes)
  // A neighbour in base64 and a neighbour of letters, so that the change is not only one that no parser would take.
  const masks = LARGE ? [1, 2, 4, 32, 128] : [1]
  for (const [at, byte] of bytes.entries()) {
    for (const mask of masks) {
      changed[at] = byte ^ mask
      assert.equal(isSound(changed), false, `byte ${at} of ${bytes.length}: ${byte} became ${byte ^ mask}`)
    }
    changed[at] = byte
  }
})

test('attack: a bundle that was cut, lengthened, or had a byte doubled or two exchanged is refused', async () => {
  const { bytes, isSound } = await sample()
  for (let at = 0; at < bytes.length; at += LARGE ? 1 : 37) {
    assert.equal(isSound(bytes.subarray(0, at)), false, `cut at ${at}`)
    assert.equal(isSound(bytes.subarray(at + 1)), false, `begun at ${at}`)
    const doubled = Uint8Array.of(...bytes.subarray(0, at), bytes[at] as number, ...bytes.subarray(at))
    assert.equal(isSound(doubled), false, `byte ${at} doubled`)
    if (at === 0 || bytes[at] === bytes[at - 1]) continue
    const exchanged = Uint8Array.from(bytes)
    exchanged.set([bytes[at] as number, bytes[at - 1] as number], at - 1)
    assert.equal(isSound(exchanged), false, `bytes ${at - 1} and ${at} exchanged`)
  }
  for (const tail of ['\n', ' ', '\0', '}']) {
    const longer = Uint8Array.of(...bytes, tail.charCodeAt(0))
    assert.equal(isSound(longer), false, JSON.stringify(tail))
  }
})
