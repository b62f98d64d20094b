import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { GRANT } from './a-gate.js'
import { AGENT_KEYS, type AgentRequest, type ARunningAwsGate, agentSigned, anAwsGate } from './an-aws-gate.js'
import { ChunkSigner, unsignedChunks } from './chunk-signer.js'
import { dial, exchangeRaw, type RawAnswer } from './raw-http.js'

let running: ARunningAwsGate
beforeEach(async () => {
  running = await anAwsGate()
})
afterEach(() => running.close())

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')
const BODY = randomBytes(400_000)
const CHECKSUM = 'x-amz-checksum-crc32'

function codeOf({ head }: RawAnswer): string | undefined {
  return /countersign-decision: effect=\w+, code=(\w+)/i.exec(head)?.[1]
}

/** Sends a signed request with raw bytes behind its head. */
function send(
  request: AgentRequest,
  body: Buffer = Buffer.alloc(0),
  more: readonly string[] = [],
): Promise<RawAnswer> {
  const { lines } = agentSigned(running.url, request)
  return sendLines(request, lines, body, more)
}

function sendLines(
  { method = 'PUT', path }: AgentRequest,
  lines: readonly string[],
  body: Buffer,
  more: readonly string[],
): Promise<RawAnswer> {
  const framing = more.some(line => /^(?:content-length|transfer-encoding):/i.test(line))
    ? more
    : [`Content-Length: ${body.length}`, ...more]
  const head = [`${method} /aws${path} HTTP/1.1`, ...lines, ...framing, 'Connection: close', '', ''].join(
    '\r\n',
  )
  return exchangeRaw(running.url, Buffer.concat([Buffer.from(head), body]))
}

/** Signs the request, frames the payload in chunks that follow from its signature, and lets a test spoil them. */
async function sendChunks(
  spoil: (framed: Buffer) => Buffer,
  { trailer, more = [] }: { trailer?: string; more?: readonly string[] } = {},
): Promise<RawAnswer> {
  const request: AgentRequest = {
    path: '/b/k',
    payload: `STREAMING-AWS4-HMAC-SHA256-PAYLOAD${trailer === undefined ? '' : '-TRAILER'}`,
    headers: {
      'content-encoding': 'aws-chunked',
      'x-amz-decoded-content-length': String(BODY.length),
      ...(trailer === undefined ? {} : { 'x-amz-trailer': trailer }),
    },
  }
  const { lines, signature, date } = agentSigned(running.url, request)
  const signer = new ChunkSigner(signature, { secret: AGENT_KEYS.secretAccessKey, date })
  return sendLines(request, lines, spoil(signer.frame(BODY, 65_536, trailer)), more)
}

/** Puts another upstream in the place of all of AWS. */
function forwardTo(origin: string): void {
  const view = running.keeper.policy()
  if (view === null) return
  const apis = view.apis.map(api => ({
    ...api,
    origins: Object.fromEntries(Object.keys(api.origins).map(label => [label, origin])),
  }))
  running.keeper.setPolicy({ ...view, cid: 'sha256:other', apis })
}

/** The upstream never had the whole request, and the outcome says so. */
async function assertBrokenOff(answer: RawAnswer, code: string, status: number): Promise<void> {
  assert.equal(codeOf(answer), code)
  assert.equal(answer.status, status)
  assert.match(answer.body, /BROKEN OFF, the upstream never had the whole request\./)
  const outcome = await running.keeper.outcome()
  assert.match(outcome.status, /^(?:aborted|not_sent)$/)
  assert.equal(outcome.http, 0)
  assert.equal(running.upstream.received.length, 0)
}

