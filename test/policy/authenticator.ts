import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import {
  base64url,
  type Envelope,
  formatP256Key,
  formatPublicKey,
  fromBase64url,
  utf8,
} from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import {
  type Countersignature,
  countersignaturePayload,
  type Passkey,
  type PasskeyAssertion,
  passkeyChallenge,
  passkeyEnvelope,
} from '../../src/policy/index.js'

/** What a browser and an authenticator may do differently than they should. */
export interface TouchChanges {
  readonly clientData?: Readonly<Record<string, unknown>>
  /** As a browser wrote it; instead of what the other members say. */
  readonly clientDataJSON?: string
  readonly rpId?: string
  /** Flags of the authenticator data; present and verified unless told. */
  readonly flags?: number
  readonly counter?: number
  /** Bytes behind the counter. */
  readonly extra?: Uint8Array
  /** Changes the signature when it is made. */
  readonly signature?: (made: Uint8Array) => Uint8Array
}

/** A WebAuthn authenticator in software, with the browser around it: one passkey, which it always lets be touched. */
export class Authenticator {
  readonly passkey: Passkey
  counter = 0
  private readonly key: KeyObject

  /** Of a console at port 7443 of this machine, unless told. */
  constructor(
    kind: 'es256' | 'ed25519',
    { rpId = 'localhost', credential = 'AAEC', origins }: Partial<Passkey> = {},
  ) {
    const { publicKey, privateKey } =
      kind === 'es256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519')
    const { x, y } = publicKey.export({ format: 'jwk' })
    const [left, right] = [x ?? '', y ?? ''].map(fromBase64url) as [Uint8Array, Uint8Array]
    const key = kind === 'es256' ? formatP256Key(Buffer.from([4, ...left, ...right])) : formatPublicKey(left)
    this.key = privateKey
    const named = origins ?? (rpId === 'localhost' ? ['http://localhost:7443'] : undefined)
    this.passkey = { credential, key, rpId, ...(named === undefined ? {} : { origins: named }) }
  }

  touch(challenge: Uint8Array, changes: TouchChanges = {}): PasskeyAssertion {
    const { rpId } = this.passkey
    const clientDataJSON = utf8(
      changes.clientDataJSON ??
        JSON.stringify({
          type: 'webauthn.get',
          challenge: base64url(challenge),
          origin: rpId === 'localhost' ? 'http://localhost:7443' : `https://${rpId}`,
          crossOrigin: false,
          ...changes.clientData,
        }),
    )
    const counter = Buffer.alloc(4)
    counter.writeUInt32BE(changes.counter ?? this.counter)
    const authenticatorData = Buffer.concat([
      sha256(utf8(changes.rpId ?? rpId)),
      Buffer.from([changes.flags ?? 0x05]),
      counter,
      changes.extra ?? new Uint8Array(),
    ])
    const signed = Buffer.concat([authenticatorData, sha256(clientDataJSON)])
    const made = sign(this.key.asymmetricKeyType === 'ed25519' ? null : 'sha256', signed, this.key)
    return { authenticatorData, clientDataJSON, signature: changes.signature?.(made) ?? made }
  }

  countersign(countersignature: Countersignature, changes: TouchChanges = {}): Envelope {
    const payload = countersignaturePayload(countersignature)
    return passkeyEnvelope(
      payload,
      this.passkey,
      this.touch(passkeyChallenge(nativeCrypto, payload), changes),
    )
  }
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}
