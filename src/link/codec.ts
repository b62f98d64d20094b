import { linkFault } from './error-table.js'
import { encodeFrame, type Frame } from './frame.js'
import { readAdmit, readHello, readSettle, readWatch } from './gate-messages.js'
import {
  readAdmitReply,
  readCutOrder,
  readFullCheckUpdate,
  readLinkFault,
  readPolicyUpdate,
  readSettleReply,
  readShippingUpdate,
  readWatchReply,
  readWelcome,
  readWitnessUpdate,
} from './keeper-messages.js'
import type { GateMessage, KeeperMessage } from './messages.js'

const KIB = 1024
const MIB = 1024 * KIB

/** Everything known about one message type: its byte in the frame, its bound, and the reader that refuses any other shape. */
interface Wire<M> {
  readonly byte: number
  readonly maxPayloadBytes: number
  read(value: unknown): M
}

const gateWire: { readonly [T in GateMessage['type']]: Wire<Extract<GateMessage, { type: T }>> } = {
  hello: { byte: 0x01, maxPayloadBytes: 256, read: readHello },
  admit: { byte: 0x02, maxPayloadBytes: 2 * MIB, read: readAdmit },
  settle: { byte: 0x03, maxPayloadBytes: 4 * KIB, read: readSettle },
  watch: { byte: 0x04, maxPayloadBytes: 256, read: readWatch },
}

const keeperWire: { readonly [T in KeeperMessage['type']]: Wire<Extract<KeeperMessage, { type: T }>> } = {
  welcome: { byte: 0x81, maxPayloadBytes: 32 * MIB, read: readWelcome },
  policy: { byte: 0x82, maxPayloadBytes: 32 * MIB, read: readPolicyUpdate },
  admitted: { byte: 0x83, maxPayloadBytes: 128 * KIB, read: readAdmitReply },
  settled: { byte: 0x84, maxPayloadBytes: 256, read: readSettleReply },
  shipping: { byte: 0x86, maxPayloadBytes: 8 * KIB, read: readShippingUpdate },
  witnesses: { byte: 0x87, maxPayloadBytes: 16 * KIB, read: readWitnessUpdate },
  'full-check': { byte: 0x88, maxPayloadBytes: 256, read: readFullCheckUpdate },
  watched: { byte: 0x89, maxPayloadBytes: 256, read: readWatchReply },
  cut: { byte: 0x8a, maxPayloadBytes: 64 * KIB, read: readCutOrder },
  fault: { byte: 0x85, maxPayloadBytes: KIB, read: readLinkFault },
}

/** One direction of the link: which frames may arrive, and how each becomes a message. */
export interface Inbound<M> {
  maxPayloadBytes(type: number): number | undefined
  /** Throws `frame_malformed` for everything but the exact shape. */
  decode(frame: Frame): M
}

/** What a keeper reads. */
export const fromGate: Inbound<GateMessage> = inbound<GateMessage>(Object.values(gateWire))
/** What a gate reads. */
export const fromKeeper: Inbound<KeeperMessage> = inbound<KeeperMessage>(Object.values(keeperWire))

function inbound<M>(wires: readonly Wire<M>[]): Inbound<M> {
  const byByte: (Wire<M> | undefined)[] = []
  for (const wire of wires) byByte[wire.byte] = wire
  return {
    maxPayloadBytes: type => byByte[type]?.maxPayloadBytes,
    decode({ type, payload }) {
      const wire = byByte[type]
      if (wire === undefined) throw linkFault('frame_malformed', 'unknown message type')
      return wire.read(parse(payload))
    },
  }
}

/** The frame of a message: its JSON without `type`, which is the frame's byte. Throws `frame_too_large` where the other side would refuse it. */
export function encodeMessage(message: GateMessage | KeeperMessage): Buffer {
  const { type, ...members } = message
  const wire = type in gateWire ? gateWire[type as 'hello'] : keeperWire[type as 'welcome']
  const frame = encodeFrame(wire.byte, JSON.stringify(members))
  if (frame.length - 5 > wire.maxPayloadBytes)
    throw linkFault('frame_too_large', `${frame.length - 5} bytes, at most ${wire.maxPayloadBytes}`)
  return frame
}

function parse(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'))
  } catch {
    throw linkFault('frame_malformed', 'expected JSON')
  }
}
