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

  it('has nobody seal another policy where a key or a signature keeps out the one that is there', () => {
    for (const code of ['signatures_short', 'enrolled_key_revoked']) {
      const refusedUpdate = { code, message: 'Refused.', mend: 'Mend it.', atMs: NOW }
      const problems = problemsOf({ ...WELL, policy: null, refusedUpdate }, NOW)
      assert.match(
        problems[0] ?? '',
        /^no policy is in force: every request is refused\. .*the next line says/,
      )
      assert.doesNotMatch(problems.join(' '), /policy seal/)
      assert.match(problems[1] ?? '', / Mend it\.$/)
    }
  })

  it('says of places and witnesses that fail what mends that', () => {
    const failing = { code: 'vault_entry_missing', message: 'No entry.', sinceMs: NOW, tries: 3 }
    const sink = {
      name: 'collector',
      kind: 'http',
      to: 'https://evidence.test/',
      acknowledges: true,
      shipped: 0,
      failing,
    } as unknown as KeeperStatus['shipping'][number]
    assert.match(problem({ shipping: [sink] }), /: No entry\. Add it with `countersign vault put NAME`\.$/)
    const witness = { name: 'w1', url: 'https://w1.test', cosigned: 7 }
    const witnesses = (code: string) =>
      ({
        witnessed: { size: 7, sinceMs: NOW },
        witnesses: [{ ...witness, failing: { ...failing, code } }],
      }) as unknown as NonNullable<KeeperStatus['witnesses']>
    assert.match(problem({ witnesses: witnesses('witness_refused') }), /`countersign witness log`/)
    const warnings = warningsOf({ ...WELL, witnesses: witnesses('witness_unreachable') }, NOW)
    assert.match(warnings.join(), /: No entry\. Check its URL .* and whether it runs/)
    const place = { name: 'pager', delivered: 0, queued: 1, dropped: 0, failing }
    assert.match(problem({ notices: [place] }), /: vault_entry_missing\. Add it with /)
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
