import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Entry } from '../../src/receipt/index.js'
import { ProbeHistory } from '../../src/receipt/probe-history.js'
import { attemptBody, BOOT, CHAIN, HEX } from './log-fixture.js'

const place = { v: 1, chain: CHAIN, seq: 7, prev: HEX, t: 1, boot: BOOT }

const ASKED = { probe: 'volume', type: 'volume', id: 'v-91', operations: ['project'], mint: 'm-1' }
const operation = {
  name: 'volumeDelete',
  classes: ['irreversible'],
  scope: {},
  resources: [{ type: 'volume', id: 'v-91' }],
}
const answered = { probe: 'volume', op: 0, resource: 0, status: 'answered', asked: 3, facts_c: HEX }

/** What is found about an attempt whose upstream was asked so, behind an entry that says what was asked. */
function found(probe: object, asked: object = ASKED): readonly string[] {
  const attempt = { ...place, ...attemptBody({ ops: [operation], probes: [probe] } as never) } as Entry
  assert.ok(attempt.type === 'attempt')
  const { id: agent, environment, task, owner } = attempt.agent
  const history = new ProbeHistory()
  const data = { id: attempt.id, agent, environment, task, owner, api: attempt.req.api, asked: [asked] }
  history.add({ ...place, seq: 3, type: 'probe', data } as never)
  const details: string[] = []
  history.cited({ entry: attempt, startedMs: 0 }, (_code, _seq, detail) => void details.push(detail ?? ''))
  return details
}

test('an answer that was asked for is borne out by the entry that it cites', () => {
  assert.deepEqual(found(answered), [])
  assert.deepEqual(found({ probe: 'volume', op: 0, resource: 0, status: 'timeout', asked: 3 }), [])
  assert.deepEqual(found({ probe: 'volume', op: 0, resource: 0, status: 'no_credential' }), [])
})

test('attack: an answer that nobody asked for, or about something else, is a finding', () => {
  assert.deepEqual(found({ ...answered, asked: 2 }), ['entry 2 asks nothing'])
  assert.deepEqual(found({ probe: 'volume', op: 0, resource: 0, status: 'answered', facts_c: HEX }), [
    'answered, and never asked',
  ])
  assert.deepEqual(found({ ...answered, op: 1 }), ['it has no operation 1'])
  assert.deepEqual(found(answered, { ...ASKED, id: 'v-1' }), ['entry 3 asks about something else'])
  assert.deepEqual(found({ ...answered, status: 'timeout' }), [
    'facts, and no answer, or the other way round',
  ])
})
