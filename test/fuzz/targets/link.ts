import {
  encodeFrame,
  encodeMessage,
  FrameReader,
  fromGate,
  fromKeeper,
  type GateMessage,
  type Inbound,
  type KeeperMessage,
} from '../../../src/link/index.js'
import { anAdmit, aPolicyView, aSettle, GATE_ID } from '../../link/messages.js'
import { type FuzzTarget, holds, readOr, sortedJson } from '../target.js'

type Reader = Pick<FrameReader, 'push' | 'unfinished'>
type OpenReader = (maxPayloadBytes: (type: number) => number | undefined) => Reader

interface Said {
  readonly messages: readonly (GateMessage | KeeperMessage)[]
  /** What ended the stream; null where nothing did. */
  readonly fault: string | null
  /** Bytes that a frame had to be complete for, for each message. */
  readonly unfinished: boolean
}

/**
 * A byte for the cuts, then a stream; or, where that byte is odd, a frame's type and its payload. Either side reads the same however
 * the stream is cut, says no other fault than the link's own, and what it has read it would write and read again.
 */
export function linkWith(open: OpenReader): FuzzTarget['run'] {
  return bytes => {
    const mode = bytes[0] ?? 0
    const rest = Buffer.from(bytes.subarray(1))
    const stream = (mode & 1) === 0 ? rest : framed(rest)
    let accepted = false
    for (const side of [fromGate, fromKeeper] as const) {
      const whole = heard(open, side, stream, stream.length)
      for (const step of [stream.length > 512 ? 64 : 1, 1 + (mode >> 1)]) {
        const cut = heard(open, side, stream, step)
        holds(sortedJson(cut) === sortedJson(whole), 'cuts change nothing', step, cut, whole)
      }
      for (const message of whole.messages) {
        const frame = readOr(
          () => encodeMessage(message),
          code => code,
        )
        // What is written anew may be longer: a letter that came as its own UTF-8 goes as an escape.
        if (typeof frame === 'string')
          holds(frame === 'frame_too_large', 'what was read is written again', frame, message)
        else
          holds(
            sortedJson(heard(open, side, frame, frame.length).messages) === sortedJson([message]),
            'what is written again is read again',
            message,
          )
        accepted = true
      }
    }
    return accepted ? 'accepted' : 'refused'
  }
}

/** The payload as it is, valid UTF-8 or not. */
function framed(typed: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(typed.length)
  return Buffer.concat([head, typed])
}

function heard(
  open: OpenReader,
  side: Inbound<GateMessage> | Inbound<KeeperMessage>,
  stream: Buffer,
  step: number,
): Said {
  const messages: (GateMessage | KeeperMessage)[] = []
  const reader = open(type => side.maxPayloadBytes(type))
  let fault: string | null = null
  for (let at = 0; at < stream.length && fault === null; at += step)
    fault = readOr(
      () => {
        reader.push(stream.subarray(at, at + step), frame => messages.push(side.decode(frame)))
        return null
      },
      code => {
        holds(code === 'frame_malformed' || code === 'frame_too_large', 'a fault is the link’s own', code)
        return code
      },
    )
  return { messages, fault, unfinished: fault === null && reader.unfinished }
}

const GATE: readonly GateMessage[] = [
  { type: 'hello', protocol: 1, gate: GATE_ID },
  anAdmit(),
  anAdmit({
    presented: null,
    body: { kind: 'streamed' },
    finding: { kind: 'refused', code: 'target_malformed' },
  }),
  aSettle(),
  { type: 'watch', call: 9, approval: GATE_ID },
]
const KEEPER: readonly KeeperMessage[] = [
  { type: 'policy', policy: aPolicyView() },
  { type: 'settled', call: 2, recorded: true },
  { type: 'cut', attempts: [12, 13], because: 'It goes on deleting.' },
  { type: 'fault', call: null, code: 'frame_malformed' },
  { type: 'admitted', call: 9, verdict: { kind: 'stale' }, receipt: { seq: 12, leaf: 'e'.repeat(64) } },
  { type: 'full-check', reading: { size: 10, entries: 4, failing: false, soundMs: null } },
]

const stream = (messages: readonly (GateMessage | KeeperMessage)[]): Buffer =>
  Buffer.concat([Buffer.of(6), ...messages.map(encodeMessage)])
const payload = (message: GateMessage | KeeperMessage): Buffer =>
  Buffer.concat([Buffer.of(1), encodeMessage(message).subarray(4)])

export const target: FuzzTarget = {
  about: 'the link: the same messages however a stream is cut, no fault but its own, and a round trip',
  words: [
    '{"call":',
    '"kind":"',
    ',"',
    '":null',
    '[]',
    '{}',
    '1e999',
    '\\ud800',
    '"__proto__":{}',
    '"finding":{"kind":"refused","code":"x"}',
    '"args":{',
    '\x01{',
    '\x02{',
    '\x03{',
    '\x04{',
    '\x84{',
    '\x85{',
    '\0\0\0\x01',
    '\x7f\xff\xff\xff',
  ],
  maxBytes: 2_048,
  run: linkWith(max => new FrameReader(max)),
  seeds: () => ({
    gate: stream(GATE),
    keeper: stream(KEEPER),
    ...Object.fromEntries(
      [...GATE, ...KEEPER].map((message, i) => [`${message.type}-${i}`, payload(message)]),
    ),
    huge: Buffer.from([6, 0x7f, 0xff, 0xff, 0xff, 0x02]),
    'unknown-type': Buffer.concat([Buffer.of(6), encodeFrame(0x20, '{}')]),
    half: stream(GATE).subarray(0, 300),
    empty: Buffer.from([6, 0, 0, 0, 0, 1]),
  }),
}
