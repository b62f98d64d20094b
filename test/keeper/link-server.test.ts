import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { CountersignError } from '../../src/canon/index.js'
import { connectKeeper, type KeeperClient } from '../../src/gate/index.js'
import {
  type LinkHandlers,
  type LinkServer,
  type LinkServerOptions,
  listenForGates,
} from '../../src/keeper/link-server.js'
import {
  type AdmitReply,
  type AdmitRequest,
  encodeFrame,
  encodeMessage,
  FrameReader,
  fromKeeper,
  type SettleRequest,
} from '../../src/link/index.js'
import { holdSocket } from '../busy-socket.js'
import { anAdmit, aPolicyView, aSettle, GATE_ID } from '../link/messages.js'

const { type: _a, call: _b, ...admitCall } = anAdmit()
const { type: _c, call: _d, ...settleCall } = aSettle()

let dir: string
let socketPath: string
const opened: { close(): Promise<void> }[] = []

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'link-'))
  socketPath = join(dir, 'run', 'keeper.sock')
})

afterEach(async () => {
  for (const part of opened.splice(0).reverse()) await part.close()
  await rm(dir, { recursive: true })
})

describe('the socket of the keeper', () => {
  it('is 0660 in a folder 0750', async () => {
    await listen()
    assert.equal((await stat(socketPath)).mode & 0o777, 0o660)
    assert.equal((await stat(join(dir, 'run'))).mode & 0o777 & ~0o750, 0)
  })

  it('is refused while another keeper is too busy to answer on it', async t => {
    await mkdir(dirname(socketPath))
    await holdSocket(t, socketPath)
    await assert.rejects(listen(), { code: 'socket_in_use' })
  })

  it('is refused while another keeper answers on it, and taken over when one was killed', async () => {
    await listen()
    await assert.rejects(listen(), { code: 'socket_in_use' })
    const orphan = createServer().listen(join(dir, 'orphan.sock'))
    await once(orphan, 'listening')
    const { rename } = await import('node:fs/promises')
    await rename(join(dir, 'orphan.sock'), join(dir, 'moved.sock'))
    orphan.close()
    await once(orphan, 'close')
    assert.ok((await stat(join(dir, 'moved.sock'))).isSocket())
    await listen({}, join(dir, 'moved.sock'))
  })

  it('never replaces a file that is no socket', async () => {
    await writeFile(join(dir, 'precious'), 'data')
    await assert.rejects(listen({}, join(dir, 'precious')), { code: 'socket_blocked' })
  })
})

