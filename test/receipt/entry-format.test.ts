import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type CountersignError,
  canonicalize,
  decodeEnvelope,
  encodeEnvelope,
  isSignedBy,
  PAYLOAD_TYPES,
  signEnvelope,
  utf8,
} from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import {
  CONTROL_FORMATS,
  CONTROL_TYPES,
  type ControlType,
  decodeEntry,
  type Entry,
  encodeEntry,
  leafHash,
  openEntry,
} from '../../src/receipt/index.js'
import { layEntry } from '../../src/receipt/layout.js'
import { attemptBody, BOOT, CHAIN, HEX, newKey, outcomeBody } from './log-fixture.js'

const key = newKey()
const place = { v: 1, chain: CHAIN, seq: 7, prev: HEX, t: 1_790_000_000_000, boot: BOOT } as const
const attempt: Entry = { ...place, ...attemptBody() }

/** An envelope that is signed properly over whatever payload the test wants. */
function signed(payload: string | Uint8Array): Uint8Array {
  const bytes = typeof payload === 'string' ? utf8(payload) : payload
  return encodeEnvelope(signEnvelope(PAYLOAD_TYPES.receipt, bytes, [key]))
}

function encode(entry: Entry): Uint8Array {
  return encodeEntry(nativeCrypto, entry, key)
}

function refusal(bytes: Uint8Array): string {
  try {
    decodeEntry(bytes)
  } catch (error) {
    return (error as CountersignError).code
  }
  return 'accepted'
}

const word = fc.string({ unit: 'grapheme', maxLength: 20 })
const count = fc.nat()
const hash = fc.constantFrom(HEX, 'ab'.repeat(32))

const operations = fc.record(
  {
    name: word,
    classes: fc.subarray(['read', 'irreversible', 'privilege'] as const),
    scope: fc.dictionary(word, word),
    resources: fc.array(fc.record({ type: word, id: word }), { maxLength: 3 }),
    more: fc.record({ count, all_c: hash }),
  },
  { requiredKeys: ['name', 'classes', 'scope', 'resources'] },
)

const attempts: fc.Arbitrary<Entry> = fc
  .record(
    {
      agent: fc.record({ id: word, environment: word, task: word, owner: word, grant: word }),
      req: fc.record(
        { api: word, method: word, target_c: hash, body_c: hash, body_len: count },
        { requiredKeys: ['api', 'method', 'target_c'] },
      ),
      ops: fc.array(operations, { maxLength: 3 }),
      policy: fc.record({ cid: word, version: count }),
      classifier: word,
      decision: fc.record({
        effect: fc.constantFrom('allow', 'hold', 'deny'),
        code: word,
        rule: fc.option(word),
      }),
      inputs_c: hash,
      approval: word,
      probes: fc.array(
        fc.record(
          {
            probe: word,
            op: count,
            resource: count,
            status: fc.constantFrom('answered', 'timeout'),
            asked: count,
            facts_c: hash,
          },
          { requiredKeys: ['probe', 'op', 'resource', 'status'] },
        ),
        { maxLength: 3 },
      ),
      credential: fc.record({ minter: word, scope: word, expires: count }),
      reserved: fc.array(fc.record({ key: word, amount: count }), { maxLength: 3 }),
    },
    { requiredKeys: ['agent', 'req', 'ops', 'policy', 'classifier', 'decision', 'inputs_c'] },
  )
  .map(body => ({ ...place, type: 'attempt', id: BOOT, ...body }) as Entry)

const outcomes: fc.Arbitrary<Entry> = fc
  .record(
    {
      attempt: count,
      attempt_leaf: hash,
      status: fc.constantFrom('completed', 'indeterminate'),
      http: count,
      ms: count,
      upstream_id: word,
      body_c: hash,
      resp_c: hash,
      resp_len: count,
    },
    { requiredKeys: ['attempt', 'attempt_leaf', 'status', 'http', 'ms'] },
  )
  .map(body => ({ ...place, type: 'outcome', ...body }) as Entry)

test('the hand-laid form of attempts and outcomes is their JCS form', () => {
  fc.assert(
    fc.property(fc.oneof(attempts, outcomes), entry => {
      assert.equal(layEntry(entry), canonicalize(entry))
    }),
    { numRuns: 500 },
  )
})

