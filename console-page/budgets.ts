import type { KeeperStatus } from '../src/cli/keeper-status.js'
import { element } from '../verifier/text.js'
import { byId, type Kept, keptList, say, timeText } from './dom.js'

type Used = KeeperStatus['budgets'][number]

/** The fullest that are shown; the keeper counts for every agent, task and limit. */
const ROWS = 50
const HOUR_SECONDS = 3_600

const show = keptList<Used>(
  byId('budgets'),
  ({ agent, task, rule }) => JSON.stringify([agent, task, rule]),
  row,
)

/** What agents and tasks have used of the policy's limits, as it is at this moment. */
export function showBudgets({ budgets }: KeeperStatus): void {
  byId('budgets-none').hidden = budgets.length > 0
  byId('budgets-scroll').hidden = budgets.length === 0
  show(budgets.slice(0, ROWS))
  say(byId('budgets-more'), budgets.length > ROWS ? `${budgets.length - ROWS} more are used less.` : '')
}

function row({ agent, task, rule }: Used): Kept<Used> {
  const root = element('tr')
  const used = element('td', 'number')
  const words = element('span')
  const meter = element('meter')
  used.append(words, ' ', meter)
  const window = element('td', 'number')
  const frees = element('td', 'number')
  root.append(
    element('td', '', agent),
    element('td', '', task ?? 'all its tasks'),
    element('td', '', rule),
    used,
    window,
    frees,
  )
  return {
    root,
    update: budget => {
      say(words, usedWords(budget))
      meter.max = budget.limit
      meter.high = budget.limit * 0.8
      meter.value = budget.used ?? budget.limit
      meter.setAttribute('aria-label', usedWords(budget))
      root.className = budget.used === null || budget.used >= budget.limit ? 'deny' : ''
      say(window, windowWords(budget.window_seconds))
      say(frees, timeText(budget.resets_ms))
    },
  }
}

function usedWords({ used, limit, unit }: Used): string {
  const of = `of ${limit}${unit === null ? '' : ` ${unit}`}`
  return used === null ? `not known, so all ${of}` : `${used} ${of}`
}

function windowWords(seconds: number): string {
  return seconds % HOUR_SECONDS === 0 ? `${seconds / HOUR_SECONDS} h` : `${seconds} s`
}
