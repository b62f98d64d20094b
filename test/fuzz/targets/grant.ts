import { createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { base64url, fromBase64url, keyIdOf } from '../../../src/canon/index.js'
import { grantVerifier } from '../../../src/credential/index.js'
import { SLOTS } from '../../../src/protocol/index.js'
import { equal, type FuzzTarget, holds, latin1, type Seen } from '../target.js'

type Verifier = ReturnType<typeof grantVerifier>

const ORIGIN = 'acme.example/countersign/web'
const NOW = 1_790_000_000_000
/** RFC 8410 §7 around a seed, so that tokens are the same in every run. */
const privateKey = (seed: number) =>
  createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, seed)]),
    format: 'der',
    type: 'pkcs8',
  })
const OURS = privateKey(7)
const OTHERS = privateKey(8)
const rawOf = (key: typeof OURS): Uint8Array =>
  fromBase64url(createPublicKey(key).export({ format: 'jwk' }).x as string)
const HEADER = JSON.stringify({ alg: 'Ed25519', kid: keyIdOf(rawOf(OURS)), typ: 'at+jwt' })
const CLAIMS = {
  iss: ORIGIN,
  aud: ORIGIN,
  sub: 'coder',
  environment: 'staging',
  task: 't-17',
  owner: 'maria',
  jti: '0b0f7a5e-6a4d-4b6f-9d4e-0a1b2c3d4e5f',
  iat: NOW / 1_000,
  exp: NOW / 1_000 + 600,
}

function token(payload: string, header = HEADER, key = OURS): string {
  const input = [header, payload].map(part => base64url(Buffer.from(part))).join('.')
  return `${input}.${base64url(sign(null, Buffer.from(input), key))}`
}

/** What was issued, by the slots that it opens. */
const ISSUED: ReadonlyMap<string, readonly string[]> = new Map([
  [token(JSON.stringify({ ...CLAIMS, slot: 'bearer' })), ['bearer', 'countersign-grant', 'basic-user']],
  [token(JSON.stringify({ ...CLAIMS, slot: 'aws-sigv4' })), ['aws-sigv4']],
  [
    token(
      JSON.stringify({ ...CLAIMS, slot: 'project-access-token', authorization_details: [{ type: 'x' }] }),
    ),
    ['project-access-token'],
  ],
])

const MEMBERS = [...Object.keys(CLAIMS), 'slot', 'authorization_details']

/** As a token nothing is good but what was issued, in its slot; as claims under our own signature, only what is exactly a grant. */
export function grantWith(verifier: Verifier): FuzzTarget['run'] {
  return async bytes => {
    const seen: Seen[] = [await asToken(verifier, latin1(bytes))]
    if (bytes.length <= 1_200) seen.push(await asClaims(verifier, bytes), await asHeader(verifier, bytes))
    return seen.includes('accepted') ? 'accepted' : 'refused'
  }
}

async function asToken(verifier: Verifier, text: string): Promise<Seen> {
  let accepted = false
  for (const slot of SLOTS) {
    const verdict = await verifier.verify(text, slot, NOW)
    if (verdict.kind !== 'grant') continue
    holds(
      ISSUED.get(text)?.includes(slot) === true,
      'only what was issued is a grant, in its own slot',
      text,
      slot,
    )
    accepted = true
  }
  return accepted ? 'accepted' : 'refused'
}

/** Whoever holds the key signs what he likes: still nothing but the exact claims pass. */
async function asClaims(verifier: Verifier, claims: Uint8Array): Promise<Seen> {
  const text = new TextDecoder().decode(claims)
  for (const slot of SLOTS) {
    const verdict = await verifier.verify(token(text), slot, NOW)
    if (verdict.kind !== 'grant') continue
    const said = JSON.parse(text) as Record<string, unknown>
    for (const name of Object.keys(said)) holds(MEMBERS.includes(name), 'no unknown claim', name)
    holds(said.aud === ORIGIN && said.iss === ORIGIN, 'it is for this origin', said.aud)
    const [iat, exp] = [said.iat as number, said.exp as number]
    holds(
      exp * 1_000 > NOW && exp - iat <= 3_600 && iat * 1_000 <= NOW + 5_000,
      'it is in force, for an hour at most',
      iat,
      exp,
    )
    equal(
      [
        verdict.grant.agent,
        verdict.grant.environment,
        verdict.grant.task,
        verdict.grant.owner,
        verdict.grant.jti,
      ],
      [said.sub, said.environment, said.task, said.owner, said.jti],
      'the grant says what the claims say',
    )
    return 'accepted'
  }
  return 'refused'
}

async function asHeader(verifier: Verifier, header: Uint8Array): Promise<Seen> {
  const text = new TextDecoder().decode(header)
  const verdict = await verifier.verify(
    token(JSON.stringify({ ...CLAIMS, slot: 'bearer' }), text),
    'bearer',
    NOW,
  )
  if (verdict.kind !== 'grant') return 'refused'
  equal(JSON.parse(text), JSON.parse(HEADER), 'no other header is taken')
  return 'accepted'
}

const [BEARER, AWS] = [...ISSUED.keys()] as [string, string]

export const target: FuzzTarget = {
  about: 'grants: nothing verifies but what was issued, byte for byte, in its own slot',
  words: [
    '.',
    '"alg":"none"',
    '"alg":"HS256"',
    '"alg":"EdDSA"',
    '"alg":"Ed25519"',
    '"typ":"at+jwt"',
    '"kid":',
    '"jwk":{}',
    '"crit":["b64"]',
    '"b64":false',
    ORIGIN,
    '"aud":["',
    '"slot":"bearer"',
    '"exp":9999999999',
    '"iat":',
    '"authorization_details":[{"type":"x"}]',
    '=',
    '-',
    '_',
    '\u202e',
  ],
  maxBytes: 2_100,
  run: grantWith(grantVerifier({ keys: [rawOf(OURS)], origin: ORIGIN, isRevoked: () => false })),
  seeds: () => ({
    bearer: BEARER,
    aws: AWS,
    claims: JSON.stringify({ ...CLAIMS, slot: 'bearer' }),
    'claims-other-audience': JSON.stringify({
      ...CLAIMS,
      slot: 'bearer',
      aud: 'other.example/countersign/web',
    }),
    'claims-long': JSON.stringify({ ...CLAIMS, slot: 'bearer', exp: CLAIMS.iat + 3_601 }),
    header: HEADER,
    'header-none': '{"alg":"none","typ":"at+jwt"}',
    'other-key': token(JSON.stringify({ ...CLAIMS, slot: 'bearer' }), HEADER, OTHERS),
    spaced: `${BEARER} `,
    padded: `${BEARER}=`,
  }),
}
