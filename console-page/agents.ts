import type { KeeperStatus } from '../src/cli/keeper-status.js'
import type { ApproverGroup, RuleSummary } from '../src/policy/index.js'
import { element } from '../verifier/text.js'
import { button, byId, type Kept, keptList, plural, timeText } from './dom.js'
import { askToHalt } from './stops.js'

/** `GET /v1/policy` of the keeper's admin API, as much of it as is shown. */
export interface PolicyInForce {
  readonly agents: readonly {
    readonly id: string
    readonly environment: string
    readonly sessionSeconds: number
  }[]
  readonly rules: readonly RuleSummary[]
  readonly approvers: readonly ApproverGroup[]
}

export interface ShownGrant {
  readonly jti: string
  readonly agent: string
  readonly task: string
  readonly owner: string
  readonly expiresMs: number
  readonly revoked: boolean
}

interface ShownAgent {
  readonly id: string
  readonly environment: string
  readonly lines: readonly (readonly [text: string, className: string])[]
  readonly rules: readonly RuleSummary[]
  /** Of its grants in force. */
  readonly tasks: readonly string[]
}

const show = keptList<ShownAgent>(byId('agents'), ({ id }) => id, card)

export function showAgents(
  policy: PolicyInForce | null,
  grants: readonly ShownGrant[],
  status: KeeperStatus,
): void {
  show(
    (policy?.agents ?? []).map(({ id, environment }) => ({
      id,
      environment,
      lines: [...stopLines(id, status), ...grantLines(id, grants)],
      tasks: [...new Set(ownGrants(id, grants).map(({ task }) => task))],
      rules: (policy?.rules ?? []).filter(({ agents }) => agents === null || agents.includes(id)),
    })),
  )
}

function stopLines(id: string, { stops, policy }: KeeperStatus): ShownAgent['lines'] {
  const halted = stops.halts.filter(
    halt => halt.scope === 'all' || (halt.scope === 'agent' && halt.agent === id),
  )
  const observing = policy?.observing.find(({ agent }) => agent === id)
  return [
    ...halted.map(({ because }) => [`HALTED${because === null ? '' : `: ${because}`}`, 'bad'] as const),
    ...(stops.freeze === null ? [] : [['FROZEN: only plain reads pass', 'bad'] as const]),
    ...(observing === undefined
      ? []
      : [
          [
            `OBSERVING until ${timeText(observing.untilMs)}: what no rule reaches passes, up to update`,
            'half',
          ] as const,
        ]),
  ]
}

function ownGrants(id: string, grants: readonly ShownGrant[]): readonly ShownGrant[] {
  return grants.filter(grant => grant.agent === id && !grant.revoked)
}

function grantLines(id: string, grants: readonly ShownGrant[]): ShownAgent['lines'] {
  const own = ownGrants(id, grants)
  return [
    [`${plural(own.length, 'grant')} in force`, ''],
    ...own.map(
      ({ task, owner, expiresMs }) =>
        [`task “${task}” for “${owner}”, until ${timeText(expiresMs)}`, 'quiet'] as const,
    ),
  ]
}

function card(first: ShownAgent): Kept<ShownAgent> {
  const root = element('article', 'card')
  const title = element('h3', '', `${first.id} in ${first.environment}`)
  title.id = `agent-${first.id}`
  root.setAttribute('aria-labelledby', title.id)
  const lines = element('ul', 'plain')
  const rules = element('ul', 'plain rules')
  const folded = element('details')
  const summary = element('summary')
  folded.append(summary, rules)
  const halt = button(`Halt ${first.id} …`, 'danger', () => askToHalt({ scope: 'agent', agent: first.id }))
  const tasks = element('p', 'buttons')
  root.append(title, lines, folded, halt, tasks)
  const showTasks = keptList<string>(
    tasks,
    task => task,
    task => ({
      root: button(`Halt task “${task}” …`, 'danger', () => askToHalt({ scope: 'task', task })),
      update: () => undefined,
    }),
    () => halt.focus(),
  )
  let said = ''
  return {
    root,
    update: agent => {
      const saying = JSON.stringify(agent)
      if (saying === said) return
      said = saying
      showTasks(agent.tasks)
      lines.replaceChildren(...agent.lines.map(([text, className]) => element('li', className, text)))
      summary.replaceChildren(`${plural(agent.rules.length, 'rule')}; what none allows is denied`)
      rules.replaceChildren(...agent.rules.map(ruleItem))
    },
  }
}

function ruleItem({ id, effect, apis, words, approvers, because }: RuleSummary): HTMLElement {
  const item = element('li', effect)
  item.append(
    element('span', 'mark', effect.toUpperCase()),
    ' ',
    element('strong', '', id),
    ' ',
    element('span', '', `${apis.join(', ')}: ${words.join('; ')}`),
  )
  if (approvers.length > 0) item.append(element('span', '', `; approved by ${approvers.join(' and ')}`))
  if (because !== null) item.append(' ', element('span', 'quiet', because))
  return item
}
