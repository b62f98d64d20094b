import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { AwsChunks } from '../../src/gate/aws-chunks.js'
import { BodyRefused } from '../../src/gate/body-check.js'
import { TRAILING_CHECKSUMS } from '../../src/gate/checksum.js'
import { InspectionRoom } from '../../src/gate/inspection.js'
import { ChunkSigner, unsignedChunks } from './chunk-signer.js'

const CHECKSUM = 'x-amz-checksum-crc32'
const PAYLOAD = randomBytes(200_000)
const ROOM = 64 * 1_048_576

interface Decoding {
  readonly payloadBytes?: number
  readonly trailer?: string | null
  /** Room in bytes for chunks that aren't verified yet. */
  readonly room?: number
  /** How many bytes arrive at once. */
  readonly step?: number
}

/** What comes out of the framing, in one piece; or the code that refused it, with how much came out before. */
function decode(
  framed: Buffer,
  signer: ChunkSigner | null,
  { payloadBytes = PAYLOAD.length, trailer = null, room = ROOM, step = 65_536 }: Decoding = {},
): { readonly payload: Buffer; readonly code: string | null } {
  const out: Buffer[] = []
  const emit = (part: Buffer): void => void out.push(Buffer.from(part))
  let code: string | null = null
  try {
    const chunks = new AwsChunks(
      { kind: 'aws-chunked', payloadBytes, signed: signer !== null, trailer },
      signer?.signing ?? null,
      new InspectionRoom({
        maxInspectingBytes: room,
        maxInspectingBytesPerGrant: room,
        maxArriving: 1,
      }).open(),
    )
    for (let at = 0; at < framed.length; at += step) chunks.take(framed.subarray(at, at + step), emit)
    chunks.end()
  } catch (error) {
    if (!(error instanceof BodyRefused)) throw error
    code = error.code
  }
  return { payload: Buffer.concat(out), code }
}

const signer = (): ChunkSigner => new ChunkSigner('a'.repeat(64))

describe('AWS’s own chunks', () => {
  for (const step of [1, 7, 65_536, 1_000_000]) {
    it(`come off a body that arrives ${step} bytes at a time`, () => {
      const payload = PAYLOAD.subarray(0, step === 1 ? 20_000 : PAYLOAD.length)
      const payloadBytes = payload.length
      const signed = signer()
      for (const [framed, by, trailer] of [
        [unsignedChunks(payload, 8_192), null, null],
        [unsignedChunks(payload, 8_192, CHECKSUM), null, CHECKSUM],
        [signed.frame(payload, 8_192), signed, null],
        [signer().frame(payload, 8_192, CHECKSUM), signer(), CHECKSUM],
      ] as const) {
        const decoded = decode(framed, by, { payloadBytes, trailer, step })
        assert.equal(decoded.code, null)
        assert.ok(decoded.payload.equals(payload))
      }
    })
  }

  it('come off an empty body, which has a last chunk as well', () => {
    const none = Buffer.alloc(0)
    assert.equal(decode(signer().frame(none, 8_192), signer(), { payloadBytes: 0 }).code, null)
    assert.equal(
      decode(unsignedChunks(none, 8_192, CHECKSUM), null, { payloadBytes: 0, trailer: CHECKSUM }).code,
      null,
    )
    assert.equal(decode(none, signer(), { payloadBytes: 0 }).code, 'aws_chunk_malformed')
  })

  it('are signed as the example of AWS’s documentation is', () => {
    // https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html: 66,560 bytes of “a” in two chunks
    const example = new ChunkSigner('4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9', {
      secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
      date: '20130524T000000Z',
      region: 'us-east-1',
    })
    const framed = example.frame(Buffer.alloc(66_560, 'a'), 65_536)
    const text = framed.toString('latin1')
    assert.ok(
      text.startsWith(
        '10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n',
      ),
    )
    assert.ok(
      text.endsWith(
        '0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n',
      ),
    )
    assert.equal(decode(framed, example, { payloadBytes: 66_560 }).code, null)
  })

  it('are refused where the checksum behind them is of other bytes', () => {
    const framed = unsignedChunks(PAYLOAD, 8_192, CHECKSUM)
    framed[5_000] = (framed[5_000] as number) ^ 1
    assert.equal(decode(framed, null, { trailer: CHECKSUM }).code, 'payload_mismatch')
  })

  it('that are signed find no room where too much of others is unverified', () => {
    const framed = signer().frame(PAYLOAD, 65_536)
    assert.equal(decode(framed, signer(), { room: 131_071 }).code, 'gate_busy')
    assert.equal(decode(framed, signer(), { room: 131_072 }).code, null)
    assert.equal(decode(unsignedChunks(PAYLOAD, 65_536), null, { room: 0 }).code, null)
  })
})