describe('a body in signed chunks', () => {
  for (const trailer of [undefined, CHECKSUM]) {
    it(`goes upstream bare, ${trailer === undefined ? 'without' : 'with'} a signed trailer`, async () => {
      const answer = await sendChunks(framed => framed, trailer === undefined ? {} : { trailer })
      assert.equal(answer.status, 200, answer.body)
      const [received] = running.upstream.received
      assert.equal(received?.bodySha256, sha256(BODY))
      assert.equal(received?.headers['content-length'], String(BODY.length))
      assert.equal(received?.headers['content-encoding'], undefined)
      assert.equal(running.keeper.settled[0]?.bodySha256, sha256(BODY))
    })
  }

  it('comes through HTTP’s own chunks as well', async () => {
    const answer = await sendChunks(
      framed =>
        Buffer.concat([
          Buffer.from(`${framed.length.toString(16)}\r\n`),
          framed,
          Buffer.from('\r\n0\r\n\r\n'),
        ]),
      { more: ['Transfer-Encoding: chunked'] },
    )
    assert.equal(answer.status, 200, answer.body)
    assert.equal(running.upstream.received[0]?.bodySha256, sha256(BODY))
  })
})

describe('attack: a body that is not the one that was signed', () => {
  it('attack: a bit changed in the middle of a chunk', async () => {
    const answer = await sendChunks(framed => {
      framed[200_000] = (framed[200_000] as number) ^ 1
      return framed
    })
    await assertBrokenOff(answer, 'aws_chunk_signature', 403)
  })

  it('attack: a bit changed in the very last chunk', async () => {
    const answer = await sendChunks(framed => {
      const at = framed.length - 120
      framed[at] = (framed[at] as number) ^ 1
      return framed
    })
    await assertBrokenOff(answer, 'aws_chunk_signature', 403)
  })

  it('attack: no last chunk', async () => {
    const answer = await sendChunks(framed =>
      framed.subarray(0, -`0;chunk-signature=${'0'.repeat(64)}\r\n\r\n`.length),
    )
    await assertBrokenOff(answer, 'aws_chunk_malformed', 400)
  })

  it('attack: bytes behind the end', async () => {
    const answer = await sendChunks(framed => Buffer.concat([framed, Buffer.from('more')]))
    await assertBrokenOff(answer, 'aws_chunk_malformed', 400)
  })

  it('attack: another checksum in the trailer', async () => {
    const answer = await sendChunks(
      framed => Buffer.from(framed.toString('latin1').replace(/crc32:[^\r]+/, 'crc32:AAAAAA=='), 'latin1'),
      { trailer: CHECKSUM },
    )
    await assertBrokenOff(answer, 'payload_mismatch', 400)
  })

  it('attack: unsigned chunks whose checksum is of other bytes', async () => {
    const framed = unsignedChunks(BODY, 65_536, CHECKSUM)
    framed[100_000] = (framed[100_000] as number) ^ 1
    const headers = {
      'content-encoding': 'aws-chunked',
      'x-amz-decoded-content-length': String(BODY.length),
      'x-amz-trailer': CHECKSUM,
    }
    const answer = await send(
      { path: '/b/k', payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', headers },
      framed,
    )
    await assertBrokenOff(answer, 'payload_mismatch', 400)
  })

  for (const [what, body, signed] of [
    ['in its last byte', Buffer.concat([BODY.subarray(0, -1), Buffer.from('x')]), BODY],
    ['in its one and only part', Buffer.from('evil'), Buffer.from('good')],
    ['in being longer', Buffer.concat([BODY, Buffer.from('x')]), BODY],
    ['in being shorter', BODY.subarray(0, -1), BODY],
  ] as const) {
    it(`attack: a body that differs from x-amz-content-sha256 ${what}`, async () => {
      const answer = await send({ path: '/b/k', payload: sha256(signed) }, body)
      await assertBrokenOff(answer, 'payload_mismatch', 400)
    })
  }

  it('attack: a body of no announced length, whose last chunk the upstream waits for in vain', async () => {
    const raw = await RawUpstream.start()
    forwardTo(raw.origin)
    const framed = Buffer.concat([
      Buffer.from(`${BODY.length.toString(16)}\r\n`),
      BODY,
      Buffer.from('\r\n0\r\n\r\n'),
    ])
    const more = ['Transfer-Encoding: chunked']
    const answer = await send({ path: '/b/k', payload: sha256('another') }, framed, more)
    assert.equal(codeOf(answer), 'payload_mismatch')
    const bytes = await raw.closed
    assert.match(bytes.toString('latin1'), /transfer-encoding: chunked/)
    assert.doesNotMatch(bytes.toString('latin1').slice(-16), /0\r\n\r\n$/)
    assert.ok(bytes.length > 1_000 && bytes.length < BODY.length)
    await raw.close()
  })

  it('attack: nothing at all, under the signature of another nothing', async () => {
    const request: AgentRequest = {
      path: '/b/k',
      payload: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
      headers: { 'content-encoding': 'aws-chunked', 'x-amz-decoded-content-length': '0' },
    }
    const line = Buffer.from(`0;chunk-signature=${'0'.repeat(64)}\r\n\r\n`)
    await assertBrokenOff(await send(request, line), 'aws_chunk_signature', 403)
  })

  it('attack: no body at all under the hash of one', async () => {
    const answer = await send({ path: '/b/k', payload: sha256('something') })
    assert.equal(codeOf(answer), 'payload_mismatch')
    assert.equal(running.keeper.admitted[0]?.finding.kind, 'refused')
    assert.equal(running.upstream.received.length, 0)
  })

  it('attack: a chunk so large that it would have to be held whole', async () => {
    const request: AgentRequest = {
      path: '/b/k',
      payload: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
      headers: { 'content-encoding': 'aws-chunked', 'x-amz-decoded-content-length': '1073741824' },
    }
    const line = Buffer.from(`40000000;chunk-signature=${'0'.repeat(64)}\r\n`)
    await assertBrokenOff(await send(request, line), 'aws_chunk_malformed', 400)
  })

  it('attack: a body that turns bad after the upstream has answered', async () => {
    const early = createHttpServer((_request, response) => void response.writeHead(403).end('no'))
    await new Promise<void>(resolve => early.listen(0, '127.0.0.1', resolve))
    forwardTo(`http://127.0.0.1:${(early.address() as AddressInfo).port}`)
    const answer = await sendChunks(framed => {
      framed[framed.length - 200] = (framed[framed.length - 200] as number) ^ 1
      return framed
    })
    assert.notEqual(answer.status, 200)
    assert.equal((await running.keeper.outcome()).attempt, 1)
    const after = await sendChunks(framed => framed)
    assert.equal(after.status, 403) // the gate still stands, and hands on what the upstream says
    early.closeAllConnections()
    await new Promise(resolve => early.close(resolve))
  })

  it('in signed chunks that the keeper gives no key for is not sent, and the outcome says so', async () => {
    const { keeper } = running
    const admit = keeper.admit.bind(keeper)
    keeper.admit = async call => {
      const reply = await admit(call)
      const { verdict } = reply
      return verdict.kind === 'forward' ? { ...reply, verdict: { ...verdict, chunkKey: null } } : reply
    }
    assert.equal((await sendChunks(framed => framed)).status, 500)
    assert.deepEqual(
      [await keeper.outcome()].map(({ attempt, status }) => [attempt, status]),
      [[1, 'not_sent']],
    )
    assert.equal(running.upstream.received.length, 0)
  })

  it('attack: an agent that leaves in the middle of a chunk', async () => {
    const { lines } = agentSigned(running.url, { path: '/b/k', payload: sha256(BODY) })
    const head = ['PUT /aws/b/k HTTP/1.1', ...lines, `Content-Length: ${BODY.length}`, '', ''].join('\r\n')
    const socket = dial(running.url)
    socket.on('error', () => {})
    socket.write(Buffer.concat([Buffer.from(head), BODY.subarray(0, 200_000)]))
    running.keeper.onAdmit = () => void setImmediate(() => socket.destroy())
    const outcome = await running.keeper.outcome()
    assert.match(outcome.status, /^(?:aborted|not_sent)$/)
    assert.equal(running.upstream.received.length, 0)
  })
})

describe('attack: a signature that is none of the grant’s', () => {
  const EMPTY = sha256('')
  const GET = { method: 'GET', path: '/b/k', payload: EMPTY } as const

  it('attack: a found AWS key, alone', async () => {
    const keys = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'found' }
    assert.equal(codeOf(await send({ ...GET, keys })), 'foreign_credential')
    const [call] = running.keeper.admitted
    assert.equal(call?.presented, null)
    assert.deepEqual(call?.foreign, ['authorization'])
    assert.doesNotMatch(running.log.join(''), /AKIA/)
  })

  it('attack: a found AWS key with a grant in the session token', async () => {
    const keys = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'found', sessionToken: GRANT }
    assert.equal(codeOf(await send({ ...GET, keys })), 'foreign_credential')
    assert.deepEqual(running.keeper.admitted[0]?.presented, { slot: 'aws-sigv4', token: GRANT })
  })

  it('attack: a found AWS key with a grant in another slot', async () => {
    const keys = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'found' }
    const answer = await send({ ...GET, keys }, undefined, [`Countersign-Grant: ${GRANT}`])
    assert.equal(codeOf(answer), 'foreign_credential')
    assert.deepEqual(running.keeper.admitted[0]?.foreign, ['authorization', 'countersign-grant'])
  })

  it('attack: temporary keys of a real session', async () => {
    const keys = {
      accessKeyId: 'ASIAIOSFODNN7EXAMPLE',
      secretAccessKey: 'found',
      sessionToken: 'FwoGZXIvYXdzEJr',
    }
    assert.equal(codeOf(await send({ ...GET, keys })), 'foreign_credential')
    assert.deepEqual(running.keeper.admitted[0]?.foreign, ['x-amz-security-token', 'authorization'])
  })

  it('attack: the grant as a session token without a signature', async () => {
    const lines = [`Host: ${new URL(running.url).host}`, `X-Amz-Security-Token: ${GRANT}`]
    assert.equal(codeOf(await sendLines(GET, lines, Buffer.alloc(0), [])), 'aws_signature_missing')
  })

  it('attack: the grant as a Bearer, which is another slot', async () => {
    const lines = [`Host: ${new URL(running.url).host}`, `Authorization: Bearer ${GRANT}`]
    assert.equal(codeOf(await sendLines(GET, lines, Buffer.alloc(0), [])), 'foreign_credential')
  })

  for (const [what, spoil, code] of [
    ['SigV4A', (line: string) => line.replace('AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256'), 'aws_sigv4a'],
    [
      'an upper-case digest',
      (line: string) => line.replace(/[a-f](?=[0-9a-f]*$)/, 'A'),
      'aws_signature_malformed',
    ],
    [
      'host left out',
      (line: string) => line.replace('SignedHeaders=host;', 'SignedHeaders='),
      'aws_signature_headers',
    ],
    [
      'a header that isn’t there',
      (line: string) => line.replace('SignedHeaders=host;', 'SignedHeaders=host;x-a;'),
      'aws_signature_headers',
    ],
  ] as const) {
    it(`attack: ${what}`, async () => {
      const { lines } = agentSigned(running.url, GET)
      const spoilt = lines.map(line => (line.startsWith('authorization:') ? spoil(line) : line))
      assert.equal(codeOf(await sendLines(GET, spoilt, Buffer.alloc(0), [])), code)
      assert.equal(running.upstream.received.length, 0)
    })
  }

  it('attack: SigV2', async () => {
    const lines = [
      `Host: ${new URL(running.url).host}`,
      'Authorization: AWS AKIAIOSFODNN7EXAMPLE:c2lnbmF0dXJl',
    ]
    await sendLines(GET, lines, Buffer.alloc(0), [])
    assert.deepEqual(running.keeper.admitted[0]?.foreign, ['authorization'])
  })

  it('attack: a signature in both places', async () => {
    const { lines } = agentSigned(running.url, GET)
    const query = `?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=grant-1%2F20260422%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Date=20260422T101500Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=${'a'.repeat(64)}`
    const answer = await sendLines({ ...GET, path: `${GET.path}${query}` }, lines, Buffer.alloc(0), [])
    assert.equal(codeOf(answer), 'aws_signature_twice')
  })

  it('attack: a signed header that comes twice', async () => {
    const { lines } = agentSigned(running.url, { ...GET, headers: { accept: 'a/b' } })
    assert.equal(
      codeOf(await sendLines(GET, [...lines, 'Accept: c/d'], Buffer.alloc(0), [])),
      'aws_signature_headers',
    )
  })

  it('attack: more signed headers than any client has', async () => {
    const headers = Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`x-h${i}`, 'a']))
    assert.equal(codeOf(await send({ ...GET, headers })), 'aws_signature_headers')
  })

  it('attack: an x-amz- header slipped in behind the signature', async () => {
    const answer = await send({ path: '/b/k', payload: EMPTY }, Buffer.alloc(0), ['x-amz-acl: public-read'])
    assert.equal(codeOf(answer), 'aws_signature_headers')
  })

  it('is one of the grant’s where nothing of this was done', async () => {
    assert.equal((await send(GET)).status, 200)
    assert.equal(running.upstream.received.length, 1)
  })
})

