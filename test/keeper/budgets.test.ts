import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { UsedBudget } from '../../src/keeper/index.js'
import { type Asked, House, onTheWire, operation, policyOf, REMIND } from './keeper-fixture.js'

const LIMITS = 'limits: { perTask: { count: 2, per: 1h }, perAgent: { count: 3, per: day } }\n'

async function scene(t: TestContext) {
  const house = await House.build(t)
  house.shelf.next = policyOf(1, LIMITS)
  const running = await house.start()
  const granted = async (task: string) => {
    const { body } = await house.admin('POST', '/v1/grants', { order: onTheWire(house.order({ task })) })
    return { slot: 'bearer', token: String(body.token) } as const
  }
  return { house, ...running, granted, link: await house.connect() }
}

function said({ verdict }: Asked): string {
  return verdict.kind === 'refuse' ? `${verdict.code} ${verdict.rule}` : verdict.kind
}

async function budgets(house: House): Promise<readonly UsedBudget[]> {
  return (await house.admin('GET', '/v1/status')).body.budgets as unknown as readonly UsedBudget[]
}

describe('limits of the whole policy', () => {
  it('count what each task and each agent changes, whatever rule lets it pass, and no reads', async t => {
    const { house, link, granted } = await scene(t)
    const [one, two] = [await granted('a/b'), await granted('CS-2')]
    for (let i = 0; i < 4; i++)
      assert.equal(said(await house.ask(link, { presented: one })), 'forward', 'reads')
    const remind = async (presented: typeof one) =>
      said(await house.ask(link, { ...operation(REMIND), presented }))
    assert.deepEqual([await remind(one), await remind(one)], ['forward', 'forward'])
    assert.equal(await remind(one), 'over_limit limits.perTask')
    assert.equal(await remind(two), 'forward')
    // The smallest id of the limits that are exceeded: the agent has no more in any task.
    assert.equal(await remind(two), 'over_limit limits.perAgent')

    const used = (await budgets(house)).map(({ agent, task, rule, used, limit, unit, window_seconds }) => [
      agent,
      task,
      rule,
      used,
      limit,
      unit,
      window_seconds,
    ])
    assert.deepEqual(used.sort(), [
      ['coder', null, 'limits.perAgent', 3, 3, null, 86_400],
      ['coder', null, 'three-reminders', 3, 3, null, 3_600],
      ['coder', 'CS-2', 'limits.perTask', 1, 2, null, 3_600],
      ['coder', 'a/b', 'limits.perTask', 2, 2, null, 3_600],
    ])
  })

  it('are counted from the ledger after a restart, and forgotten when their windows have passed', async t => {
    const { house, link, granted, keeper } = await scene(t)
    const presented = await granted('CS-1')
    await house.ask(link, { ...operation(REMIND), presented })
    await link.close()
    await keeper.stop()
    await house.start()
    const after = await budgets(house)
    assert.equal(after.find(({ rule }) => rule === 'limits.perTask')?.used, 1)
    for (const { resets_ms, window_seconds } of after) {
      assert.ok(resets_ms > house.clock.nowMs())
      assert.ok(resets_ms <= house.clock.nowMs() + window_seconds * 1_000)
    }
    house.aheadMs = 86_401_000
    assert.deepEqual(await budgets(house), [])
  })

  it('are told to the agent as far as it has used them itself, itself included', async t => {
    const { house, link, granted } = await scene(t)
    const [one, two] = [await granted('CS-1'), await granted('CS-2')]
    const told = ({ verdict }: Asked) =>
      verdict.kind === 'stale' ? [] : verdict.budgets.map(({ rule, used, limit }) => [rule, used, limit])
    await house.ask(link, { ...operation(REMIND), presented: one })
    assert.deepEqual(told(await house.ask(link, { ...operation(REMIND), presented: two })), [
      ['three-reminders', 2, 3],
      ['limits.perAgent', 2, 3],
      ['limits.perTask', 1, 2],
    ])
    assert.deepEqual(told(await house.ask(link, { presented: two })), [], 'a read counts under none')
  })
})
