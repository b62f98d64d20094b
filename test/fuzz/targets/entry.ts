import {
  base64,
  canonicalize,
  equalBytes,
  fromUtf8,
  PAYLOAD_TYPES,
  type SigningKey,
} from '../../../src/canon/index.js'
import { nativeCrypto } from '../../../src/native/index.js'
import { encodeEntry, entryProblem, openEntry } from '../../../src/receipt/index.js'
import { keyNamed } from '../../policy/trust-fixture.js'
import { attemptBody, LogOnPaper, outcomeBody } from '../../receipt/log-fixture.js'
import { type FuzzTarget, holds, latin1, read, type Seen } from '../target.js'

type Open = typeof openEntry

const KEYID = 'A'.repeat(43)
const SIGNATURE = new Uint8Array(64).fill(9)

/** An entry that opens is, byte for byte, one that would be written. */
export function entryWith(open: Open): FuzzTarget['run'] {
  return bytes => {
    const envelope = Buffer.from(
      `{"payload":"${base64(bytes)}","payloadType":"${PAYLOAD_TYPES.receipt}","signatures":[{"keyid":"${KEYID}","sig":"${base64(SIGNATURE)}"}]}`,
    )
    const seen: Seen[] = [asEnvelope(open, bytes), asEnvelope(open, envelope)]
    return seen.includes('accepted') ? 'accepted' : 'refused'
  }
}

function asEnvelope(open: Open, bytes: Uint8Array): Seen {
  const opened = read(() => open(bytes))
  if (opened === null) return 'refused'
  const { entry, keyid, payload, signature } = opened
  holds(entryProblem(entry) === undefined, 'an entry that opens has the shape of one')
  holds(fromUtf8(payload) === canonicalize(entry), 'its payload is the canonical form', latin1(payload))
  const signer: SigningKey = { keyid, publicKey: new Uint8Array(32), sign: () => signature }
  holds(
    equalBytes(encodeEntry(nativeCrypto, entry, signer), bytes),
    'it is written back byte for byte',
    latin1(bytes),
  )
  return 'accepted'
}

const CONTROLS: readonly string[] = [
  '{"type":"heartbeat","data":{"open":0,"size":1}',
  '{"type":"close","data":{"reason":"x"}',
  '{"type":"policy","data":{"action":"activated","cid":"sha256:',
  '{"type":"grant","data":{"action":"issued"',
]

export const target: FuzzTarget = {
  about: 'ledger entries: what opens is, byte for byte, what would be written',
  words: [
    '"type":"attempt"',
    '"type":"outcome"',
    '"type":"genesis"',
    '"type":"boot"',
    '"type":"approval"',
    '"type":"mint"',
    '"type":"probe"',
    '"type":"key"',
    '"type":"recover"',
    '"type":"archive"',
    '"type":"erase"',
    '"data":{',
    '"v":1',
    '"seq":',
    '"t":',
    ',"approval":"x"',
    ',"account":"x"',
    '1e3',
    '-0',
    '1.0',
    '9007199254740993',
    '\\u0061',
    ...CONTROLS,
  ],
  maxBytes: 3_000,
  run: entryWith(openEntry),
  seeds: () => {
    const paper = new LogOnPaper(keyNamed('receipt'), keyNamed('checkpoint')).start()
    const attempt = paper.append(
      attemptBody({
        credential: { minter: 'jwt', scope: '{}', expires: 1 },
        reserved: [{ key: 'k', amount: 2 }],
      }),
    )
    paper.append(
      outcomeBody(attempt, paper.leaves[attempt] as string, { resp_c: 'c0'.repeat(32), resp_len: 7 }),
    )
    paper.append({ type: 'close', data: { reason: 'the end' } })
    const payloads = paper.entries.map(bytes => openEntry(bytes).payload)
    const [genesis, boot, attempted, outcome, close] = payloads.map(each => Buffer.from(each)) as [
      Buffer,
      Buffer,
      Buffer,
      Buffer,
      Buffer,
    ]
    return {
      genesis,
      boot,
      attempt: attempted,
      outcome,
      close,
      envelope: Buffer.from(paper.entries[4] as Uint8Array),
      spaced: attempted.toString().replace(',', ', '),
      'unknown-member': boot.toString().replace('{', '{"a":1,'),
      fraction: close.toString().replace('"v":1', '"v":1.0'),
    }
  },
}