describe('the link between gate and keeper', () => {
  it('answers each call with its own reply, whatever the order of the answers', async () => {
    const waiting: { request: AdmitRequest; resolve: (reply: AdmitReply) => void }[] = []
    await listen({ admit: request => new Promise(resolve => waiting.push({ request, resolve })) })
    const client = await connected()
    const replies = Array.from({ length: 20 }, (_, i) =>
      client.admit({ ...admitCall, target: `/invoices/${i}` }),
    )
    await until(() => waiting.length === 20)
    assert.deepEqual(
      waiting.map(({ request }) => request.target),
      Array.from({ length: 20 }, (_, i) => `/invoices/${i}`),
    )
    for (const { request, resolve } of waiting.reverse())
      resolve(allowed(request, Number(request.target.slice(10))))
    for (const [i, reply] of (await Promise.all(replies)).entries()) assert.equal(reply.receipt?.seq, i)
  })

  it('stays up whatever an agent has got into a request that the keeper would not read', async () => {
    await listen({ admit: async request => allowed(request, 1) })
    const client = await connected()
    const open = client.admit(admitCall)
    for (const unreadable of [
      { foreign: ['query:\ud83d'] },
      { target: '/'.padEnd(200_000, 'a') },
      { presented: { slot: 'bearer', token: 'a'.repeat(10_000) } },
    ] as const)
      await assert.rejects(client.admit({ ...admitCall, ...unreadable }), { code: 'frame_malformed' })
    assert.equal((await open).receipt?.seq, 1)
    assert.equal((await client.admit(admitCall)).receipt?.seq, 1)
  })

  it('tells every gate of a new policy, and those that come later', async () => {
    const server = await listen()
    const first = await connected()
    const seen: (number | undefined)[] = []
    const changed = new Promise<void>(resolve => {
      first.onPolicy(view => {
        seen.push(view?.version)
        resolve()
      })
    })
    server.announce(aPolicyView(2))
    await changed
    const second = await connected()
    assert.deepEqual(seen, [2])
    assert.equal(second.policy()?.version, 2)
    assert.equal(server.gates, 2)
  })

  it('says that the link is lost where the keeper ended it, and not where the gate itself closes', async () => {
    const lost: unknown[] = []
    const onLost = (fault: unknown) => void lost.push(fault)
    const server = await listen()
    const leaving = await connected({ onLost })
    await leaving.close()
    await until(() => server.gates === 0)
    assert.deepEqual(lost, [])
    await connected({ onLost })
    await server.close()
    await until(() => lost.length > 0)
    assert.deepEqual(lost, [null])
  })

  it('rejects open calls when the keeper goes, fails closed meanwhile, and finds it again', async () => {
    const server = await listen({ admit: () => new Promise(() => undefined) })
    const client = await connected()
    const open = client.admit(admitCall)
    const refused = assert.rejects(open, { code: 'keeper_gone', status: 503 })
    await until(() => server.gates === 1)
    await server.close()
    await refused
    await assert.rejects(client.admit(admitCall), { code: 'keeper_gone' })
    assert.equal(client.policy(), null)
    await listen()
    await client.whenConnected()
    assert.equal((await client.admit(admitCall)).receipt?.seq, 1)
  })

  it('gives up on a slow keeper, and settles its late admission as not sent', async () => {
    let release: ((reply: AdmitReply) => void) | undefined
    let asked: AdmitRequest | undefined
    const settled = new Promise<SettleRequest>(resolve => {
      void listen({
        admit: request => {
          asked = request
          return new Promise(answer => {
            release = answer
          })
        },
        settle: async request => {
          resolve(request)
          return { type: 'settled', call: request.call, recorded: true }
        },
      })
    })
    const client = await connected({ callTimeoutMs: 30 })
    await assert.rejects(client.admit(admitCall), { code: 'keeper_slow' })
    release?.(allowed(asked as AdmitRequest, 77))
    const { attempt, status } = await settled
    assert.deepEqual({ attempt, status }, { attempt: 77, status: 'not_sent' })
  })

  it('refuses calls beyond its bounds instead of queueing them', async () => {
    await listen({ admit: () => new Promise(() => undefined) })
    const client = await connected({ maxOpenCalls: 2, callTimeoutMs: 200 })
    const open = [client.admit(admitCall), client.admit(admitCall)].map(call =>
      assert.rejects(call, { code: 'keeper_slow' }),
    )
    await assert.rejects(client.admit(admitCall), { code: 'link_busy', status: 503 })
    await Promise.all(open)
  })

  it('attack: takes an outcome however many requests wait', async () => {
    let release = (): void => {}
    await listen({
      admit: request =>
        new Promise(resolve => {
          release = () => resolve(allowed(request, 1))
        }),
    })
    const client = await connected({ maxOpenCalls: 1 })
    const open = client.admit(admitCall)
    assert.equal((await client.settle(settleCall)).recorded, true)
    release()
    await open
  })

  it('answers a fault for a call that failed in the keeper, and says nothing of the reason', async () => {
    const failures: unknown[] = []
    await listen({
      admit: () => Promise.reject(new Error('secret detail')),
      failed: error => failures.push(error),
    })
    const client = await connected()
    await assert.rejects(client.admit(admitCall), (error: CountersignError) => {
      assert.equal(error.code, 'keeper_fault')
      assert.doesNotMatch(error.message, /secret/)
      return true
    })
    assert.equal(failures.length, 1)
  })

  it('reports which gate is gone', async () => {
    const gone: string[] = []
    await listen({ gateGone: from => gone.push(from.gate) })
    const client = await connected()
    opened.splice(opened.indexOf(client), 1)
    await client.close()
    await until(() => gone.length === 1)
    assert.deepEqual(gone, [GATE_ID])
  })

  it('admits nothing while draining, and still settles', async () => {
    const server = await listen()
    const client = await connected()
    server.drain()
    await assert.rejects(client.admit(admitCall), { code: 'keeper_stopping', status: 503 })
    assert.equal((await client.settle(settleCall)).recorded, true)
  })
})