test('an entry decodes to what was encoded, and its envelope is plain DSSE', () => {
  fc.assert(
    fc.property(fc.oneof(attempts, outcomes), entry => {
      const bytes = encode(entry)
      assert.equal(canonicalize(decodeEntry(bytes)), canonicalize(entry))
      const envelope = decodeEnvelope(bytes)
      assert.deepEqual(Buffer.from(encodeEnvelope(envelope)), Buffer.from(bytes))
      assert.equal(isSignedBy(nativeCrypto, envelope, key.publicKey), true)
    }),
    { numRuns: 60 },
  )
})

test('opening an entry gives the bytes that were signed', () => {
  const opened = openEntry(encode(attempt))
  assert.equal(opened.keyid, key.keyid)
  assert.equal(nativeCrypto.verify(key.publicKey, opened.signed, opened.signature), true)
})

test('the leaf is SHA-256 over a zero byte and the envelope', () => {
  const bytes = encode(attempt)
  const byHand = nativeCrypto.sha256(Buffer.concat([Buffer.of(0), bytes]))
  assert.deepEqual(Buffer.from(leafHash(nativeCrypto, bytes)), Buffer.from(byHand))
})

const examples: Record<ControlType, Record<string, unknown>> = {
  genesis: {
    origin: 'acme.test/countersign/edge',
    receipt: `ed25519:${'A'.repeat(43)}`,
    checkpoint: `ed25519:${'B'.repeat(43)}`,
    enrolment: null,
  },
  boot: { size: 1, root: HEX, software: 'countersign/0.1.0', side_key: null },
  policy: { action: 'activated', cid: `sha256:${HEX}`, version: 7 },
  grant: {
    action: 'issued',
    jti: 'g-1',
    agent: 'coder',
    environment: 'staging',
    task: 'CS-17',
    owner: 'maria',
    slot: 'bearer',
    expires: 1,
  },
  probe: {
    id: BOOT,
    agent: 'coder',
    environment: 'staging',
    task: 't-1',
    owner: 'maria',
    api: 'railway',
    asked: [{ probe: 'volume', type: 'volume', id: 'v-91', operations: ['project'], mint: BOOT }],
  },
  mint: { action: 'minted', minter: 'jwt', credential: 'billing', scope: 'GET /invoices', expires: 1 },
  vault: { action: 'opened', entries: 3 },
  approval: {
    id: 'a-1',
    state: 'requested',
    agent: 'coder',
    environment: 'staging',
    task: 'CS-17',
    owner: 'maria',
    policy: `sha256:${HEX}`,
    digest: HEX,
    expires: 1,
  },
  halt: { action: 'halted', scope: 'agent', by: 'jo', agent: 'coder' },
  freeze: { action: 'frozen', by: 'jo' },
  key: { action: 'enrolled', role: 'receipt', key: `ed25519:${'A'.repeat(43)}` },
  heartbeat: { size: 7, open: 0 },
  suppressed: { code: 'grant_malformed', count: 40, from: 1, to: 2 },
  recover: { chain: CHAIN, size: 7, root: HEX, because: 'disk lost' },
  erase: {
    attempt: 1,
    id: '0198c0de-0000-7000-8000-000000000000',
    by: 'maria',
    because: 'ticket 77',
    order: `sha256:${HEX}`,
  },
  archive: { size: 512, root: HEX, by: 'maria', because: 'retention', order: `sha256:${HEX}` },
  close: { reason: 'stopped' },
}

for (const type of CONTROL_TYPES)
  test(`a ${type} entry has fixed members: none missing, none more`, () => {
    const data = examples[type]
    const entry = (changed: object) => ({ ...place, type, data: changed }) as Entry
    const malformed = { code: 'entry_malformed' }
    assert.equal(refusal(encode(entry(data))), 'accepted')
    assert.throws(() => encode(entry({ ...data, extra: 'x' })), malformed)
    for (const member of Object.keys(CONTROL_FORMATS[type][0])) {
      const { [member]: _, ...rest } = data
      assert.throws(() => encode(entry(rest)), malformed, `without ${member}`)
      assert.throws(() => encode(entry({ ...data, [member]: {} })), malformed, `${member} of another type`)
    }
  })

test('an entry with an unknown member is refused, wherever it stands', () => {
  const body = attemptBody()
  const places: [string, object][] = [
    ['top', { ...attempt, extra: 1 }],
    ['agent', { ...attempt, agent: { ...body.agent, role: 'admin' } }],
    ['req', { ...attempt, req: { ...body.req, target: '/x' } }],
    ['ops', { ...attempt, ops: [{ ...body.ops[0], note: '' }] }],
    ['decision', { ...attempt, decision: { ...body.decision, override: true } }],
    ['__proto__', JSON.parse(`{"__proto__":{},${canonicalize(attempt).slice(1)}`)],
  ]
  for (const [where, entry] of places) {
    assert.equal(refusal(signed(canonicalize(entry))), 'entry_malformed', where)
    assert.throws(() => encode(entry as Entry), { code: 'entry_malformed' }, where)
  }
})

