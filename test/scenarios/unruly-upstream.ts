import { createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'

/** An upstream that does what the id in the path says, on connections of its own and byte for byte. */
export interface Unruly {
  readonly address: string
}

type Manner = (socket: Socket) => void

const OK = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
const BOMB = gzipSync(Buffer.alloc(50_000_000))
const PART = Buffer.alloc(65_536, 0x20)

/** Each by its name in the path: `GET /invoices/hangs-7`. */
export const MANNERS = {
  answers: socket => socket.end(`${OK}Content-Length: 2\r\nConnection: close\r\n\r\n{}`),
  hangs: () => undefined,
  'hangs-in-the-head': socket => socket.write('HTTP/1.1 200 OK\r\nContent-'),
  'dribbles-its-head': socket => every(socket, 200, 'X: y\r\n', 'HTTP/1.1 200 OK\r\n'),
  'hangs-in-the-body': socket => socket.write(`${OK}Content-Length: 100\r\n\r\n{"a":`),
  'never-closes': socket => socket.write(`${OK}\r\n{"a":1}`),
  closes: socket => socket.end(),
  resets: socket => socket.resetAndDestroy(),
  'closes-in-the-body': socket => socket.end(`${OK}Content-Length: 100\r\n\r\n{"a":`),
  'closes-in-a-chunk': socket => socket.end(`${OK}Transfer-Encoding: chunked\r\n\r\n10\r\n{"a":`),
  'says-more-than-its-length': socket => socket.end(`${OK}Content-Length: 2\r\n\r\n{}{}{}`),
  'says-two-lengths': socket => socket.end(`${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}}`),
  'speaks-something-else': socket => socket.end('220 smtp.test ESMTP\r\n'),
  'has-huge-headers': socket =>
    socket.end(`${OK}X-Large: ${'x'.repeat(200_000)}\r\nContent-Length: 2\r\n\r\n{}`),
  'has-endless-headers': socket =>
    pour(socket, 'HTTP/1.1 200 OK\r\n', Buffer.from('X-More: y\r\n'.repeat(6_000))),
  'is-zipped': socket => {
    socket.write(`${OK}Content-Encoding: gzip\r\nContent-Length: ${BOMB.length}\r\n\r\n`)
    socket.end(BOMB)
  },
  informs: socket => {
    for (let sent = 0; sent < 3; sent++) socket.write('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n')
    MANNERS.answers(socket)
  },
  'informs-without-end': socket => every(socket, 200, 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'),
  'switches-protocols': socket =>
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n'),
  'never-ends': socket => pour(socket, `${OK}\r\n`, PART),
} as const satisfies Readonly<Record<string, Manner>>

export type MannerName = keyof typeof MANNERS

export async function startUnruly(t: Pick<TestContext, 'after'>): Promise<Unruly> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (part: Buffer) => {
      const name = /^GET \/invoices\/([a-z-]+)-\d+ /.exec(part.toString('latin1'))?.[1] ?? 'answers'
      MANNERS[name as MannerName](socket)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { address: `127.0.0.1:${(server.address() as { port: number }).port}` }
}

function every(socket: Socket, ms: number, words: string, first = ''): void {
  socket.write(first)
  const timer = setInterval(() => socket.write(words), ms)
  socket.once('close', () => clearInterval(timer))
}

/** As fast as it is read, without end. */
function pour(socket: Socket, first: string, part: Buffer): void {
  socket.write(first)
  const fill = (): void => {
    let more = !socket.destroyed
    while (more) more = socket.write(part) && !socket.destroyed
  }
  socket.on('drain', fill)
  fill()
}