describe('attacks on the keeper’s socket', () => {
  it('someone who says no hello is disconnected', async () => {
    await listen({}, socketPath, { frameTimeoutMs: 20 })
    assert.deepEqual(await faultsOf(await raw()), ['hello_expected'])
  })

  it('an admit before the hello is not handled', async () => {
    let admits = 0
    await listen({ admit: async request => allowed(request, ++admits) })
    const socket = await raw()
    socket.write(encodeMessage(anAdmit()))
    assert.deepEqual(await faultsOf(socket), ['hello_expected'])
    assert.equal(admits, 0)
  })

  it('garbage, half a frame and a huge frame each end the connection and nothing else', async () => {
    const faults: (string | undefined)[] = []
    await listen({ gateGone: (_, fault) => faults.push(fault?.code) }, socketPath, { frameTimeoutMs: 30 })
    const client = await connected()
    const garbage: readonly [Buffer, string][] = [
      [Buffer.from('GET / HTTP/1.1\r\nHost: keeper\r\n\r\n'), 'frame_malformed'],
      [encodeMessage(anAdmit()).subarray(0, 40), 'frame_stalled'],
      [Buffer.from([0xff, 0xff, 0xff, 0xff, 0x02]), 'frame_too_large'],
      [encodeFrame(0x02, '{"call":1}'), 'frame_malformed'],
      [encodeMessage({ type: 'hello', protocol: 1, gate: GATE_ID }), 'frame_malformed'],
    ]
    for (const [bytes, code] of garbage) {
      const socket = await raw()
      socket.write(encodeMessage({ type: 'hello', protocol: 1, gate: GATE_ID }))
      socket.write(bytes)
      socket.resume()
      await once(socket, 'close')
      assert.equal(faults.at(-1), code)
    }
    assert.equal((await client.admit(admitCall)).receipt?.seq, 1)
  })

  for (const [bound, bounds] of [
    ['open calls', { maxOpenCalls: 8 }],
    ['bytes of open calls', { maxOpenBytes: 800_000 }],
  ] as const) {
    it(`a gate that floods is no longer read once its bound of ${bound} is reached`, async () => {
      let admits = 0
      const release: (() => void)[] = []
      await listen(
        {
          admit: request => {
            admits++
            return new Promise(resolve => release.push(() => resolve(allowed(request, 1))))
          },
        },
        socketPath,
        bounds,
      )
      const socket = await raw()
      socket.resume()
      socket.write(encodeMessage({ type: 'hello', protocol: 1, gate: GATE_ID }))
      const operations = [{ name: 'x', args: { note: 'n'.repeat(100_000) } }]
      const frame = encodeMessage(anAdmit({ finding: { kind: 'operations', operations } }))
      for (let i = 0; i < 200; i++) socket.write(frame)
      await until(() => admits >= 8)
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
      assert.ok(admits < 20, `${admits} admits were taken`)
      assert.ok(socket.writableLength > 0, 'the flood must queue on the side of the flooder')
      await until(() => {
        for (const answer of release.splice(0)) answer()
        return admits === 200
      })
      socket.destroy()
    })
  }

  it('a gate that never reads its replies is no longer read once its bound of unsent bytes is reached', async () => {
    let admits = 0
    const credential: [string, string] = ['authorization', 'c'.repeat(30_000)]
    await listen(
      {
        admit: async request => {
          admits++
          const { verdict, ...reply } = allowed(request, 1)
          return { ...reply, verdict: { ...verdict, headers: [credential] } as AdmitReply['verdict'] }
        },
      },
      socketPath,
      { maxUnsentBytes: 200_000 },
    )
    const socket = await raw()
    const replies = repliesOf(socket)
    socket.pause()
    socket.write(encodeMessage({ type: 'hello', protocol: 1, gate: GATE_ID }))
    const operations = [{ name: 'x', args: { note: 'n'.repeat(100_000) } }]
    const frame = encodeMessage(anAdmit({ finding: { kind: 'operations', operations } }))
    for (let i = 0; i < 200; i++) socket.write(frame)
    await standstill(() => admits)
    assert.ok(admits > 0 && admits < 60, `${admits} admits were taken`)
    assert.ok(socket.writableLength > 0, 'the flood must queue on the side of the flooder')
    socket.resume()
    await until(() => replies.admitted === 200)
    assert.equal(admits, 200)
    socket.destroy()
  })

  it('a thousand connections with half a frame each: those beyond the bound are closed unread', async () => {
    // Longer than any test: what closes the third is the bound, and not that it stalls.
    await listen({}, socketPath, { maxGates: 2, frameTimeoutMs: 600_000 })
    const client = await connected()
    const second = await raw()
    const third = await raw()
    const closed = new Promise(resolve => third.on('error', () => undefined).once('close', resolve))
    let welcomed = false
    third.on('data', () => {
      welcomed = true
      third.destroy()
    })
    third.write(encodeMessage({ type: 'hello', protocol: 1, gate: GATE_ID }))
    third.write(encodeMessage(anAdmit()).subarray(0, 40))
    await closed
    assert.equal(welcomed, false)
    assert.equal((await client.admit(admitCall)).receipt?.seq, 1)
    second.destroy()
  })
})

