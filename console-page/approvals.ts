import type { ShownApproval } from '../src/keeper/index.js'
import type { ApprovalVerdict, ApproverGroup } from '../src/policy/index.js'
import { element } from '../verifier/text.js'
import { approvalFacts, isConsistent, neededWords, stateWords } from './approval-facts.js'
import { button, byId, facts, type Kept, keptList, say } from './dom.js'
import { passkeysFor } from './passkeys.js'
import { askToSign } from './signing.js'

export interface Waiting {
  readonly approval: ShownApproval
  readonly groups: readonly ApproverGroup[]
}

const VERDICTS: readonly (readonly [verdict: ApprovalVerdict, label: string, className: string])[] = [
  ['approve', 'Approve …', 'primary'],
  ['reject', 'Reject …', ''],
  ['withdraw', 'Withdraw …', ''],
]

const show = keptList<Waiting>(
  byId('waiting'),
  ({ approval }) => approval.id,
  card,
  () => byId('waiting-title').focus(),
)

export function showWaiting(waiting: readonly Waiting[]): void {
  byId('waiting-none').hidden = waiting.length > 0
  show(waiting)
}

function card({ approval: first }: Waiting): Kept<Waiting> {
  const root = element('article', 'card held')
  const title = element('h3', '', titleOf(first))
  title.id = `approval-${first.id}`
  root.setAttribute('aria-labelledby', title.id)
  const state = element('p', 'state')
  const needs = element('ul', 'plain')
  const rows = element('dl')
  rows.append(...facts(approvalFacts(first)))
  const actions = element('p', 'buttons')
  const advice = element('p', 'quiet')
  root.append(title, state, needs, rows, actions, advice)
  let now: Waiting | null = null
  const buttons = VERDICTS.map(([verdict, label, className]) => {
    const made = button(label, className, () => {
      if (now !== null) askToSign(now.approval, verdict, now.groups)
    })
    made.setAttribute('aria-describedby', title.id)
    actions.append(made, ' ')
    return [verdict, made] as const
  })
  return {
    root,
    update: waiting => {
      const { approval, groups } = waiting
      now = waiting
      // ATTACK: whoever answers for the keeper shows one thing first, and has another signed. Looked at every time.
      const holds = approval.digest === first.digest && isConsistent(first) && isConsistent(approval)
      say(
        state,
        holds
          ? stateWords(approval, Date.now())
          : 'What the keeper shows of this doesn’t belong together. Sign nothing: somebody stands between you and the keeper.',
        holds ? 'state' : 'state bad',
      )
      const words = neededWords(approval, groups)
      if (needs.dataset.said !== words.join('\n')) {
        needs.dataset.said = words.join('\n')
        needs.replaceChildren(...words.map(line => element('li', '', line)))
      }
      let usable = 0
      for (const [verdict, made] of buttons) {
        const able = holds && passkeysFor(approval, verdict, groups, location.hostname).length > 0
        made.hidden = !able
        if (able) usable++
      }
      say(
        advice,
        usable === 0
          ? `No passkey for ${location.hostname} can sign this. With a key in a file: countersign approve ${approval.id} --key FILE`
          : `With a key in a file: countersign approve ${approval.id} --key FILE`,
      )
    },
  }
}

function titleOf({ statement }: ShownApproval): string {
  const names = statement.operations.map(({ name }) => name).join(', ')
  return `${statement.agent} asks for ${names}`
}