describe('attack: a signed body', () => {
  const attacks: Readonly<Record<string, (chunks: Buffer[]) => Buffer[]>> = {
    'with one bit changed in a chunk': ([first, second, ...rest]) => {
      const changed = Buffer.from(second as Buffer)
      changed[1_000] = (changed[1_000] as number) ^ 1
      return [first as Buffer, changed, ...rest]
    },
    'with two chunks in each other’s place': ([first, second, third, ...rest]) =>
      [first, third, second, ...rest] as Buffer[],
    'with a chunk repeated': ([first, , ...rest]) => [first, first, ...rest] as Buffer[],
    'with the signature of another request’s chunk': ([first, , ...rest]) => [
      first as Buffer,
      new ChunkSigner('b'.repeat(64)).chunks(PAYLOAD, 50_000)[1] as Buffer,
      ...rest,
    ],
  }
  for (const [what, attack] of Object.entries(attacks)) {
    it(`attack: ${what} stops at that chunk, none of whose bytes comes out`, () => {
      const { code, payload } = decode(Buffer.concat(attack(signer().chunks(PAYLOAD, 50_000))), signer())
      assert.equal(code, 'aws_chunk_signature')
      assert.ok(payload.equals(PAYLOAD.subarray(0, 50_000)))
    })
  }

  it('attack: that ends before its last chunk is incomplete', () => {
    const chunks = signer().chunks(PAYLOAD, 50_000)
    assert.equal(decode(Buffer.concat(chunks.slice(0, -1)), signer()).code, 'aws_chunk_malformed')
    assert.equal(decode(Buffer.concat(chunks).subarray(0, -1), signer()).code, 'aws_chunk_malformed')
    assert.equal(decode(Buffer.concat(chunks).subarray(0, -2), signer()).code, 'aws_chunk_malformed')
  })

  it('attack: that leaves a whole chunk out is short of its announced length', () => {
    const framed = signer().frame(PAYLOAD.subarray(0, 100_000), 50_000)
    assert.equal(decode(framed, signer()).code, 'aws_chunk_malformed')
  })

  it('attack: that goes on behind its end is refused, a second end as well', () => {
    for (const more of ['x', '\r\n', '0\r\n\r\n']) {
      const framed = Buffer.concat([signer().frame(PAYLOAD, 50_000), Buffer.from(more)])
      assert.equal(decode(framed, signer()).code, 'aws_chunk_malformed')
    }
  })

  it('attack: that is signed with another key is refused at the first chunk', () => {
    const other = new ChunkSigner('a'.repeat(64), { secret: 'another' })
    const { code, payload } = decode(other.frame(PAYLOAD, 50_000), signer())
    assert.deepEqual([code, payload.length], ['aws_chunk_signature', 0])
  })

  it('attack: whose chunks aren’t signed although the request says so is refused', () => {
    assert.equal(decode(unsignedChunks(PAYLOAD, 50_000), signer()).code, 'aws_chunk_malformed')
  })

  it('attack: with a chunk larger than what is held whole is refused before it comes', () => {
    const header = Buffer.from(`1000001;chunk-signature=${'a'.repeat(64)}\r\n`)
    assert.equal(decode(header, signer(), { payloadBytes: 2 ** 30 }).code, 'aws_chunk_malformed')
  })

  it('attack: whose trailer or trailer’s signature was changed is refused', () => {
    const text = signer().frame(PAYLOAD, 50_000, CHECKSUM).toString('latin1')
    const other = 'AAAAAA=='
    for (const [from, to, code] of [
      [/crc32:[^\r]+/, `crc32:${other}`, 'payload_mismatch'],
      [/trailer-signature:[0-9a-f]{64}/, `trailer-signature:${'0'.repeat(64)}`, 'aws_chunk_signature'],
      [/x-amz-trailer-signature:[0-9a-f]{64}\r\n/, '', 'aws_chunk_malformed'],
      [/x-amz-checksum-crc32:[^\r]+\r\n/, '', 'aws_chunk_malformed'],
      [/x-amz-checksum-crc32:/, 'x-amz-checksum-crc32c:', 'aws_chunk_malformed'],
      [/(x-amz-checksum-crc32:[^\r]+\r\n)/, '$1$1', 'aws_chunk_malformed'],
    ] as const) {
      const changed = Buffer.from(text.replace(from, to), 'latin1')
      assert.equal(decode(changed, signer(), { trailer: CHECKSUM }).code, code, String(from))
    }
  })
})

