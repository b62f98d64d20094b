import { fromBase64, type JsonValue, leavesOf, portableDigests } from '../src/canon/index.js'
import type { ShownApproval } from '../src/keeper/index.js'
import { argumentsCommitment, probesCommitment, statementDigest } from '../src/policy/index.js'
import { element, showText } from '../verifier/text.js'
import { type Fact, plural, timeText } from './dom.js'

/** A value longer than this is folded, and its length said: what matters must not scroll away. */
const MAX_VALUE = 2_000

/** Members of an approval that have rows of their own, or are for the page alone. Whatever else a keeper says is shown as it is. */
const TOLD: ReadonlySet<string> = new Set([
  ...[
    'id',
    'state',
    'statement',
    'digest',
    'args',
    'argumentBytes',
    'salt',
    'request',
    'rule',
    'because',
    'approvers',
  ],
  ...['signed', 'rejected', 'obstacle', 'thresholds', 'createdMs', 'expiresMs', 'keptMs'],
])

/** Whether digest and commitments are those of what is shown: what is signed is made here from what is read here. */
export function isConsistent({ statement, digest, args, probes, salt }: ShownApproval): boolean {
  const key = fromBase64(salt)
  const told = probes.length === 0 ? undefined : probesCommitment(portableDigests, key, probes)
  return (
    args.length === statement.operations.length &&
    digest === statementDigest(portableDigests, statement) &&
    statement.args_c === argumentsCommitment(portableDigests, key, args) &&
    statement.probes_c === told
  )
}

/** Everything that approvers have to see, in rows: what the statement binds, and the arguments that it commits to. */
export function approvalFacts(approval: ShownApproval): readonly Fact[] {
  const { statement, request, rule, because, args } = approval
  const more = Object.entries(approval).filter(
    ([name, value]) => !TOLD.has(name) && value !== null && !isEmptyList(value),
  )
  return [
    ['agent', statement.agent],
    ['environment', statement.environment],
    ['task', statement.task],
    ['acting for', statement.owner],
    ['held by', rule ?? 'a limit'],
    ...(because === null ? [] : [['because', because] as const]),
    ...neededWords(approval).map(words => ['needs', words] as const),
    ...statement.operations.flatMap((operation, index): readonly Fact[] => [
      ['operation', `${statement.api} ${operation.name}`, 'operation'],
      ['class', operation.classes.join(', ')],
      ...Object.entries(operation.scope).map(([name, value]) => ['scope', `${name} = ${value}`] as const),
      ...operation.resources.map(({ type, id }) => ['resource', `${type} ${id}`] as const),
      ...(operation.account === undefined ? [] : [['account', operation.account] as const]),
      ...argumentFacts(args[index] ?? null),
    ]),
    ['request', `${request.method} ${request.target}`, 'value'],
    ...more.map(([name, value]): Fact => [name, shownValue(JSON.stringify(value)), 'value']),
    ['policy', statement.policy, 'value'],
    ['approval', approval.id, 'value'],
    ['digest', approval.digest, 'value'],
    ['asked at', timeText(approval.createdMs)],
    ['until', timeText(approval.expiresMs)],
  ]
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

/** Each leaf has a row, so that none is hidden in the fold of another. */
function argumentFacts(args: JsonValue): readonly Fact[] {
  return [...leavesOf(args)].map(({ path, value }): Fact => {
    const cell = element('span')
    if (path !== '') {
      const label = element('span', 'name')
      showText(label, path)
      cell.append(label, ' = ')
    }
    cell.append(shownValue(JSON.stringify(value)))
    return ['argument', cell, 'value']
  })
}

function shownValue(text: string): Node {
  if (text.length <= MAX_VALUE) return element('span', '', text)
  const folded = element('details')
  folded.append(element('summary', '', `${text.length} characters`), element('span', '', text))
  return folded
}

const OBSTACLES: Readonly<Record<NonNullable<ShownApproval['obstacle']>, string>> = {
  superseded: 'Good for nothing: its policy was replaced, and the agent has to repeat its call.',
  unreachable:
    'Good for nothing: too few may approve it, since the one it acts for can’t and a revoked key doesn’t count.',
  stopped: 'Its agent or task is halted, or changes are frozen: nothing of it passes until that has ended.',
}

export function stateWords(
  { state, expiresMs, obstacle }: Pick<ShownApproval, 'state' | 'expiresMs' | 'obstacle'>,
  nowMs: number,
): string {
  const left = `${plural(Math.max(0, Math.ceil((expiresMs - nowMs) / 60_000)), 'minute')} left`
  const stands = state === 'approved' ? `Approved and not used yet, ${left}.` : `Waits, ${left}.`
  return obstacle === null ? stands : `${stands} ${OBSTACLES[obstacle]}`
}

/** Of each group that has to agree: who has, and how many are missing. */
export function neededWords({
  approvers,
  signed,
  thresholds,
}: Pick<ShownApproval, 'approvers' | 'signed' | 'thresholds'>): readonly string[] {
  return approvers.map(name => {
    const threshold = thresholds[name]
    const people = [...new Set(signed.filter(each => each.groups.includes(name)).map(({ by }) => by))]
    const who = people.length === 0 ? 'nobody yet' : people.join(', ')
    if (threshold === undefined) return `${name}: approved by ${who}`
    const missing = Math.max(0, threshold - people.length)
    return `${name}: ${people.length} of ${threshold} (${who}), ${missing === 0 ? 'none missing' : `${missing} missing`}`
  })
}
