import type { Command } from 'commander'
import { diffPolicies, type OperationChange, openSurvey, type PolicyDiff } from '../../policy/index.js'
import { diffHeadline } from '../diff-headline.js'
import { visible } from '../entry-text.js'
import { AnswerNo, type Io, printJson, printLine } from '../io.js'
import { type ConsultedPolicy, consultPolicy } from '../policy-file.js'
import { group } from '../program-group.js'

export function registerPolicyDiff(program: Command, io: Io): void {
  group(program, 'policy', 'check, explain, seal and show policies')
    .command('diff')
    .summary('say what changes between two policies: who may do what that could not, and the other way round')
    .argument('<old>', 'a policy’s source, or a sealed policy')
    .argument('<new>', 'a policy’s source, or a sealed policy')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `
The first line says whether anything is wider and for whom; then comes each difference, the wider ones first. Exits with
1 where anything is wider than before, or can't be shown not to be; 0 otherwise.

Example:
  countersign policy diff policy.sealed.json policy.yaml
`,
    )
    .action((before: string, after: string, options: DiffFlags) => diff(before, after, options, io))
}

interface DiffFlags {
  readonly json?: boolean
}

function diff(before: string, after: string, options: DiffFlags, io: Io): void {
  const [old, next] = [consultPolicy(before), consultPolicy(after)]
  const found = diffPolicies(surveyOf(old), surveyOf(next))
  const ids = { old: old.active.cid, new: next.active.cid }
  if (options.json === true)
    printJson(io, { old: before, new: after, ids, headline: diffHeadline(found), ...found })
  // ATTACK: a condition or a scope of the policy under review moves the cursor, and overwrites what is wider.
  else for (const line of [...diffLines(found), ...idLines(ids)]) printLine(io, visible(line))
  if (found.widens) throw new AnswerNo()
}

function surveyOf({ payload, active }: ConsultedPolicy): ReturnType<typeof openSurvey> {
  return openSurvey(payload, active.apis)
}

/** ATTACK: what was compared is exchanged before it is signed: `policy sign` shows the id of what it would sign. */
function idLines(ids: { readonly old: string; readonly new: string }): readonly string[] {
  return [`old ${ids.old}`, `new ${ids.new}`]
}

const SIGNS = { widened: '+', narrowed: '-', changed: '~' } as const
/** How many operations of one kind of change are named in the text. */
const MOST_NAMED = 12

function diffLines(found: PolicyDiff): readonly string[] {
  const { operations, terms } = found
  const groups = new Map<string, OperationChange[]>()
  for (const change of operations) {
    const key = `${change.agent} ${change.api} ${headline(change)}`
    const others = groups.get(key)
    if (others === undefined) groups.set(key, [change])
    else others.push(change)
  }
  const sorted = [...groups.values()].sort((a, b) => order(a) - order(b))
  return [
    diffHeadline(found),
    ...sorted.flatMap(groupLines),
    ...terms.map(({ direction, what }) => `${SIGNS[direction]} ${what}`),
  ]
}

function order([first]: readonly OperationChange[]): number {
  return ['widened', 'changed', 'narrowed'].indexOf(first?.direction ?? 'narrowed')
}

function headline({ direction, from, to, raised, otherAccount }: OperationChange): string {
  const catalog =
    from.listed === to.listed ? '' : to.listed ? ', new in the catalog' : ', gone from the catalog'
  const classes =
    from.listed && to.listed && from.classes.join() !== to.classes.join()
      ? `, ${from.classes.join(' ')} → ${to.classes.join(' ')}`
      : ''
  const where = [
    ...(raised.length === 0 ? [] : [`where an argument raises ${raised.join(' and ')}`]),
    ...(otherAccount ? ['in another account'] : []),
  ]
  const verdict = from.verdict === to.verdict ? `${to.verdict}, otherwise` : `${from.verdict} → ${to.verdict}`
  return `${SIGNS[direction]} ${[verdict, ...where].join(' ')}${catalog}${classes}\n    was ${list(from.by)}\n    now ${list(to.by)}`
}

function list(by: readonly string[]): string {
  return by.length === 0 ? 'no rule' : by.join('; ')
}

function groupLines(changes: readonly OperationChange[]): readonly string[] {
  const [first] = changes as [OperationChange]
  const names = changes.slice(0, MOST_NAMED).map(each => each.operation)
  const more = changes.length - names.length
  const [head, ...rest] = headline(first).split('\n') as [string, ...string[]]
  return [
    `${head.slice(0, 1)} ${first.agent}, ${first.api}: ${head.slice(2)}`,
    `    ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`,
    ...rest,
  ]
}
