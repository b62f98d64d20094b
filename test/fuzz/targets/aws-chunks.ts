import { AwsChunks } from '../../../src/gate/aws-chunks.js'
import { BodyRefused } from '../../../src/gate/body-check.js'
import { InspectionRoom } from '../../../src/gate/inspection.js'
import { ChunkSigner, unsignedChunks } from '../../gate/chunk-signer.js'
import { type FuzzTarget, holds, latin1 } from '../target.js'

type Open = (...args: ConstructorParameters<typeof AwsChunks>) => Pick<AwsChunks, 'take' | 'end'>

const CHECKSUM = 'x-amz-checksum-crc32'
const PAYLOAD = Buffer.from('The quick brown fox jumps over the lazy dog. '.repeat(3))
const signer = (): ChunkSigner => new ChunkSigner('a'.repeat(64))
const { signing } = signer()

interface Decoded {
  readonly payload: Buffer
  readonly code: string | null
}

/**
 * A mode byte, then the framed body. However a body is cut, the same comes out of it; of a signed one only what was signed, from
 * its beginning; of another one what a naive reader takes out of it.
 */
export function awsChunksWith(open: Open): FuzzTarget['run'] {
  return bytes => {
    const mode = bytes[0] ?? 0
    const framed = Buffer.from(bytes.subarray(1))
    const [signed, trailer] = [(mode & 1) !== 0, (mode & 2) === 0 ? null : CHECKSUM]
    const payloadBytes = (mode & 4) === 0 ? PAYLOAD.length : framed.length >> 1
    const decoded = (step: number): Decoded =>
      decode(open, { kind: 'aws-chunked', payloadBytes, signed, trailer }, framed, step)
    const whole = decoded(framed.length)
    for (const step of [1, 1 + (mode >> 3), 64]) {
      const cut = decoded(step)
      holds(
        cut.code === whole.code && cut.payload.equals(whole.payload),
        'cuts change nothing',
        step,
        cut.code,
        whole.code,
      )
    }
    holds(whole.payload.length <= payloadBytes, 'no more comes out than was announced')
    if (signed)
      holds(
        PAYLOAD.subarray(0, whole.payload.length).equals(whole.payload),
        'only what was signed comes out',
        latin1(whole.payload),
      )
    if (whole.code !== null) return 'refused'
    holds(whole.payload.length === payloadBytes, 'all that was announced comes out')
    holds(naive(framed).equals(whole.payload), 'a naive reader takes the same out of it')
    return 'accepted'
  }
}

function decode(open: Open, check: Parameters<Open>[0], framed: Buffer, step: number): Decoded {
  const out: Buffer[] = []
  const emit = (part: Buffer): void => void out.push(Buffer.from(part))
  let code: string | null = null
  try {
    const chunks = open(
      check,
      check.signed ? signing : null,
      new InspectionRoom({
        maxInspectingBytes: 1 << 20,
        maxInspectingBytesPerGrant: 1 << 20,
        maxArriving: 8,
      }).open(),
    )
    for (let at = 0; at < framed.length; at += Math.max(1, step))
      chunks.take(framed.subarray(at, at + Math.max(1, step)), emit)
    chunks.end()
  } catch (error) {
    if (!(error instanceof BodyRefused)) throw error
    code = error.code
  }
  return { payload: Buffer.concat(out), code }
}

function naive(framed: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; ; ) {
    const line = framed.indexOf('\r\n', at)
    const size = Number.parseInt(framed.subarray(at, line).toString('latin1'), 16)
    if (line < 0 || !(size > 0)) return Buffer.concat(parts)
    parts.push(framed.subarray(line + 2, line + 2 + size))
    at = line + 2 + size + 2
  }
}

const withMode = (mode: number, framed: Uint8Array): Buffer => Buffer.concat([Buffer.of(mode), framed])

/** The first two in each other's place. */
const swapped = ([first, second, ...rest]: readonly Buffer[]): Buffer =>
  Buffer.concat([second as Buffer, first as Buffer, ...rest])

export const target: FuzzTarget = {
  about:
    'aws-chunked bodies: the same payload however they are cut, and of a signed one only what was signed',
  words: [
    '\r\n',
    '0\r\n',
    '3\r\nabc\r\n',
    ';chunk-signature=',
    'a'.repeat(64),
    'x-amz-checksum-crc32:',
    'x-amz-trailer-signature:',
    '0\r\n\r\n',
    'ffffffffffff',
    '+3',
    '0x3',
    '00',
  ],
  maxBytes: 1_200,
  run: awsChunksWith((...args) => new AwsChunks(...args)),
  seeds: () => ({
    signed: withMode(1, signer().frame(PAYLOAD, 50)),
    'signed-trailer': withMode(3, signer().frame(PAYLOAD, 64, CHECKSUM)),
    unsigned: withMode(0, unsignedChunks(PAYLOAD, 50)),
    'unsigned-trailer': withMode(2, unsignedChunks(PAYLOAD, 32, CHECKSUM)),
    short: withMode(4, Buffer.from('6\r\nabcdef\r\n0\r\n\r\n')),
    'signed-swapped': withMode(1, swapped(signer().chunks(PAYLOAD, 50))),
    'signed-cut': withMode(1, signer().frame(PAYLOAD, 50).subarray(0, 200)),
    'unsigned-extension': withMode(0, Buffer.from('3;a=b\r\nabc\r\n0\r\n\r\n')),
  }),
}
