import {
  canonicalBytes,
  equalBytes,
  type JsonObject,
  parseStrictJson,
  utf8,
} from '../../../src/canon/index.js'
import { classify } from '../../../src/protocol/index.js'
import {
  type DecisionInputs,
  encodeInputs,
  encodeSideRecord,
  openInputs,
} from '../../../src/receipt/index.js'
import { catalogOf, JSON_TYPE, request } from '../../protocol/requests.js'
import { type FuzzTarget, holds, read } from '../target.js'

type Open = typeof openInputs

const SECRET = new Uint8Array(32).fill(7)

/** A decision can be repeated years later, whatever its request had for arguments. */
export function inputsWith(open: Open): FuzzTarget['run'] {
  const catalog = catalogOf([{ route: 'POST /things', classes: ['create'], body: ['json'] }])
  return bytes => {
    foreign(open, bytes)
    const seen = classify(catalog, request('POST', '/things', { headers: [JSON_TYPE], body: bytes }))
    if (seen.kind === 'unclassifiable') return 'refused'
    const operations = seen.operations.map(({ name, args }): JsonObject => ({ name, args }))
    const encoded = encodeInputs(inputsOf(operations))
    const record = read(() => open(encodeSideRecord(encoded, SECRET)))
    holds(record !== null, 'the inputs of a decision can be read again')
    holds(equalBytes(encodeInputs(record.inputs), encoded), 'they are the bytes that were committed to')
    holds(equalBytes(record.secret, SECRET), 'the secret is the one that was written')
    return 'accepted'
  }
}

/** The bytes as a record of their own. */
function foreign(open: Open, bytes: Uint8Array): void {
  const record = read(() => open(bytes))
  if (record === null) return
  const again = encodeSideRecord(encodeInputs(record.inputs), record.secret)
  holds(equalBytes(again, bytes), 'a record that opens is one that would be written')
}

function inputsOf(operations: readonly JsonObject[]): DecisionInputs {
  return {
    v: 1,
    policy: `sha256:${'ab'.repeat(32)}`,
    target: '/things',
    method: 'POST',
    api: 'own',
    body: null,
    agent: { id: 'coder', environment: 'staging', task: 't', owner: 'maria' },
    authorization: null,
    operations,
    probe: null,
    counters: {},
    now: 1_790_000_000_000,
    last: 0,
  }
}

export const target: FuzzTarget = {
  about: 'inputs of decisions: whatever arguments a request brought, what was committed to can be read again',
  words: [
    '{"a":',
    '[',
    ']',
    '}',
    '1e20',
    '-0',
    '0.1',
    '1e308',
    '9007199254740992.5',
    '1e-400',
    '"__proto__":',
    '\\u0000',
    '\\ud83d\\ude00',
    ',"secret":"',
    '"inputs":',
  ],
  maxBytes: 2_048,
  run: inputsWith(openInputs),
  seeds: () => ({
    plain: '{"amount":12.5,"lines":[1,null,true],"note":"\u00e4"}',
    'finding-exponent': '{"amount":1e20}',
    'finding-rounded': '{"amount":-9007199254740992.5}',
    'finding-deep': `${'{"a":'.repeat(63)}1${'}'.repeat(63)}`,
    broken: '{"amount":',
    prototype: '{"__proto__":{"a":1},"constructor":null}',
    record: Buffer.from(encodeSideRecord(encodeInputs(inputsOf([{ name: 'x', args: { a: 0.5 } }])), SECRET)),
    'record-spaced': Buffer.from(
      utf8(` ${new TextDecoder().decode(canonicalBytes(parseStrictJson('{"inputs":{},"secret":""}')))}`),
    ),
  }),
}
