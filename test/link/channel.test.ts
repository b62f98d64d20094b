import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { describe, it, type TestContext } from 'node:test'
import {
  Channel,
  encodeMessage,
  fromGate,
  type GateMessage,
  type KeeperMessage,
} from '../../src/link/index.js'
import { anAdmit } from './messages.js'

const FRAME = encodeMessage(anAdmit())
const HALF = FRAME.length >> 1

/**
 * A channel over a stream that the test feeds, on a clock that the test moves. `takes`: whether what it sends is read at
 * once; otherwise each write waits in `written`.
 */
function aChannel(t: TestContext, takes = true) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const written: { readonly bytes: Buffer; readonly done: () => void }[] = []
  const stream = new Duplex({
    read() {},
    write: (bytes, _encoding, done) => void (takes ? done() : written.push({ bytes, done })),
  })
  let messages = 0
  const ends: (string | null)[] = []
  const channel = new Channel<GateMessage, KeeperMessage>(
    stream,
    fromGate,
    { onMessage: () => messages++, onClose: fault => ends.push(fault?.code ?? null) },
    { frameTimeoutMs: 5_000 },
  )
  return {
    channel,
    stream,
    written,
    ends,
    messages: () => messages,
    feed: async (...bytes: readonly Buffer[]) => {
      stream.push(Buffer.concat(bytes))
      await new Promise(setImmediate)
    },
    pass: async (ms: number) => {
      t.mock.timers.tick(ms)
      await new Promise(setImmediate)
    },
  }
}

describe('the clock of an unfinished frame', () => {
  it('attack: half a frame ends the connection', async t => {
    const { feed, pass, ends } = aChannel(t)
    await feed(FRAME.subarray(0, HALF))
    await pass(5_000)
    assert.deepEqual(ends, ['frame_stalled'])
  })

  it('attack: large requests that keep the link in the middle of a frame do not end it', async t => {
    const { feed, pass, ends, messages } = aChannel(t)
    await feed(FRAME.subarray(0, HALF))
    for (let round = 0; round < 10; round++) {
      await pass(1_000)
      await feed(FRAME.subarray(HALF), FRAME.subarray(0, HALF))
    }
    assert.deepEqual(ends, [])
    assert.equal(messages(), 10)
    await pass(5_000)
    assert.deepEqual(ends, ['frame_stalled'])
  })

  it('attack: a long request that is taken piece by piece does not end it', async t => {
    const { feed, pass, ends, messages } = aChannel(t)
    for (let at = 0; at < FRAME.length; at += 50) {
      await pass(4_000)
      await feed(FRAME.subarray(at, at + 50))
    }
    assert.deepEqual([ends, messages()], [[], 1])
  })

  it('looks at what has come while this side stood still', async t => {
    const { feed, pass, stream, ends, messages } = aChannel(t)
    await feed(FRAME.subarray(0, HALF))
    stream.push(FRAME.subarray(HALF))
    await pass(60_000)
    assert.deepEqual([ends, messages()], [[], 1])
  })

  it('stands still while this side does not read', async t => {
    const { channel, feed, pass, ends, messages } = aChannel(t)
    await feed(FRAME.subarray(0, HALF))
    channel.pause()
    await pass(60_000)
    assert.deepEqual(ends, [])
    channel.resume()
    await feed(FRAME.subarray(HALF))
    assert.equal(messages(), 1)
    assert.deepEqual(ends, [])
  })
})

describe('a long frame', () => {
  it('attack: is passed by what is brief, and goes on when that is taken', async t => {
    const { channel, written } = aChannel(t, false)
    const taken = async () => {
      const { bytes, done } = written.shift() ?? assert.fail('nothing was written')
      done()
      await new Promise(setImmediate)
      return bytes.length
    }
    const [first, second, brief] = [400_000, 500_000, 10].map(length => Buffer.alloc(length)) as Buffer[]
    channel.sendBehind(first as Buffer)
    channel.sendBehind(second as Buffer)
    channel.sendEncoded(brief as Buffer)
    await new Promise(setImmediate)
    assert.deepEqual([await taken(), await taken(), await taken()], [400_000, 10, 500_000])
    assert.deepEqual(written, [])
  })
})

describe('the end of a connection', () => {
  it('in the middle of a frame is a fault of the other side', async t => {
    const { stream, feed, ends } = aChannel(t)
    await feed(FRAME.subarray(0, HALF))
    stream.push(null)
    await once(stream, 'end')
    assert.deepEqual(ends, ['frame_malformed'])
  })

  it('between two frames is none', async t => {
    const { stream, feed, ends } = aChannel(t)
    await feed(FRAME)
    stream.push(null)
    await once(stream, 'end')
    assert.deepEqual(ends, [null])
  })

  it('attack: waits only so long for a peer that reads nothing', async t => {
    const { channel, stream, pass } = aChannel(t, false)
    channel.sendEncoded(FRAME)
    channel.close()
    assert.equal(stream.destroyed, false)
    await pass(1_000)
    assert.equal(stream.destroyed, true)
  })
})
