import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { activate, diffPolicies, isBeyond, lintPolicy, openSurvey } from '../../src/policy/index.js'
import { activeOf, codesOf, compiledOf, policyText, sourceOf } from './a-policy.js'

const RULES = '  - { id: read, allow: { api: shop, class: read }, to: coder }'
const withEvidence = (evidence: string) => policyText(RULES, { more: `evidence: ${evidence}` })

describe('how far evidence may fall behind', () => {
  it('is sealed with the policy, exactly as it was written', () => {
    const evidence = { maxUnwitnessed: { entries: 1_000, seconds: 300 }, maxUnshipped: { seconds: 60 } }
    const text = withEvidence(JSON.stringify(evidence))
    assert.deepEqual(compiledOf(text).payload.evidence, evidence)
    assert.deepEqual(activeOf(text).evidence, {
      maxUnwitnessed: { entries: 1_000, seconds: 300 },
      maxUnshipped: { entries: null, seconds: 60 },
    })
  })

  it('is unbounded where nothing is said, and leaves the payload as it was', () => {
    assert.equal('evidence' in compiledOf(policyText(RULES)).payload, false)
    assert.deepEqual(activeOf(policyText(RULES)).evidence, { maxUnwitnessed: null, maxUnshipped: null })
  })

  it('is refused where it bounds nothing or is no positive whole number', () => {
    for (const evidence of [
      '{}',
      '{ maxUnwitnessed: {} }',
      '{ maxUnwitnessed: { entries: 0 } }',
      '{ maxUnshipped: { seconds: 1.5 } }',
      '{ maxUnshipped: { minutes: 5 } }',
      '{ maxLost: { seconds: 5 } }',
    ])
      assert.ok(codesOf(withEvidence(evidence)).length > 0, evidence)
  })

  it('is refused in a signed payload that the compiler did not make', () => {
    const { payload, cid, catalogs } = compiledOf(policyText(RULES))
    for (const evidence of [{}, { maxUnwitnessed: {} }, { maxUnwitnessed: { entries: -1 } }, null])
      assert.throws(() => activate({ ...payload, evidence }, cid, catalogs), {
        code: 'compiled_policy_malformed',
      })
  })

  it('is worth a second thought where a slow answer would stop every agent', () => {
    const lint = (evidence: string) =>
      lintPolicy(sourceOf(withEvidence(evidence)), {
        catalogs: new Map(),
        files: new Map(),
        nowMs: Date.parse('2027-01-10T12:00:00Z'),
      })
        .filter(({ code }) => code === 'tight_evidence')
        .map(({ path }) => path)
    assert.deepEqual(lint('{ maxUnwitnessed: { entries: 10, seconds: 5 } }'), [
      'evidence.maxUnwitnessed.entries',
      'evidence.maxUnwitnessed.seconds',
    ])
    assert.deepEqual(lint('{ maxUnwitnessed: { entries: 1000, seconds: 300 } }'), [])
  })

  it('shows in a diff as wider where it is loosened or gone, and as narrower where it is tightened', () => {
    const surveyOf = (text: string) => {
      const { payload, apis } = compiledOf(text)
      return openSurvey(payload, apis)
    }
    const directions = (from: string, to: string) =>
      diffPolicies(surveyOf(from), surveyOf(to)).terms.map(({ direction, what }) => `${direction} ${what}`)
    const bounded = withEvidence('{ maxUnwitnessed: { seconds: 60 } }')
    assert.deepEqual(directions(policyText(RULES), bounded), [
      'narrowed evidence maxUnwitnessed: any number of → 60 seconds',
    ])
    assert.deepEqual(directions(bounded, policyText(RULES)), [
      'widened evidence maxUnwitnessed: 60 → any number of seconds',
    ])
    assert.deepEqual(directions(bounded, withEvidence('{ maxUnwitnessed: { seconds: 90 } }')), [
      'widened evidence maxUnwitnessed: 60 → 90 seconds',
    ])
  })

  it('is exceeded by either bound, by more than the bound, and by a lag that nobody knows', () => {
    const bound = { entries: 10, seconds: 60 }
    assert.equal(isBeyond({ entries: 10, seconds: 60 }, bound), false)
    assert.equal(isBeyond({ entries: 11, seconds: 0 }, bound), true)
    assert.equal(isBeyond({ entries: 1, seconds: 61 }, bound), true)
    assert.equal(isBeyond(null, bound), true)
    assert.equal(isBeyond({ entries: 9_999, seconds: 9_999 }, null), false)
    assert.equal(isBeyond({ entries: 9_999, seconds: 60 }, { entries: null, seconds: 60 }), false)
  })
})
