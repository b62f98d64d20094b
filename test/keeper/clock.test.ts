import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Asked, entriesOf, House } from './keeper-fixture.js'

const HOUR_MS = 3_600_000

function codeOf({ verdict }: Asked): string {
  return verdict.kind === 'refuse' ? verdict.code : verdict.kind
}

test('attack: a clock that is set back denies everything until it has caught up, across a restart too', async t => {
  const house = await House.build(t)
  const { keeper } = await house.start()
  const client = await house.connect()
  assert.equal(codeOf(await house.ask(client)), 'forward')
  house.aheadMs = -HOUR_MS
  house.forgetTokens()
  assert.equal(codeOf(await house.ask(client)), 'clock_behind')
  await keeper.stop()
  const again = await house.start()
  await client.whenConnected()
  assert.equal(codeOf(await house.ask(client)), 'clock_behind')
  house.aheadMs = 0
  house.forgetTokens()
  // What was written meanwhile has the time of the newest entry, so the clock has not to catch up with anything else.
  assert.equal(codeOf(await house.ask(client)), 'forward')
  const times = (await entriesOf(again.ledger)).map(({ t: ms }) => ms)
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
    'time never runs backwards in the log',
  )
})
