import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JsonObject } from '../../src/canon/index.js'
import { entrySentence } from '../../src/keeper/index.js'
import { CONTROL_TYPES, type ControlType, type Entry } from '../../src/receipt/index.js'

const POSITION = {
  v: 1,
  chain: 'acme.test/countersign/edge/1',
  seq: 4,
  prev: '0'.repeat(64),
  t: 0,
  boot: 'b',
} as const
const WHO = { agent: 'coder', environment: 'staging', task: 'CS-17', owner: 'maria' }
const EXPIRES = Date.UTC(2027, 0, 2)
const CID = `sha256:${'ab'.repeat(32)}`
const APPROVAL = { id: 'ap-1', ...WHO, policy: CID, digest: 'd', expires: EXPIRES }
const GRANT = { jti: 'g-1', ...WHO, slot: 'bearer', expires: EXPIRES }
const MINT = { minter: 'static', credential: 'billing', scope: 'all', expires: EXPIRES }

/** Every type with every action that its format has, and what its sentence must hold. */
const TOLD: readonly (readonly [ControlType, JsonObject, RegExp])[] = [
  [
    'genesis',
    { origin: 'acme.test/edge', receipt: 'r', checkpoint: 'c', enrolment: null },
    /log begins, as acme\.test\/edge.* no enrolment vouches/,
  ],
  [
    'genesis',
    { origin: 'acme.test/edge', receipt: 'r', checkpoint: 'c', enrolment: 'e' },
    / an enrolment vouches/,
  ],
  [
    'boot',
    { size: 1, root: 'r', software: 'countersign/1', side_key: null },
    /started, as countersign\/1, with 1 entry in/,
  ],
  [
    'policy',
    { action: 'activated', cid: CID, version: 7 },
    /^policy version 7 \(sha256:\w+\) came into force\.$/,
  ],
  ['policy', { action: 'expired', cid: CID, version: 7 }, /expired: from then on everything was denied/],
  [
    'policy',
    { action: 'refused', cid: null, version: 0, code: 'signatures_short' },
    /^a policy was refused with code signatures_short, which changed nothing\.$/,
  ],
  // What it says of other refusals would be wrong here: this one ends the policy in force.
  [
    'policy',
    { action: 'refused', cid: null, version: 0, code: 'policy_withdrawn' },
    /in force was withdrawn.*everything was denied\.$/,
  ],
  [
    'grant',
    { action: 'issued', ...GRANT },
    /^a grant was issued to agent coder in staging, task CS-17, for maria, .* until 2027-01-02/,
  ],
  ['grant', { action: 'revoked', ...GRANT, by: 'jo' }, /^the grant g-1 .* was revoked by jo\.$/],
  ['mint', { action: 'minted', ...MINT, ...WHO }, /minter static, scope all, was minted for agent coder/],
  ['mint', { action: 'revoked', ...MINT }, /was revoked at the upstream/],
  ['mint', { action: 'reaped', ...MINT }, /was found left over and removed/],
  ['mint', { action: 'failed', ...MINT, code: 'mint_failed' }, /could not be minted with code mint_failed/],
  ['vault', { action: 'opened', entries: 3 }, /^the vault was opened; it has 3 entries\.$/],
  [
    'vault',
    { action: 'put', entries: 1, name: 'billing' },
    /^the entry billing was put into the vault; it has 1 entry\.$/,
  ],
  [
    'vault',
    { action: 'removed', entries: 0, name: 'billing', by: 'jo' },
    /removed from the vault by jo; it has 0 entries/,
  ],
  ['vault', { action: 'rekeyed', entries: 3 }, /put under another key/],
  [
    'approval',
    { state: 'requested', ...APPROVAL, rule: 'r', attempt: 9 },
    /asked for, by rule r, .*until 2027-01-02.*; see receipt 9\.$/,
  ],
  ['approval', { state: 'approved', ...APPROVAL, by: 'jo' }, /was given by jo\.$/],
  ['approval', { state: 'rejected', ...APPROVAL, by: 'jo' }, /was rejected by jo\.$/],
  ['approval', { state: 'consumed', ...APPROVAL, attempt: 12 }, /was used up .*; see receipt 12\.$/],
  ['approval', { state: 'expired', ...APPROVAL }, /expired unused\.$/],
  ['approval', { state: 'withdrawn', ...APPROVAL, by: 'jo' }, /was taken back by jo\.$/],
  [
    'halt',
    { action: 'halted', scope: 'agent', agent: 'coder', by: 'jo', because: 'odd' },
    /^agent coder was halted by jo, because: odd\.$/,
  ],
  ['halt', { action: 'halted', scope: 'task', task: 'CS-17', by: 'jo' }, /^task CS-17 was halted by jo\.$/],
  ['halt', { action: 'resumed', scope: 'all', by: 'jo' }, /^all agents were resumed by jo\.$/],
  ['freeze', { action: 'frozen', by: 'jo', until: EXPIRES }, /frozen by jo, until 2027-01-02/],
  ['freeze', { action: 'thawed', by: 'jo' }, /thawed by jo\.$/],
  [
    'key',
    { action: 'enrolled', role: 'receipt', key: 'ed25519:k' },
    /^a receipt key was enrolled: ed25519:k\.$/,
  ],
  ['heartbeat', { size: 5, open: 2 }, /was alive, with 5 entries in the log and 2 open/],
  [
    'suppressed',
    { code: 'no_grant', count: 90, from: EXPIRES, to: EXPIRES },
    /^90 refusals with code no_grant .* from 2027-01-02/,
  ],
  [
    'recover',
    { chain: 'old', size: 4, root: 'r', because: 'disk', lost: 1 },
    /takes over from old after 4 entries, because: disk; 1 entry lost\.$/,
  ],
  [
    'erase',
    {
      attempt: 17,
      id: '0198c0de-0000-7000-8000-000000000000',
      by: 'maria',
      because: 'ticket 77',
      order: 'sha256:0',
    },
    /receipt 17 was erased by maria.*ticket 77/,
  ],
  [
    'probe',
    {
      id: '0198c0de-0000-7000-8000-000000000000',
      agent: 'coder',
      environment: 'staging',
      task: 'CS-17',
      owner: 'maria',
      api: 'railway',
      asked: [{ probe: 'volume', type: 'volume', id: 'v-1', operations: ['volume'], mint: 'm-1' }],
    },
    /^railway was asked one question before a request of agent coder/,
  ],
  [
    'archive',
    { size: 512, root: 'ab'.repeat(32), by: 'maria', because: 'retention', order: 'sha256:0' },
    /512 entries were moved to an archive by maria.*retention/,
  ],
  ['close', { reason: 'stopped' }, /closed the log: stopped\.$/],
]

describe('the sentence of an entry', () => {
  it('says plainly what each kind of control entry records', () => {
    assert.deepEqual([...new Set(TOLD.map(([type]) => type))].sort(), [...CONTROL_TYPES].sort())
    for (const [type, data, says] of TOLD) {
      const sentence = entrySentence({ ...POSITION, type, data } as Entry)
      assert.match(sentence, says)
      assert.doesNotMatch(sentence, /undefined|NaN|null/)
      assert.match(sentence, /^\S.*\.$/)
    }
  })

  it('does not call an outcome without an answer HTTP 0', () => {
    const body = {
      type: 'outcome',
      attempt: 3,
      attempt_leaf: 'l',
      status: 'not_sent',
      http: 0,
      ms: 2,
    } as const
    assert.equal(
      entrySentence({ ...POSITION, ...body }),
      'the outcome of receipt 3: not_sent, no answer from the upstream, after 2 ms.',
    )
  })
})
