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

/** A channel over a stream that the test feeds, on a clock that the test moves. `takes`: whether what it sends is read. */
function aChannel(t: TestContext, takes = true) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const stream = new Duplex({
    read() {},
    write: (_chunk, _encoding, done) => (takes ? done() : undefined),
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
    ends,
    messages: () => messages,
    feed: async (...bytes: readonly Buffer[]) => {
      stream.push(Buffer.concat(bytes))
      await new Promise(setImmediate)
    },
    pass: (ms: number) => t.mock.timers.tick(ms),
  }
}

describe('the clock of an unfinished frame', () => {
  it('attack: half a frame ends the connection', async t => {
    const { feed, pass, ends } = aChannel(t)
    await feed(FRAME.subarray(0, HALF))
    pass(5_000)
    assert.deepEqual(ends, ['frame_stalled'])
  })

  it('attack: large requests that keep the link in the middle of a frame do not end it', async t => {
    const { feed, pass, ends, messages } = aChannel(t)
    await feed(FRAME.subarray(0, HALF))
    for (let round = 0; round < 10; round++) {
      pass(1_000)
      await feed(FRAME.subarray(HALF), FRAME.subarray(0, HALF))
    }
    assert.deepEqual(ends, [])
    assert.equal(messages(), 10)
    pass(5_000)
    assert.deepEqual(ends, ['frame_stalled'])
  })

  it('stands still while this side does not read', async t => {
    const { channel, feed, pass, ends, messages } = aChannel(t)
    await feed(FRAME.subarray(0, HALF))
    channel.pause()
    pass(60_000)
    assert.deepEqual(ends, [])
    channel.resume()
    await feed(FRAME.subarray(HALF))
    assert.equal(messages(), 1)
    assert.deepEqual(ends, [])
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
    pass(1_000)
    assert.equal(stream.destroyed, true)
  })
})
