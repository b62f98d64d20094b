import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { problemsOf, warningsOf } from '../../src/cli/health.js'
import type { KeeperStatus } from '../../src/cli/keeper-status.js'

const NOW = Date.parse('2027-01-10T12:00:00Z')
const DAY_MS = 86_400_000

/** What a keeper says when all is well. */
const WELL: KeeperStatus = {
  chain: 'acme.test/countersign/edge/1',
  head: { size: 7, leaf: '', root: '', t: NOW },
  policy: {
    cid: 'sha256:0',
    name: 'acme',
    version: 7,
    expiresMs: NOW + 14 * DAY_MS,
    audience: ['staging'],
    observing: [],
  },
  refusedUpdate: null,
  distribution: null,
  enrolmentExpiresMs: NOW + 300 * DAY_MS,
  shipping: [],
  witnesses: null,
  fullCheck: null,
  refusedKeys: null,
  grants: 0,
  approvals: 0,
  stops: { halts: [], freeze: null },
  archives: { archived: null, possible: { size: 0, by: 'tail' }, archiving: null },
  gates: 1,
  openAttempts: 0,
  notices: [],
  budgets: [],
  startedMs: NOW,
  missing: [],
  unserved: [],
}

function problem(change: Partial<KeeperStatus>): string {
  const problems = problemsOf({ ...WELL, ...change }, NOW)
  assert.equal(problems.length, 1, problems.join('\n'))
  return problems[0] as string
}

describe('the health of a sidecar', () => {
  it('has neither problems nor warnings where all is well', () => {
    assert.deepEqual([problemsOf(WELL, NOW), warningsOf(WELL, NOW)], [[], []])
  })

  it('is bad where the clock is behind the newest entry: nothing is admitted until it has passed that', () => {
    const head = { ...WELL.head, t: NOW + 1 }
    assert.match(
      problem({ head }),
      /^clock_behind: .*2027-01-10T12:00:00\.000Z.*2027-01-10T12:00:00\.001Z: every request is denied.* Set the clock/,
    )
  })

  it('says of a credential without a secret what the policy asks for, what the vault has, and what to type', () => {
    const unserved = {
      credential: 'shop',
      minter: 'static',
      api: 'orders',
      origin: 'https://shop.test',
      environment: 'staging',
      code: 'vault_entry_environment',
      nearest: { name: 'shop', kind: 'static', origins: ['https://shop.test'], environment: 'production' },
    } as const
    assert.equal(
      problem({ unserved: [unserved] }),
      'vault_entry_environment: requests to orders get no credential. The policy uses shop (static) for https://shop.test in staging; the vault has shop: static for https://shop.test in production. Put it: `countersign vault put shop --kind static --origin https://shop.test --environment staging < SECRET-FILE`',
    )
    const nearest = { ...unserved.nearest, name: 'shopp', environment: 'staging' }
    assert.match(
      problem({ unserved: [{ ...unserved, code: 'vault_entry_missing', nearest }] }),
      /the vault has no entry shop, and nearest to it shopp: static for/,
    )
    assert.match(
      problem({ unserved: [{ ...unserved, code: 'vault_entry_missing', nearest: null }] }),
      /the vault has no entry shop\. /,
    )
  })

  it('says what mends what was refused', () => {
    const refused = {
      code: 'signing_key_unknown',
      message: 'A signature names a key.',
      mend: 'Mend it.',
      atMs: NOW,
    }
    for (const change of [{ refusedUpdate: refused }, { refusedKeys: refused }])
      assert.match(problem(change), /signing_key_unknown: A signature names a key\. Mend it\.$/)
  })

  it('names the command that seals a policy where there is none, where it is over, and from 14 days before', () => {
    assert.match(problem({ policy: null }), /every request is refused\. Seal one .*`countersign policy seal /)
    const endingIn = (ms: number) => ({
      ...WELL,
      policy: { ...(WELL.policy as NonNullable<KeeperStatus['policy']>), expiresMs: NOW + ms },
    })
    assert.match(problem(endingIn(0)), /has expired.* `countersign policy seal .* --next/)
    assert.match(problem(endingIn(DAY_MS - 1)), /expires in 23 hour\(s\): .*--next/)
    assert.deepEqual(problemsOf(endingIn(DAY_MS), NOW), [])
    for (const [ms, days] of [
      [14 * DAY_MS - 1, 13],
      [DAY_MS, 1],
    ] as const) {
      const [warning = ''] = warningsOf(endingIn(ms), NOW)
      assert.match(warning, new RegExp(`^the policy expires in ${days} day\\(s\\): .* --next`))
    }
  })
})
