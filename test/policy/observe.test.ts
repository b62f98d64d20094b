import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { activate, compilePolicy, observers, refuseLongObserving } from '../../src/policy/index.js'
import { activeOf, codesOf, compiledOf, policyText, sourceOf } from './a-policy.js'

const NOW = Date.parse('2027-01-10T12:00:00Z')
const DAY_MS = 86_400_000
const READ = '  - { id: read, allow: { api: shop, class: read }, to: coder }'

function withAgent(members: string): string {
  return policyText(READ).replace('environment: staging,', `environment: staging, ${members},`)
}

/** Codes of compiling at a moment. */
function codesAt(text: string, nowMs: number): readonly string[] {
  const compiled = compilePolicy(sourceOf(text), { catalogs: new Map(), files: new Map(), nowMs })
  return compiled.kind === 'findings' ? compiled.findings.map(({ code, path }) => `${code} ${path}`) : []
}

describe('observing', () => {
  it('is sealed with the policy, and enforced where nothing is said', () => {
    const until = Date.parse('2027-01-20T00:00:00Z')
    const observed = activeOf(withAgent('mode: observe, until: 2027-01-20T00:00:00Z'))
    assert.equal(observed.agents.get('coder')?.observeUntilMs, until)
    assert.deepEqual(observers(observed, NOW), [{ agent: 'coder', untilMs: until }])
    assert.deepEqual(observers(observed, until), [])
    for (const text of [policyText(READ), withAgent('mode: enforce')]) {
      const enforced = activeOf(text)
      assert.equal(enforced.agents.get('coder')?.observeUntilMs, null)
      assert.deepEqual(observers(enforced, NOW), [])
    }
  })

  it('needs an end, a time in UTC, and has none without the mode', () => {
    assert.deepEqual(codesOf(withAgent('mode: observe')), ['bad_until agents.coder'])
    assert.deepEqual(codesOf(withAgent('mode: observe, until: tomorrow')), ['bad_until agents.coder.until'])
    assert.deepEqual(codesOf(withAgent('until: 2027-01-20T00:00:00Z')), [
      'key_without_use agents.coder.until',
    ])
  })

  it('is not sealed for more than 14 days', () => {
    const ends = (ms: number) => withAgent(`mode: observe, until: ${new Date(ms).toISOString()}`)
    assert.deepEqual(codesAt(ends(NOW + 14 * DAY_MS), NOW), [])
    assert.deepEqual(codesAt(ends(NOW + 14 * DAY_MS + 1), NOW), ['bad_until agents.coder.until'])
    assert.deepEqual(codesAt(ends(NOW - 1), NOW), [])
  })

  it('attack: a payload that observes for longer, whoever compiled it, is not activated', () => {
    const { payload, cid, catalogs } = compiledOf(
      withAgent(`mode: observe, until: ${new Date(NOW + 15 * DAY_MS).toISOString()}`),
    )
    const policy = activate(payload, cid, catalogs)
    assert.throws(() => refuseLongObserving(policy, NOW), { code: 'observe_too_long' })
    assert.doesNotThrow(() => refuseLongObserving(policy, NOW + DAY_MS))
  })
})
