import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CountersignError } from '../../src/canon/index.js'
import {
  encodeFrame,
  encodeMessage,
  FrameReader,
  fromGate,
  fromKeeper,
  type GateMessage,
  type KeeperMessage,
} from '../../src/link/index.js'
import { anAdmit, aPolicyView, aSettle, GATE_ID } from './messages.js'

const GATE_MESSAGES: readonly GateMessage[] = [
  { type: 'hello', protocol: 1, gate: GATE_ID },
  anAdmit(),
  anAdmit({
    presented: null,
    foreign: ['authorization', 'query key'],
    body: { kind: 'none' },
    policyCid: '',
  }),
  anAdmit({ body: { kind: 'streamed' }, finding: { kind: 'refused', code: 'target_malformed' } }),
  anAdmit({
    finding: {
      kind: 'operations',
      operations: [{ name: 'x', args: {}, account: 'acct_1', region: 'eu-west-1', opaque: 'patch' }],
    },
  }),
  anAdmit({
    signed: {
      place: 'query',
      target: '/aws/releases/web/app.js?X-Amz-Signature=ab',
      date: '20260422T101500Z',
      expiresSeconds: 900,
      accessKeyId: '6f2c1a54-9f0e-4c8e-9d0b-0f6f4f1c2a77',
      region: 'eu-west-1',
      service: 's3',
      signature: 'e'.repeat(64),
      headers: [['host', '127.0.0.1:7070']],
      payload: 'UNSIGNED-PAYLOAD',
      receivedSha256: null,
      outbound: [['content-type', 'text/plain']],
    },
  }),
  { type: 'watch', call: 9, approval: GATE_ID },
  aSettle(),
  aSettle({
    status: 'not_sent',
    http: 0,
    upstreamId: null,
    responseSha256: null,
    bodySha256: 'd'.repeat(64),
  }),
]

const KEEPER_MESSAGES: readonly KeeperMessage[] = [
  { type: 'full-check', reading: { size: 10, entries: 4, failing: false, soundMs: null } },
  { type: 'full-check', reading: { size: 10, entries: 10, failing: false, soundMs: 1_790_000_000_000 } },
  {
    type: 'welcome',
    origin: 'acme.test/countersign/one/1',
    policy: null,
    enrolmentExpiresMs: 1_900_000_000_000,
  },
  { type: 'policy', policy: aPolicyView() },
  { type: 'watched', call: 9, change: 'ended' },
  { type: 'cut', attempts: [12, 13], because: 'It goes on deleting.' },
  { type: 'cut', attempts: [], because: null },
  {
    type: 'admitted',
    call: 7,
    verdict: {
      kind: 'forward',
      code: 'allowed',
      attempt: GATE_ID,
      headers: [['authorization', 'Bearer x']],
      awaitMark: true,
      chunkKey: `${'A'.repeat(43)}=`,
      budgets: [
        {
          rule: 'small-refunds',
          limit: 5_000,
          used: 1_200,
          unit: 'eur',
          windowSeconds: 86_400,
          resetsSeconds: 60,
        },
      ],
    },
    receipt: { seq: 12, leaf: 'e'.repeat(64) },
  },
  {
    type: 'admitted',
    call: 8,
    verdict: {
      kind: 'refuse',
      code: 'denied_by_rule',
      effect: 'deny',
      rule: 'never-volumes',
      because: null,
      operation: 'volumeDelete',
      resource: 'volume v-91',
      others: 0,
      agent: 'coder',
      approval: null,
      retryAfterMs: null,
      budgets: [],
    },
    receipt: null,
  },
  { type: 'admitted', call: 9, verdict: { kind: 'stale' }, receipt: null },
  { type: 'settled', call: 2, recorded: true },
  { type: 'fault', call: null, code: 'frame_malformed' },
]

