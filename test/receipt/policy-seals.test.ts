import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Entry, PolicySealAudit, type RevokedKeys } from '../../src/receipt/index.js'

const T = 1_800_000_000_000
const [CID, OTHER] = [`sha256:${'ab'.repeat(32)}`, `sha256:${'cd'.repeat(32)}`]

function audited(times: readonly number[], revoked: RevokedKeys, cid = CID) {
  const audit = new PolicySealAudit(asked => (asked === CID ? ['ed25519:maria'] : null), revoked)
  const found: string[] = []
  for (const [seq, t] of times.entries()) {
    const entry = { seq, t, type: 'policy', data: { action: 'activated', cid, version: 1 } }
    audit.audit(entry as unknown as Entry, (code, at, detail) => found.push(`${code} ${at}: ${detail}`))
  }
  return { found, ...audit.summary() }
}

describe('the seal of a policy that was put in force', () => {
  it('attack: by a key that was revoked by then, is found', () => {
    assert.deepEqual(audited([T], new Map([['ed25519:maria', T]])), {
      found: [`policy_revoked 0: since ${new Date(T).toISOString()}`],
      doubted: 0,
      unproven: 0,
    })
  })

  it('stands where the key was revoked later, also when the policy is put in force again after that', () => {
    const revoked = new Map([['ed25519:maria', T + 1]])
    assert.deepEqual(audited([T, T + 2], revoked), { found: [], doubted: 0, unproven: 0 })
  })

  it('stands, and is told, where nobody says since when the key was revoked', () => {
    const revoked = new Map([['ed25519:maria', Number.NEGATIVE_INFINITY]])
    assert.deepEqual(audited([T, T + 2], revoked), { found: [], doubted: 1, unproven: 0 })
  })

  it('is told to be unproven where the policy is not at hand, or nobody has sealed it', () => {
    assert.deepEqual(audited([T], new Map([['ed25519:maria', T]]), OTHER), {
      found: [],
      doubted: 0,
      unproven: 1,
    })
  })
})