describe('Expect: 100-continue', () => {
  const upload = { path: '/b/k', payload: sha256(BODY) }

  it('is answered after the admission, so that a refused upload never starts', async () => {
    const { lines } = agentSigned(running.url, {
      ...upload,
      keys: { ...AGENT_KEYS, secretAccessKey: 'wrong' },
    })
    const head = [
      'PUT /aws/b/k HTTP/1.1',
      ...lines,
      `Content-Length: ${BODY.length}`,
      'Expect: 100-continue',
      'Connection: close',
      '',
      '',
    ].join('\r\n')
    const answer = await exchangeRaw(running.url, head)
    assert.equal(answer.status, 403)
    assert.doesNotMatch(answer.head, /100 Continue/)
  })

  it('lets an admitted upload begin', async () => {
    const { lines } = agentSigned(running.url, upload)
    const socket = dial(running.url)
    const head = ['PUT /aws/b/k HTTP/1.1', ...lines, `Content-Length: ${BODY.length}`, 'Expect: 100-continue']
    socket.write(`${[...head, 'Connection: close', '', ''].join('\r\n')}`)
    let said = ''
    await new Promise<void>(resolve => {
      socket.on('data', part => {
        const before = said
        said += part.toString('latin1')
        if (before === '' && said.startsWith('HTTP/1.1 100 Continue')) {
          assert.equal(running.keeper.admitted.length, 1)
          socket.write(BODY)
        }
      })
      socket.on('close', () => resolve())
    })
    assert.match(said, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /)
    assert.equal(running.upstream.received[0]?.bodySha256, sha256(BODY))
  })
})

/** Takes whatever comes and never answers. */
class RawUpstream {
  /** What came on the first connection until its end. */
  readonly closed: Promise<Buffer>
  private readonly server: Server
  private readonly sockets: Socket[] = []

  private constructor(server: Server) {
    this.server = server
    server.on('connection', socket => this.sockets.push(socket))
    this.closed = new Promise(resolve => {
      server.once('connection', socket => {
        const parts: Buffer[] = []
        socket.on('data', part => parts.push(part))
        socket.on('error', () => {})
        socket.on('close', () => resolve(Buffer.concat(parts)))
      })
    })
  }

  static async start(): Promise<RawUpstream> {
    const server = createServer()
    const upstream = new RawUpstream(server)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return upstream
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    await new Promise(resolve => this.server.close(resolve))
  }
}
