import {
  base64url,
  encodeEnvelope,
  formatP256Key,
  formatPublicKey,
  fromBase64url,
  fromUtf8,
  portableDigests,
} from '../src/canon/index.js'
import type { ShownApproval } from '../src/keeper/index.js'
import {
  APPROVER_NAME,
  type ApprovalVerdict,
  type ApproverGroup,
  type Countersignature,
  countersignaturePayload,
  type Passkey,
  passkeyChallenge,
  passkeyEnvelope,
} from '../src/policy/index.js'

/** How long an authenticator waits for its person. */
const TOUCH_MS = 120_000
/** COSE algorithms (RFC 9053): EdDSA and ES256. */
const ALGORITHMS = [-8, -7] as const

export interface PersonsPasskey extends Passkey {
  readonly by: string
}

/** What a browser says of a page: `location`, or a stand-in for it. */
export interface PagePlace {
  readonly hostname: string
  readonly origin: string
}

/** The passkeys that may sign about an approval, in this page. */
export function passkeysFor(
  approval: Pick<ShownApproval, 'approvers' | 'signed'>,
  verdict: ApprovalVerdict,
  groups: readonly ApproverGroup[],
  { hostname, origin }: PagePlace,
): readonly PersonsPasskey[] {
  const named = groups.filter(({ name }) => approval.approvers.includes(name))
  const found = new Map<string, PersonsPasskey>()
  for (const { keys } of named)
    for (const [by, key] of Object.entries(keys))
      if (
        'passkey' in key &&
        key.passkey.rpId === hostname &&
        (key.passkey.origins ?? [origin]).includes(origin)
      )
        found.set(key.passkey.credential, { ...key.passkey, by })
  const hasSigned = (by: string): boolean => approval.signed.some(each => each.by === by)
  return [...found.values()].filter(({ by }) =>
    verdict === 'reject' ? true : hasSigned(by) === (verdict === 'withdraw'),
  )
}

/** Signs by a touch of one of the passkeys, about this countersignature alone; answers the envelope as JSON. */
export async function signByPasskey(
  countersignature: Countersignature,
  passkeys: readonly PersonsPasskey[],
): Promise<unknown> {
  const payload = countersignaturePayload(countersignature)
  const credential = (await navigator.credentials.get({
    publicKey: {
      challenge: new Uint8Array(passkeyChallenge(portableDigests, payload)),
      rpId: location.hostname,
      allowCredentials: passkeys.map(({ credential: id }) => ({
        type: 'public-key',
        id: new Uint8Array(fromBase64url(id)),
      })),
      userVerification: 'required',
      timeout: TOUCH_MS,
    },
  })) as PublicKeyCredential | null
  const passkey = passkeys.find(each => each.credential === credential?.id)
  if (credential === null || passkey === undefined)
    throw new Error('No passkey that the policy names was touched.')
  const { authenticatorData, clientDataJSON, signature } =
    credential.response as AuthenticatorAssertionResponse
  const envelope = passkeyEnvelope(payload, passkey, {
    authenticatorData: new Uint8Array(authenticatorData),
    clientDataJSON: new Uint8Array(clientDataJSON),
    signature: new Uint8Array(signature),
  })
  return JSON.parse(fromUtf8(encodeEnvelope(envelope)))
}

/** Makes a passkey for this page and answers the line of a policy that names it. Rejects for a name that no policy can have. */
export async function registerPasskey(name: string): Promise<string> {
  if (!new RegExp(APPROVER_NAME).test(name)) throw new Error('A policy has no approver of this name.')
  const credential = (await navigator.credentials.create({
    publicKey: {
      challenge: crypto.getRandomValues(new Uint8Array(32)),
      rp: { id: location.hostname, name: 'Countersign' },
      // Says nothing of the person, and replaces no passkey that they have (WebAuthn §14.6.1).
      user: { id: crypto.getRandomValues(new Uint8Array(32)), name, displayName: name },
      pubKeyCredParams: ALGORITHMS.map(alg => ({ type: 'public-key', alg })),
      authenticatorSelection: { userVerification: 'required', residentKey: 'preferred' },
      attestation: 'none',
      timeout: TOUCH_MS,
    },
  })) as PublicKeyCredential | null
  if (credential === null) throw new Error('No passkey was made.')
  const response = credential.response as AuthenticatorAttestationResponse
  const passkey: Passkey = {
    credential: base64url(new Uint8Array(credential.rawId)),
    key: keyOf(response),
    rpId: location.hostname,
    origins: [location.origin],
  }
  const { credential: id, key, rpId } = passkey
  return `${name}: { passkey: { credential: "${id}", key: "${key}", rpId: ${rpId}, origins: ["${location.origin}"] } }`
}

/** The key at the end of its SubjectPublicKeyInfo: 32 bytes (RFC 8410 §4), or a point of 65 (RFC 5480 §2). */
function keyOf(response: AuthenticatorAttestationResponse): string {
  const info = response.getPublicKey()
  if (info === null) throw new Error('The browser can’t read this passkey’s key.')
  const bytes = new Uint8Array(info)
  return response.getPublicKeyAlgorithm() === -7
    ? formatP256Key(bytes.subarray(-65))
    : formatPublicKey(bytes.subarray(-32))
}
