import type { KeeperStatus } from '../src/cli/keeper-status.js'
import { byId, type Fact, facts, plural, timeText } from './dom.js'

let said = ''

export function showLedger(status: KeeperStatus): void {
  const rows = ledgerFacts(status)
  if (said === JSON.stringify(rows)) return
  said = JSON.stringify(rows)
  byId('ledger').replaceChildren(...facts(rows))
}

function ledgerFacts(status: KeeperStatus): readonly Fact[] {
  const { policy, refusedUpdate, head, chain } = status
  return [
    policy === null
      ? ['policy', 'none is in force: every request is refused', 'bad']
      : ['policy', `${policy.name}, version ${policy.version}, until ${timeText(policy.expiresMs)}`],
    ...(refusedUpdate === null
      ? []
      : [['refused', `${refusedUpdate.code}: ${refusedUpdate.message}`, 'bad'] as const]),
    ['log', chain],
    ['head', `${plural(head.size, 'entry').replace('entrys', 'entries')}, the newest at ${timeText(head.t)}`],
    ['root', head.root, 'value'],
    ...fullCheckFacts(status),
    ...shippingFacts(status),
    ...witnessFacts(status),
    ['enrolled until', timeText(status.enrolmentExpiresMs)],
    status.gates === 0
      ? ['gates', 'none is connected: agents get no answer', 'bad']
      : [
          'gates',
          `${plural(status.gates, 'gate')} connected, ${plural(status.openAttempts, 'attempt')} open`,
        ],
    ['running since', timeText(status.startedMs)],
  ]
}

function fullCheckFacts({ fullCheck }: KeeperStatus): readonly Fact[] {
  if (fullCheck === null) return []
  const { state, size, entries, problem, last } = fullCheck
  const now = {
    waiting: `begins soon: ${size} entries`,
    reading: `${entries} of ${size} entries read`,
    sound: `all ${size} entries that this start found hold`,
    unsound: `NOT sound: ${problem}`,
    unfinished: `NOT finished: ${problem}`,
  }[state]
  const before =
    last === null || state === 'sound'
      ? ''
      : `; the last one: ${last.size} entries at ${timeText(last.t)}, ${last.sound ? 'sound' : 'NOT sound'}`
  return [['full check', `${now}${before}`, state === 'unsound' || state === 'unfinished' ? 'bad' : '']]
}

function shippingFacts({ shipping }: KeeperStatus): readonly Fact[] {
  if (shipping.length === 0) return [['shipping', 'nowhere: the only copy is the keeper’s', 'half']]
  return shipping.map(({ name, shipped, lag, failing }): Fact => {
    const behind =
      lag.entries === 0 ? 'nothing behind' : `${lag.entries} behind, the oldest ${lag.seconds} s old`
    const fault = failing === null ? '' : `; failing since ${timeText(failing.sinceMs)}: ${failing.message}`
    return ['shipping', `${name}: ${shipped} shipped, ${behind}${fault}`, failing === null ? '' : 'bad']
  })
}

function witnessFacts({ witnesses }: KeeperStatus): readonly Fact[] {
  if (witnesses === null) return [['witnesses', 'none is asked', 'half']]
  const { witnessed, lag } = witnesses
  return [
    witnessed === null
      ? ['witnessed', 'nothing yet: no quorum has cosigned', 'half']
      : ['witnessed', `${witnessed} entries, ${lag?.entries ?? 0} behind`],
    ...witnesses.witnesses.map(({ name, cosigned, failing }): Fact => {
      const fault = failing === null ? '' : `; failing since ${timeText(failing.sinceMs)}: ${failing.message}`
      return ['witness', `${name}: ${cosigned ?? 'nothing'} cosigned${fault}`, failing === null ? '' : 'bad']
    }),
  ]
}
