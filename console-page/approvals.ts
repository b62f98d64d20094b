import type { ApprovalSummary, ShownApproval } from '../src/keeper/index.js'
import type { ApprovalVerdict, ApproverGroup } from '../src/policy/index.js'
import { element } from '../verifier/text.js'
import { approvalFacts, isConsistent, neededWords, stateWords } from './approval-facts.js'
import { button, byId, type Fact, facts, type Kept, keptList, plural, say } from './dom.js'
import { passkeysFor } from './passkeys.js'
import { get, Refused } from './session.js'
import { askToSign } from './signing.js'

export interface Waiting {
  readonly approval: ApprovalSummary
  readonly groups: readonly ApproverGroup[]
}

const VERDICTS: readonly (readonly [verdict: ApprovalVerdict, label: string, className: string])[] = [
  ['approve', 'Approve …', 'primary'],
  ['reject', 'Reject …', ''],
  ['withdraw', 'Withdraw …', ''],
]

const SOMEBODY_BETWEEN =
  'What the keeper shows of this doesn’t belong together. Sign nothing: somebody stands between you and the keeper.'

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

/** The list tells who asks for what; all that is bound, arguments with it, is fetched when somebody opens it or decides. */
function card({ approval: first }: Waiting): Kept<Waiting> {
  const root = element('article', 'card held')
  const title = element('h3', '', titleOf(first))
  title.id = `approval-${first.id}`
  root.setAttribute('aria-labelledby', title.id)
  const state = element('p', 'state')
  const needs = element('ul', 'plain')
  const rows = element('dl')
  rows.append(...facts(summaryFacts(first)))
  const all = element('details')
  const bound = element('dl')
  const fault = element('p', 'bad')
  fault.setAttribute('role', 'alert')
  all.append(
    element('summary', '', `All that is bound; its arguments are ${plural(first.argumentBytes, 'byte')}`),
    bound,
  )
  const actions = element('p', 'buttons')
  const advice = element('p', 'quiet')
  root.append(title, state, needs, rows, all, fault, actions, advice)
  let now: Waiting | null = null
  let contradicted = false

  /** ATTACK: whoever answers for the keeper shows one thing first, and has another signed. Looked at every time. */
  async function whole(): Promise<ShownApproval | null> {
    say(fault, '')
    try {
      const { approval } = await get<{ readonly approval: ShownApproval }>(`/api/approvals/${first.id}`)
      contradicted ||= !isConsistent(approval) || !isOf(approval, first)
      if (contradicted) say(state, SOMEBODY_BETWEEN, 'state bad')
      return contradicted ? null : approval
    } catch (error) {
      say(fault, error instanceof Refused ? error.words() : (error as Error).message)
      return null
    }
  }

  all.addEventListener('toggle', () => {
    if (all.open && bound.childElementCount === 0)
      void whole().then(approval => {
        if (approval !== null) bound.replaceChildren(...facts(approvalFacts(approval)))
      })
  })
  const buttons = VERDICTS.map(([verdict, label, className]) => {
    const made = button(label, className, () => {
      void whole().then(approval => {
        if (approval !== null && now !== null) askToSign(approval, verdict, now.groups)
      })
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
      contradicted ||= approval.digest !== first.digest || titleOf(approval) !== titleOf(first)
      say(
        state,
        contradicted ? SOMEBODY_BETWEEN : stateWords(approval, Date.now()),
        contradicted ? 'state bad' : 'state',
      )
      const words = neededWords(approval)
      if (needs.dataset.said !== words.join('\n')) {
        needs.dataset.said = words.join('\n')
        needs.replaceChildren(...words.map(line => element('li', '', line)))
      }
      let usable = 0
      for (const [verdict, made] of buttons) {
        const able = !contradicted && passkeysFor(approval, verdict, groups, location).length > 0
        made.hidden = !able
        if (able) usable++
      }
      say(
        advice,
        usable === 0
          ? `No passkey for ${location.origin} can sign this. With a key in a file: countersign approve ${approval.id} --key FILE`
          : `With a key in a file: countersign approve ${approval.id} --key FILE`,
      )
    },
  }
}

/** Whether the whole approval is the one that the list has shown. */
function isOf({ id, digest, statement }: ShownApproval, listed: ApprovalSummary): boolean {
  const { agent, environment, task, owner, api, operations } = statement
  return (
    id === listed.id &&
    statement.id === listed.id &&
    digest === listed.digest &&
    agent === listed.agent &&
    environment === listed.environment &&
    task === listed.task &&
    owner === listed.owner &&
    api === listed.api &&
    operations.length === listed.operationCount &&
    listed.operations.every((name, index) => operations[index]?.name.startsWith(name) === true)
  )
}

function summaryFacts(listed: ApprovalSummary): readonly Fact[] {
  const { agent, environment, task, owner, rule, because, resources, resourceCount } = listed
  const more = resourceCount - resources.length
  return [
    ...resources.map((resource): Fact => ['on', resource]),
    ...(more > 0 ? [['on', `${more} more`] as const] : []),
    ['agent', `${agent} in ${environment}`],
    ['task', task],
    ['acting for', owner],
    ['held by', `${rule ?? 'a limit'}${because === null ? '' : `: ${because}`}`],
  ]
}

function titleOf({ agent, operations, operationCount }: ApprovalSummary): string {
  const more = operationCount - operations.length
  return `${agent} asks for ${operations.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
