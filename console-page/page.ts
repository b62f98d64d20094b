import type { KeeperStatus } from '../src/cli/keeper-status.js'
import type { ApprovalSummary } from '../src/keeper/index.js'
import { type PolicyInForce, type ShownGrant, showAgents } from './agents.js'
import { showWaiting } from './approvals.js'
import { showBudgets } from './budgets.js'
import { followDecisions } from './decisions.js'
import { byId, plural, say } from './dom.js'
import { listenForFreezes } from './freezing.js'
import { showLedger } from './ledger.js'
import { offerRegistration } from './registration.js'
import { enter, get, Refused } from './session.js'
import { listenForSigning } from './signing.js'
import { listenForHalts, showStops } from './stops.js'

/** How often the page looks: while somebody reads it, and while it is behind others. */
const EVERY_MS = { visible: 1_000, hidden: 15_000 }

/** Ids that were announced already; null before the first look. */
let known: ReadonlySet<string> | null = null
let timer: ReturnType<typeof setTimeout> | undefined
let looking: Promise<void> = Promise.resolve()

async function start(): Promise<void> {
  try {
    await enter()
    const { keeper } = await get<{ readonly keeper: boolean }>('/api/self')
    offerRegistration()
    if (!keeper) return say(byId('connection'), 'Only passkeys are made here; no keeper is asked.')
  } catch (error) {
    return say(byId('connection'), wordsOf(error), 'bad')
  }
  listenForSigning(toldNow)
  listenForHalts(toldNow)
  listenForFreezes(toldNow)
  byId('console').hidden = false
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') lookNow()
  })
  lookNow()
}

function toldNow(news: string): void {
  say(byId('news'), news)
  lookNow()
}

function lookNow(): void {
  clearTimeout(timer)
  // One look after the other: they follow the ledger from where the one before has come to.
  looking = looking.then(look).then(() => {
    clearTimeout(timer)
    timer = setTimeout(lookNow, EVERY_MS[document.visibilityState])
  })
}

async function look(): Promise<void> {
  try {
    const [status, { policy }, { approvals }, { grants }] = await Promise.all([
      get<KeeperStatus>('/api/status'),
      get<{ readonly policy: PolicyInForce | null }>('/api/policy'),
      get<{ readonly approvals: readonly ApprovalSummary[] }>('/api/approvals'),
      get<{ readonly grants: readonly ShownGrant[] }>('/api/grants'),
    ])
    say(byId('sidecar'), status.chain)
    const groups = policy?.approvers ?? []
    showWaiting(approvals.map(approval => ({ approval, groups })))
    showStops(status.stops)
    showBudgets(status)
    showAgents(policy, grants, status)
    showLedger(status)
    await followDecisions(status.head.size)
    announce(approvals)
    say(byId('connection'), 'The keeper answers.', 'good')
  } catch (error) {
    say(byId('connection'), wordsOf(error), 'bad')
  }
}

/** Told once for each request that is new, so that nobody has to look all the time. */
function announce(approvals: readonly ApprovalSummary[]): void {
  const fresh = approvals.filter(({ id, state }) => state === 'requested' && known?.has(id) === false)
  known = new Set(approvals.map(({ id }) => id))
  const waiting = approvals.filter(({ state }) => state === 'requested').length
  document.title = waiting === 0 ? 'Countersign console' : `(${waiting}) Countersign console`
  if (fresh.length > 0)
    say(byId('news'), `${plural(fresh.length, 'new request')} for approval, ${waiting} in all.`)
}

function wordsOf(error: unknown): string {
  return error instanceof Refused ? error.words() : `The page has a fault: ${(error as Error).message}`
}

void start()
