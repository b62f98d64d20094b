import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Ending, ExpiryAlarm } from '../../src/keeper/expiry-alarm.js'

const DAY = 86_400_000
const END = 1_800_000_000_000

function scene() {
  const said: string[] = []
  const say = (level: string) => (facts: object, sentence: string) =>
    said.push(`${level} ${sentence} ${(facts as { hours: number }).hours}`)
  const alarm = new ExpiryAlarm({ info: say('info'), warn: say('warn'), error: say('error') })
  const at = (
    leftMs: number,
    endings: readonly Ending[] = [{ what: 'policy', id: 'sha256:a', expiresMs: END }],
  ) => {
    said.length = 0
    alarm.look(endings, END - leftMs)
    return [...said]
  }
  return at
}

test('the log warns 14 days, 3 days and a day before, each once', () => {
  const at = scene()
  assert.deepEqual(at(15 * DAY), [])
  assert.deepEqual(at(14 * DAY), ['warn the policy expires within 14 days 336'])
  assert.deepEqual(at(10 * DAY), [])
  assert.deepEqual(at(3 * DAY), ['warn the policy expires within 3 days 72'])
  assert.deepEqual(at(DAY + 1), [])
  assert.deepEqual(at(DAY), ['error the policy expires within a day 24'])
  assert.deepEqual(at(1), [])
  assert.deepEqual(at(-1), [])
})

test('a start late warns of the nearest stage only', () => {
  assert.deepEqual(scene()(DAY / 2), ['error the policy expires within a day 12'])
})

test('another policy, and the enrolment, have stages of their own', () => {
  const at = scene()
  at(2 * DAY)
  assert.equal(at(2 * DAY, [{ what: 'policy', id: 'sha256:b', expiresMs: END }]).length, 1)
  assert.deepEqual(at(2 * DAY, [{ what: 'enrolment', id: 'enrolment', expiresMs: END }]), [
    'warn the enrolment expires within 3 days 48',
  ])
})