test('a payload that is not the one canonical spelling is refused although it is signed', () => {
  const text = canonicalize(attempt)
  const spellings: [string, string][] = [
    ['a space', text.replace(':', ': ')],
    ['another order', text.replace('{"agent"', '{"v":1,"agent"').replace(',"v":1}', '}')],
    ['a member twice', text.replace('"v":1', '"v":1,"v":1')],
    ['an escape', text.replace('coder', '\\u0063oder')],
    ['a fraction', text.replace('"seq":7', '"seq":7.0')],
    ['an exponent', text.replace('"seq":7', '"seq":7e0')],
    ['a negative zero', text.replace('"seq":7', '"seq":-0')],
    ['a newline behind', `${text}\n`],
    ['a byte order mark', `\uFEFF${text}`],
    ['another version', text.replace('"v":1', '"v":2')],
    ['a string for a number', text.replace('"seq":7', '"seq":"7"')],
    ['an integer beyond 2^53', text.replace('"seq":7', '"seq":9007199254740993')],
    ['another type', text.replace('"type":"attempt"', '"type":"attest"')],
    ['null', 'null'],
    ['nothing', ''],
  ]
  assert.equal(refusal(signed(text)), 'accepted')
  for (const [what, spelling] of spellings) {
    assert.notEqual(spelling, text, what)
    assert.equal(refusal(signed(spelling)), 'entry_malformed', what)
  }
  assert.equal(refusal(signed(Uint8Array.of(0xff, 0xfe))), 'entry_malformed', 'not UTF-8')
})

test('an envelope that is not the one canonical spelling is refused', () => {
  const text = new TextDecoder().decode(encode(attempt))
  const parsed = JSON.parse(text)
  const [signature] = parsed.signatures
  const spellings: [string, string][] = [
    ['a newline behind', `${text}\n`],
    ['a space', text.replace(':', ': ')],
    ['another payload type', text.replace('receipt.v1', 'policy.v1')],
    ['a second signature', canonicalize({ ...parsed, signatures: [signature, signature] })],
    ['no signature', canonicalize({ ...parsed, signatures: [] })],
    ['an unknown member', canonicalize({ ...parsed, extra: 1 })],
    ['base64 without padding', text.replace('=="}]}', '"}]}')],
    ['a short keyid', text.replace(signature.keyid, signature.keyid.slice(1))],
    ['loose base64 bits', text.replace(/.=="}]}$/, 'B=="}]}')],
    ['nothing', ''],
  ]
  for (const [what, spelling] of spellings) {
    assert.notEqual(spelling, text, what)
    assert.equal(refusal(utf8(spelling)), 'entry_malformed', what)
  }
})

test('65,535 bytes are the most: one more is refused both ways', () => {
  const sized = (length: number): Entry => ({ ...attempt, classifier: 'x'.repeat(length) })
  let [fits, tooLong] = [1, 65_535]
  while (tooLong - fits > 1) {
    const middle = (fits + tooLong) >> 1
    try {
      encode(sized(middle))
      fits = middle
    } catch {
      tooLong = middle
    }
  }
  const largest = encode(sized(fits))
  assert.ok(largest.length <= 65_535 && largest.length > 65_530, `${largest.length}`)
  assert.equal(refusal(largest), 'accepted')
  assert.throws(() => encode(sized(tooLong)), { code: 'entry_too_large' })
  assert.throws(() => encode({ ...attempt, classifier: 'ü'.repeat(fits) }), { code: 'entry_too_large' })
  assert.equal(refusal(signed(canonicalize(sized(fits + 8)))), 'entry_malformed')
})

test('a lone surrogate is refused: no two entries may encode to the same bytes', () => {
  assert.throws(() => encode({ ...attempt, classifier: 'x\ud800' }), { code: 'entry_malformed' })
  assert.equal(refusal(signed(canonicalize(attempt).replace('graphql/1', '\\ud800'))), 'entry_malformed')
})

test('an outcome keeps optional members apart from absent ones', () => {
  const bare: Entry = { ...place, ...outcomeBody(3, HEX) }
  const full: Entry = { ...bare, upstream_id: '', resp_len: 0, resp_c: HEX }
  assert.deepEqual({ ...decodeEntry(encode(bare)) }, bare)
  assert.deepEqual({ ...decodeEntry(encode(full)) }, full)
})
