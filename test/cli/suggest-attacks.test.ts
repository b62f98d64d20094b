import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Recorded } from '../../src/cli/replay/recorded-attempts.js'
import { collectEvidence } from '../../src/cli/suggest/evidence.js'
import { generalise } from '../../src/cli/suggest/generalise.js'
import { writePolicy } from '../../src/cli/suggest/write-policy.js'
import { activeOf, inputOf, operation, policyText, sourceOf } from '../policy/a-policy.js'

/** A rule that asks for arguments: from a receipt alone nobody can tell whether it speaks of a request. */
const WHEN =
  '  - { id: some, allow: { api: shop, operations: ["PATCH /orders/{order}", "POST /orders/{order}/refund"] }, to: [coder], when: "args.amount < 5" }'
const TEXT = policyText(WHEN)

type RecordedOperation = Pick<ReturnType<typeof operation>, 'name' | 'classes' | 'scope' | 'resources'> & {
  readonly more?: { readonly count: number; readonly all_c: string }
}

/** What an agent that observed left in a log, read without the auditor's key. */
async function* observed(...operations: readonly RecordedOperation[]): AsyncGenerator<Recorded> {
  for (const [seq, each] of operations.entries()) {
    const { name, classes, scope, resources, more } = each
    yield {
      kind: 'attempt',
      entry: {
        seq,
        id: `0198c3a2-0000-7000-8000-00000000000${seq}`,
        t: 1,
        agent: { id: 'coder', environment: 'staging', task: 'task', owner: 'maria' },
        req: { api: 'shop', method: 'POST' },
        ops: [{ name, classes, scope, resources, ...(more === undefined ? {} : { more }) }],
        decision: { effect: 'allow', code: 'observed', rule: null },
      },
      effect: 'allow',
      known: { kind: 'unknown', why: 'no key' },
    } as unknown as Recorded
  }
}

async function suggested(log: AsyncIterable<Recorded>) {
  const agents = new Set(['coder'])
  const evidence = await collectEvidence(activeOf(TEXT), log, agents, 0)
  const generalised = generalise(evidence.asked)
  return { evidence, generalised, text: writePolicy(sourceOf(TEXT).document, evidence, generalised, agents) }
}

describe('policy suggest, from receipts alone', () => {
  it('attack: more requests that can’t be said than a call can have arguments', () => {
    const occurrences = Array.from({ length: 200_000 }, (_, seq) => ({
      seq,
      task: 'task',
      scope: {},
      resources: [{ type: 'order', id: `*${seq}` }],
    }))
    const asked = { agent: 'coder', api: 'shop', name: 'GET /orders/{order}', kind: 'passed' } as const
    const { suggestions, leftOut } = generalise([
      { ...asked, baseClasses: ['read'], classes: ['read'], occurrences },
    ])
    assert.deepEqual([suggestions.length, leftOut.length], [0, 200_000])
  })

  it('attack: one request with names too long for its receipt makes a rule for every resource', async () => {
    const patch = (id: string) =>
      operation('PATCH /orders/{order}', {
        classes: ['update'],
        scope: { order: id },
        resources: [{ type: 'order', id }],
      })
    const cut = { ...patch(''), scope: {}, resources: [], more: { count: 1, all_c: '00'.repeat(32) } }
    const { evidence, text } = await suggested(observed(patch('o1'), cut))
    assert.equal(evidence.untold?.attempts, 1)
    const next = activeOf(text)
    assert.equal(next.decide(inputOf([patch('o1')])).code, 'allowed')
    assert.equal(next.decide(inputOf([patch('o2')])).effect, 'deny', text)
  })

  it('attack: what a catalog calls irreversible by now stands as a plain rule, because a receipt says less of it', async () => {
    const refund = operation('POST /orders/{order}/refund', { classes: [] })
    const { generalised, text } = await suggested(observed(refund))
    assert.deepEqual(
      generalised.suggestions.map(({ kind }) => kind),
      ['above'],
    )
    const asked = operation(refund.name, { classes: ['billing', 'irreversible'] })
    assert.equal(activeOf(text).decide(inputOf([asked])).effect, 'deny', text)
  })
})