type Bound = 'frameTimeoutMs' | 'maxOpenCalls' | 'maxOpenBytes' | 'maxUnsentBytes' | 'maxGates'

async function listen(
  handlers: Partial<LinkHandlers> = {},
  path = socketPath,
  bounds: Partial<Pick<LinkServerOptions, Bound>> = {},
): Promise<LinkServer> {
  const server = await listenForGates({
    socketPath: path,
    chain: 'acme.test/countersign/one/1',
    policy: aPolicyView(1),
    enrolmentExpiresMs: () => 1_900_000_000_000,
    ...bounds,
    handlers: {
      admit: async request => allowed(request, 1),
      settle: async request => ({ type: 'settled', call: request.call, recorded: true }),
      watch: async request => ({ type: 'watched', call: request.call, change: 'changed' }),
      gateGone: () => undefined,
      failed: () => undefined,
      ...handlers,
    },
  })
  opened.push(server)
  return server
}

async function connected(
  bounds: Omit<Parameters<typeof connectKeeper>[0], 'socketPath' | 'gate' | 'reconnectMs'> = {},
): Promise<KeeperClient> {
  const client = connectKeeper({
    socketPath,
    gate: GATE_ID,
    reconnectMs: { first: 5, longest: 20 },
    ...bounds,
  })
  opened.push(client)
  await client.whenConnected()
  return client
}

async function raw(): Promise<Socket> {
  const socket = connect(socketPath)
  await once(socket, 'connect')
  return socket
}

/** Codes of the faults that arrive until the connection ends. */
async function faultsOf(socket: Socket): Promise<string[]> {
  const { faults } = repliesOf(socket)
  await once(socket, 'close')
  return faults
}

interface Replies {
  /** Codes. */
  readonly faults: string[]
  admitted: number
}

/** What arrives, as far as it has. */
function repliesOf(socket: Socket): Replies {
  const replies: Replies = { faults: [], admitted: 0 }
  const reader = new FrameReader(type => fromKeeper.maxPayloadBytes(type))
  socket.on('data', chunk =>
    reader.push(chunk, frame => {
      const message = fromKeeper.decode(frame)
      if (message.type === 'fault') replies.faults.push(message.code)
      else if (message.type === 'admitted') replies.admitted++
    }),
  )
  return replies
}

function allowed(request: AdmitRequest, seq: number): AdmitReply {
  return {
    type: 'admitted',
    call: request.call,
    verdict: {
      kind: 'forward',
      code: 'allowed',
      attempt: GATE_ID,
      headers: [],
      awaitMark: false,
      chunkKey: null,
      budgets: [],
    },
    receipt: { seq, leaf: 'f'.repeat(64) },
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate)
}

/** Resolves when a count has stood still for many turns, and has begun. */
async function standstill(count: () => number): Promise<void> {
  for (let before = 0, turns = 0; count() === 0 || turns < 500; before = count()) {
    turns = count() === before ? turns + 1 : 0
    await new Promise(setImmediate)
  }
}