describe('attack: framing that servers read in different ways', () => {
  for (const [what, framed] of [
    ['a size with a sign', '+3\r\nabc\r\n0\r\n\r\n'],
    ['a size with a prefix', '0x3\r\nabc\r\n0\r\n\r\n'],
    ['a size with a zero in front', '03\r\nabc\r\n0\r\n\r\n'],
    ['a size with a space', '3 \r\nabc\r\n0\r\n\r\n'],
    ['a size beyond every integer', 'ffffffffffffffffff\r\nabc\r\n0\r\n\r\n'],
    ['an extension', '3;a=b\r\nabc\r\n0\r\n\r\n'],
    ['no size', '\r\nabc\r\n0\r\n\r\n'],
    ['a bare line feed', '3\nabc\r\n0\r\n\r\n'],
    ['a bare carriage return', '3\rabc\r\n0\r\n\r\n'],
    ['data that runs on', '3\r\nabcd\r\n0\r\n\r\n'],
    ['more than was announced', '4\r\nabcd\r\n0\r\n\r\n'],
    ['less than was announced', '2\r\nab\r\n0\r\n\r\n'],
    ['a last size of two digits', '3\r\nabc\r\n00\r\n\r\n'],
    ['a trailer that nobody announced', '3\r\nabc\r\n0\r\nx-amz-meta-a:b\r\n\r\n'],
    ['a line without an end', `${'0'.repeat(300)}`],
    ['a trailer without an end', `3\r\nabc\r\n0\r\n${'a'.repeat(300)}`],
    ['no end', '3\r\nabc\r\n'],
  ] as const) {
    it(`attack: ${what} is refused`, () => {
      assert.equal(decode(Buffer.from(framed), null, { payloadBytes: 3 }).code, 'aws_chunk_malformed')
    })
  }

  it('is told from framing that is plain', () => {
    assert.equal(decode(Buffer.from('3\r\nabc\r\n0\r\n\r\n'), null, { payloadBytes: 3 }).code, null)
  })
})

describe('a trailing checksum', () => {
  // https://reveng.sourceforge.io/crc-catalogue/all.htm: the check value of each is that of these nine bytes
  for (const [name, value] of [
    ['x-amz-checksum-crc32', Buffer.from('cbf43926', 'hex')],
    ['x-amz-checksum-crc32c', Buffer.from('e3069283', 'hex')],
    ['x-amz-checksum-crc64nvme', Buffer.from('ae8b14860a799888', 'hex')],
    ['x-amz-checksum-sha1', Buffer.from('f7c3bc1d808e04732adf679965ccc34ca7ae3441', 'hex')],
    [
      'x-amz-checksum-sha256',
      Buffer.from('15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225', 'hex'),
    ],
  ] as const) {
    it(`is made as ${name} is defined, in parts as in one`, () => {
      const whole = TRAILING_CHECKSUMS[name]?.()
      whole?.update(Buffer.from('123456789'))
      assert.equal(whole?.base64(), value.toString('base64'))
      const inParts = TRAILING_CHECKSUMS[name]?.()
      for (const part of ['1', '', '2345', '6789']) inParts?.update(Buffer.from(part))
      assert.equal(inParts?.base64(), value.toString('base64'))
    })
  }
})
