import { verifyAuthenticationResponse } from '@simplewebauthn/server'
import { base64url, concat, parseP256Key, parsePublicKey } from '../canon/index.js'
import { isSharedHost, type PasskeyTouch, policyFault } from '../policy/index.js'

/** COSE keys (RFC 9053 §7.1, §2) up to their coordinates: kty, alg, crv and the label of what follows. */
const COSE_P256 = [
  [0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20],
  [0x22, 0x58, 0x20],
] as const
const COSE_ED25519 = [0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20] as const

/**
 * Verifies a touch a second time, by a library that others have written and looked at: what lets a request pass shall
 * not hang on one reading of WebAuthn. `before` is the counter that was seen last, 0 where none was. Rejects with
 * `passkey_malformed` where the library refuses what `verifyPasskey` took.
 *
 * This module and the library with it are loaded when the first passkey is touched.
 */
export async function checkTouchAgain(touch: PasskeyTouch, before: number): Promise<void> {
  const { passkey, assertion, challenge } = touch
  const checked = await verifyAuthenticationResponse({
    response: {
      id: passkey.credential,
      rawId: passkey.credential,
      type: 'public-key',
      clientExtensionResults: {},
      response: {
        authenticatorData: base64url(assertion.authenticatorData),
        clientDataJSON: base64url(assertion.clientDataJSON),
        signature: base64url(assertion.signature),
      },
    },
    expectedChallenge: challenge,
    expectedOrigin: originsOf(touch),
    expectedRPID: passkey.rpId,
    expectedType: 'webauthn.get',
    requireUserVerification: true,
    credential: {
      id: passkey.credential,
      publicKey: new Uint8Array(coseKey(passkey.key)),
      counter: before,
    },
  }).catch((error: Error) => {
    throw policyFault('passkey_malformed', error.message)
  })
  if (!checked.verified) throw policyFault('signature_invalid', passkey.key)
}

/** What was sealed without origins, by an older version, speaks for one host; where that has pages of many, it speaks no more. */
function originsOf({ passkey, origin }: PasskeyTouch): string[] {
  const { rpId, origins } = passkey
  if (origins === undefined && isSharedHost(rpId))
    throw policyFault('passkey_elsewhere', `the policy names no origin of ${rpId}`)
  return [...(origins ?? [origin])]
}

function coseKey(key: string): Uint8Array {
  if (!key.startsWith('es256:')) return concat(Uint8Array.from(COSE_ED25519), parsePublicKey(key))
  const point = parseP256Key(key)
  const [before, between] = COSE_P256.map(bytes => Uint8Array.from(bytes)) as [Uint8Array, Uint8Array]
  return concat(before, point.subarray(1, 33), between, point.subarray(33))
}