describe('the codec of the link', () => {
  it('carries every message of both sides unchanged', () => {
    for (const message of GATE_MESSAGES) assert.deepEqual(plain(overTheWire(fromGate, message)), message)
    for (const message of KEEPER_MESSAGES) assert.deepEqual(plain(overTheWire(fromKeeper, message)), message)
  })

  it('keeps messages in order and whole however the bytes are cut', () => {
    const bytes = Buffer.concat(GATE_MESSAGES.map(encodeMessage))
    for (const size of [1, 3, 5, 7, 64, 1000]) {
      const seen: unknown[] = []
      const reader = new FrameReader(type => fromGate.maxPayloadBytes(type))
      for (let at = 0; at < bytes.length; at += size)
        reader.push(bytes.subarray(at, at + size), frame => seen.push(plain(fromGate.decode(frame))))
      assert.deepEqual(seen, GATE_MESSAGES)
      assert.equal(reader.unfinished, false)
    }
  })

  it('attack: a huge frame is refused at its header, before any of it is kept', () => {
    const header = Buffer.from([0x7f, 0xff, 0xff, 0xff, 0x02])
    assertRefused(() => read(header), 'frame_too_large')
  })

  it('attack: a settle larger than its own bound is refused although an admit might be that large', () => {
    assertRefused(() => read(encodeFrame(0x03, JSON.stringify('x'.repeat(5_000)))), 'frame_too_large')
  })

  it('attack: an answer to what was not sent is refused, so that nothing that was done gives its limits back', () => {
    const nothing = { http: 0, upstreamId: null, responseSha256: null, responseBytes: 0 }
    const sent = (changes: object) => () =>
      overTheWire(fromGate, aSettle({ status: 'not_sent', ...nothing, ...changes }))
    assert.ok(sent({})())
    for (const answered of [{ http: 200 }, { upstreamId: 'req_1' }, { responseSha256: 'c'.repeat(64) }])
      assertRefused(sent(answered), 'frame_malformed')
  })

  it('attack: unknown types, empty frames and the other side’s messages are refused', () => {
    assertRefused(() => read(encodeFrame(0x04, '{}')), 'frame_malformed')
    assertRefused(() => read(Buffer.from([0, 0, 0, 0, 1])), 'frame_malformed')
    for (const message of KEEPER_MESSAGES)
      assertRefused(() => read(encodeMessage(message)), 'frame_malformed')
  })

  it('attack: a lying gate’s shapes are refused one by one', () => {
    const { type: _, ...admit } = anAdmit()
    const lies: Record<string, unknown> = {
      'no JSON': undefined,
      'an unknown member': { ...admit, decision: 'allow' },
      'a missing member': { ...admit, api: undefined },
      'a class of its own': {
        ...admit,
        finding: { kind: 'operations', operations: [{ name: 'x', args: {}, classes: ['read'] }] },
      },
      'a negative call': { ...admit, call: -1 },
      'a fractional call': { ...admit, call: 1.5 },
      'a policy id that is none': { ...admit, policyCid: 'sha256:x' },
      'a slot that is none': { ...admit, presented: { slot: 'cookie', token: 'x' } },
      'a token of 10 KB': { ...admit, presented: { slot: 'bearer', token: 'x'.repeat(10_000) } },
      'arguments that are a list': {
        ...admit,
        finding: { kind: 'operations', operations: [{ name: 'x', args: [] }] },
      },
      'a body digest of another length': {
        ...admit,
        body: { kind: 'inspected', sha256: 'ab', lengthBytes: 1 },
      },
      'a finding of another kind': { ...admit, finding: { kind: 'allowed' } },
      'a finding that is null': { ...admit, finding: null },
      'a code with markup': { ...admit, finding: { kind: 'refused', code: '<b>' } },
    }
    for (const [lie, value] of Object.entries(lies))
      assertRefused(
        () => read(encodeFrame(0x02, value === undefined ? '{' : JSON.stringify(value))),
        'frame_malformed',
        lie,
      )
  })

  it('attack: arguments with infinite numbers, lone surrogates or bottomless nesting are refused', () => {
    const { type: _, ...admit } = anAdmit()
    const around = JSON.stringify({
      ...admit,
      finding: { kind: 'operations', operations: [{ name: 'x', args: { a: 'HERE' } }] },
    })
    for (const value of [
      '1e999',
      '"\\ud800"',
      '['.repeat(70) + ']'.repeat(70),
      `${'{"a":'.repeat(70)}1${'}'.repeat(70)}`,
    ])
      assertRefused(
        () => read(encodeFrame(0x02, around.replace('"HERE"', value))),
        'frame_malformed',
        value.slice(0, 20),
      )
  })

  it('attack: a frame of nothing but values is refused, however they are spread over its operations', () => {
    const { type: _, ...admit } = anAdmit()
    const withValues = (each: number) => () => {
      const operations = [1, 2].map(() => ({ name: 'x', args: { a: Array(each).fill(0) } }))
      return read(
        encodeFrame(0x02, JSON.stringify({ ...admit, finding: { kind: 'operations', operations } })),
      )
    }
    assert.ok(withValues(99_999)())
    assertRefused(withValues(100_000), 'frame_malformed')
  })

  it('attack: prototype keys in arguments arrive as plain members and reach no prototype', () => {
    const { type: _, ...admit } = anAdmit()
    const text = JSON.stringify({
      ...admit,
      finding: { kind: 'operations', operations: [{ name: 'x', args: { a: 'HERE' } }] },
    }).replace('"a":"HERE"', '"__proto__":{"isAdmin":true}')
    const message = read(encodeFrame(0x02, text))[0] as ReturnType<typeof anAdmit>
    const args = message.finding.kind === 'operations' ? message.finding.operations[0]?.args : undefined
    assert.equal(Object.getPrototypeOf(args), null)
    assert.deepEqual(Object.keys(args ?? {}), ['__proto__'])
    assert.equal('isAdmin' in (args ?? {}), false)
  })

  it('refuses to send what the other side would refuse', () => {
    const operations = [{ name: 'x', args: { note: 'n'.repeat(3 * 1024 * 1024) } }]
    assertRefused(
      () => encodeMessage(anAdmit({ finding: { kind: 'operations', operations } })),
      'frame_too_large',
    )
  })
})

function overTheWire(
  side: typeof fromGate | typeof fromKeeper,
  message: GateMessage | KeeperMessage,
): unknown {
  const seen: unknown[] = []
  new FrameReader(type => side.maxPayloadBytes(type)).push(encodeMessage(message), frame =>
    seen.push(side.decode(frame)),
  )
  assert.equal(seen.length, 1)
  return seen[0]
}

function read(bytes: Buffer): unknown[] {
  const seen: unknown[] = []
  new FrameReader(type => fromGate.maxPayloadBytes(type)).push(bytes, frame =>
    seen.push(fromGate.decode(frame)),
  )
  return seen
}

/** With ordinary prototypes, for deepEqual. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

function assertRefused(action: () => unknown, code: string, what = code): void {
  assert.throws(action, error => error instanceof CountersignError && error.code === code, what)
}
