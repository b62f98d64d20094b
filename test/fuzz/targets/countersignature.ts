import {
  canonicalBytes,
  canonicalize,
  encodeEnvelope,
  equalBytes,
  formatPublicKey,
  PAYLOAD_TYPES,
  parseCanonical,
} from '../../../src/canon/index.js'
import { nativeCrypto } from '../../../src/native/index.js'
import {
  type ApprovalStatement,
  type Countersignature,
  decodeCountersignature,
  openCountersignature,
  sealCountersignature,
} from '../../../src/policy/index.js'
import { envelopeOf, quickKey } from '../keys.js'
import { equal, type FuzzTarget, holds, latin1, read, type Seen } from '../target.js'

type Open = typeof openCountersignature

const T = 1_800_000_000_000
const MARIA = quickKey('maria')
const STATEMENT: ApprovalStatement = {
  v: 1,
  origin: 'acme.test/countersign/edge',
  id: '01a3185c-5000-7000-8000-000000000000',
  agent: 'coder',
  environment: 'staging',
  task: 'CS-17',
  owner: 'anna@acme.test',
  policy: `sha256:${'ab'.repeat(32)}`,
  api: 'billing',
  operations: [
    {
      name: 'POST /invoices/{id}/void',
      classes: ['irreversible'],
      scope: {},
      resources: [{ type: 'invoice', id: '7' }],
    },
  ],
  args_c: 'cd'.repeat(32),
}
const APPROVE: Countersignature = { v: 1, verdict: 'approve', statement: STATEMENT, t: T }
const REJECT: Countersignature = { v: 1, verdict: 'reject', statement: STATEMENT, because: 'Not now.', t: T }
const SEALED = [APPROVE, REJECT].map(each => sealCountersignature(each, MARIA))
const OPTIONS = {
  statement: STATEMENT,
  groups: [
    {
      name: 'finance',
      keys: { maria: { ed25519: formatPublicKey(MARIA.publicKey) } },
      threshold: 1,
      expiresSeconds: 1_800,
    },
  ],
  crypto: nativeCrypto,
  nowMs: T,
}

/** Only what an approver has signed opens; and of what they would sign, only a word about this very statement. */
export function countersignatureWith(open: Open): FuzzTarget['run'] {
  return bytes => {
    const seen: Seen[] = ['refused', asPayload(open, bytes)]
    const opened = read(() => open(bytes, OPTIONS))
    if (opened !== null) {
      const { payload } = decodeCountersignature(bytes)
      holds(
        SEALED.some(each => equalBytes(each.payload, payload)),
        'only what was signed opens',
        latin1(bytes),
      )
      seen.push('accepted')
    }
    return seen.includes('accepted') ? 'accepted' : 'refused'
  }
}

/** The bytes as what an approver has signed, whatever they are. */
function asPayload(open: Open, payload: Uint8Array): Seen {
  const envelope = envelopeOf(PAYLOAD_TYPES.countersignature, payload, [MARIA])
  const opened = read(() => open(envelope, OPTIONS))
  if (opened === null) return 'refused'
  const { by, groups, touch, ...said } = opened
  equal([by, groups, touch], ['maria', ['finance'], null], 'it is by who signed it')
  holds(equalBytes(canonicalBytes(said), payload), 'it says what was signed, and nothing else', said)
  holds(canonicalize(opened.statement) === canonicalize(STATEMENT), 'it is about this statement')
  holds(Math.abs(opened.t - T) <= 600_000, 'it was signed just now', opened.t)
  holds(parseCanonical(payload) !== null, 'it is canonical')
  return 'accepted'
}

export const target: FuzzTarget = {
  about: 'countersignatures: only what an approver signed opens, about this very statement, just now',
  words: [
    '"verdict":"approve"',
    '"verdict":"withdraw"',
    '"because":"',
    '"t":',
    String(T),
    '"statement":{',
    '"v":1',
    '"probes_c":"',
    '"account":"',
    '\\u202e',
    '"owner":"maria"',
    '"signatures":[',
    '{"keyid":"',
  ],
  maxBytes: 2_048,
  run: countersignatureWith(openCountersignature),
  seeds: () => ({
    approve: Buffer.from(encodeEnvelope(SEALED[0] as (typeof SEALED)[number])),
    reject: Buffer.from(encodeEnvelope(SEALED[1] as (typeof SEALED)[number])),
    payload: Buffer.from(canonicalBytes(APPROVE)),
    'payload-late': Buffer.from(canonicalBytes({ ...APPROVE, t: T - 600_001 })),
    'payload-elsewhere': Buffer.from(
      canonicalBytes({ ...APPROVE, statement: { ...STATEMENT, agent: 'other' } }),
    ),
    'payload-unknown-member': Buffer.from(canonicalBytes({ ...APPROVE, more: 1 })),
    'two-signatures': Buffer.from(
      encodeEnvelope({
        ...(SEALED[0] as (typeof SEALED)[number]),
        signatures: SEALED.flatMap(({ signatures }) => signatures),
      }),
    ),
  }),
}
