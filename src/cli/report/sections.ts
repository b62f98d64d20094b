import { quoted } from '../../receipt/index.js'
import { timeWords } from '../entry-text.js'
import type { AttemptStep, ControlStep, IncidentReport, Listed, Step } from './incident.js'
import {
  approvalFacts,
  attemptFacts,
  counted,
  credentialFacts,
  EFFECT_WORDS,
  type Fact,
  grantFacts,
  outcomeWords,
  policyFacts,
  probeWords,
  questionFacts,
  stopFacts,
} from './report-words.js'

/** A part of the report, the same for paper and terminal. */
export interface Section {
  readonly title: string
  readonly blocks: readonly Block[]
}

export type Block =
  | { readonly kind: 'line'; readonly tone: Tone; readonly text: string }
  | {
      readonly kind: 'table'
      readonly head: readonly string[]
      readonly rows: readonly (readonly string[])[]
    }
  /** `brief` is for where there is one line for it. */
  | {
      readonly kind: 'card'
      readonly tone: Tone
      readonly head: string
      readonly facts: readonly Fact[]
      readonly brief: readonly string[] | null
    }

export type Tone = 'plain' | 'passed' | 'held' | 'refused' | 'loud'

/** Everything behind the verdict, in the order in which somebody asks. */
export function sectionsOf(report: IncidentReport): readonly Section[] {
  return [
    { title: 'What was asked', blocks: askedBlocks(report) },
    { title: 'What was tried', blocks: triedBlocks(report) },
    { title: 'What passed and is more than reading, creating and updating', blocks: passedBlocks(report) },
    { title: 'Under whose authority', blocks: authorityBlocks(report) },
    { title: 'Approvals', blocks: approvalBlocks(report) },
    { title: `What is still dangerous at ${timeWords(report.at)}`, blocks: stillBlocks(report) },
    { title: 'What happened, in order', blocks: timelineBlocks(report) },
  ]
}

/** What is to be said of the whole before anything is read. */
export function warningOf({ verdict }: IncidentReport): string | null {
  if (!verdict.sound)
    return 'Something was found wrong, so nothing below is shown to be true: it is what the evidence says.'
  return verdict.pinned
    ? null
    : 'No key came from outside of the evidence: whoever made it could have made up everything below.'
}

function askedBlocks({ source, chain, question, at }: IncidentReport): readonly Block[] {
  const facts = questionFacts(question)
  return [
    card('plain', 'The question', [
      ['read from', source],
      ['log', chain ?? 'unknown'],
      ...(facts.length === 0 ? [['asked', 'everything that is here'] as const] : facts),
      ['as of', timeWords(at)],
    ]),
  ]
}

function triedBlocks({ summary, classes, decided }: IncidentReport): readonly Block[] {
  const { attempts, admitted, held, refused, firstT, lastT, uncertain, suppressed } = summary
  if (attempts === 0 || firstT === null || lastT === null)
    return [line('loud', 'No attempt fits what was asked.'), ...suppressedBlocks(suppressed)]
  const span = `${timeWords(firstT)} to ${timeWords(lastT)}`
  return [
    line(
      'plain',
      `${counted(attempts, 'attempt')}, ${span}: ${admitted} admitted, ${held} held, ${refused} refused.`,
    ),
    ...(uncertain === 0
      ? []
      : [
          line(
            'loud',
            `${uncertain} of them list only the beginning of their resources, and are in for that.`,
          ),
        ]),
    ...suppressedBlocks(suppressed),
    ...(classes.length === 0
      ? []
      : [
          table(
            ['class', 'admitted', 'held', 'refused'],
            classes.map(each => [each.class, `${each.admitted}`, `${each.held}`, `${each.refused}`]),
          ),
        ]),
    ...(decided.length === 0
      ? []
      : [
          table(
            ['refused or held by', 'code', 'times', 'entries', 'because'],
            decided.map(({ effect, rule, code, count, firstSeq, lastSeq, because }) => [
              `${effect === 'hold' ? 'held' : 'refused'} by ${rule === null ? 'no rule' : quoted(rule)}`,
              quoted(code),
              `${count}`,
              firstSeq === lastSeq ? `${firstSeq}` : `${firstSeq} to ${lastSeq}`,
              because ?? '',
            ]),
          ),
        ]),
  ]
}

function suppressedBlocks(suppressed: number): readonly Block[] {
  return suppressed === 0
    ? []
    : [
        line(
          'plain',
          `${counted(suppressed, 'refusal')} of requests without a valid grant in that time were counted and not written one by one.`,
        ),
      ]
}

function passedBlocks({ passed }: IncidentReport): readonly Block[] {
  return listBlocks(passed, stepCard, 'Nothing of that kind was admitted.')
}

function authorityBlocks({ authority, summary }: IncidentReport): readonly Block[] {
  if (summary.attempts === 0) return [line('plain', 'There is no attempt that would need one.')]
  return [
    ...authority.policies.map(each => card('plain', `Policy version ${each.version}`, policyFacts(each))),
    ...listBlocks(
      authority.grants,
      each => card('plain', `Grant ${quoted(each.jti)}`, grantFacts(each)),
      'No grant is cited: these requests had none that is valid.',
    ),
  ]
}

function approvalBlocks({ approvals }: IncidentReport): readonly Block[] {
  return listBlocks(
    approvals,
    each => card('held', `Approval ${quoted(each.id)}, ${each.states.at(-1)?.state}`, approvalFacts(each)),
    'Nobody was asked for one.',
  )
}

function stillBlocks({ still }: IncidentReport): readonly Block[] {
  return [
    ...stillPart('Credentials that still work at the upstream', still.credentials, each =>
      card('loud', `Credential ${quoted(each.credential)}`, credentialFacts(each)),
    ),
    ...stillPart('Grants that can still be used', still.grants, each =>
      card('loud', `Grant ${quoted(each.jti)}`, grantFacts(each)),
    ),
    ...stillPart('Approvals that can still be given or used', still.approvals, each =>
      card('loud', `Approval ${quoted(each.id)}`, approvalFacts(each)),
    ),
    ...stillPart('Admitted attempts without an outcome', still.open, stepCard),
    ...stillPart(
      'Admitted attempts of which nobody knows what became of them',
      still.indeterminate,
      stepCard,
    ),
    line(
      'plain',
      `Halts and freezes in force: ${still.stops.length === 0 ? 'NONE.' : `${still.stops.length}.`}`,
    ),
    ...still.stops.map(each => card('held', 'In force', stopFacts(each))),
  ]
}

function stillPart<T>(what: string, { shown, more }: Listed<T>, show: (item: T) => Block): readonly Block[] {
  const count = shown.length + more
  const said = line(count === 0 ? 'plain' : 'loud', `${what}: ${count === 0 ? 'none' : count}.`)
  return [said, ...shown.map(show), ...moreBlocks(more)]
}

function timelineBlocks({ timeline }: IncidentReport): readonly Block[] {
  return listBlocks(timeline, stepCard, 'Nothing is told.')
}

function stepCard(step: Step): Block {
  return step.type === 'attempt' ? attemptCard(step) : controlCard(step)
}

const TONES = { allow: 'passed', hold: 'held', deny: 'refused' } as const

function attemptCard(step: AttemptStep): Block {
  const { seq, t, agent, decision, operations, because } = step
  const effect = EFFECT_WORDS[decision.effect]
  const head = `${timeWords(t)}  entry ${seq}  ${effect.padEnd(8)}`
  const what = operations.map(operationBrief).join(' and ') || 'a request that was not classified'
  const who = agent.id === '' ? 'somebody without a grant' : quoted(agent.id)
  const by =
    decision.rule === null ? quoted(decision.code) : `${quoted(decision.rule)} (${quoted(decision.code)})`
  return {
    kind: 'card',
    tone: TONES[decision.effect],
    head,
    facts: attemptFacts(step),
    brief: [
      `${who}: ${what}, by ${by}`,
      ...(because === null ? [] : [`because ${quoted(because)}`]),
      ...step.probes.map(each => `asked first ${probeWords(each)}`),
      ...(decision.effect === 'allow' ? [`outcome ${outcomeWords(step)}`] : []),
    ],
  }
}

const MAX_BRIEF = 3

function operationBrief({ name, classes, resources, more }: AttemptStep['operations'][number]): string {
  const listed = resources.slice(0, MAX_BRIEF).map(({ type, id }) => `${quoted(type)} ${quoted(id)}`)
  const left = resources.length - listed.length + (more?.count ?? 0)
  const on = [...listed, ...(left > 0 ? [`${left} more`] : [])].join(', ')
  return `${quoted(name)} [${classes.join(' ')}]${on === '' ? '' : ` on ${on}`}`
}

function controlCard({ type, seq, t, action, facts }: ControlStep): Block {
  const told = facts.map(([label, text]) => `${label} ${quoted(text)}`).join(', ')
  return {
    kind: 'card',
    tone: type === 'halt' || type === 'freeze' ? 'held' : 'plain',
    head: `${timeWords(t)}  entry ${seq}  ${[type, action].filter(part => part !== null).join(' ')}`,
    facts,
    brief: told === '' ? [] : [told],
  }
}

function listBlocks<T>({ shown, more }: Listed<T>, show: (item: T) => Block, none: string): readonly Block[] {
  if (shown.length === 0 && more === 0) return [line('plain', none)]
  return [...shown.map(show), ...moreBlocks(more)]
}

function moreBlocks(more: number): readonly Block[] {
  return more === 0
    ? []
    : [line('loud', `${more} MORE ARE NOT SHOWN HERE: ask for less (--since, --until, …), or raise --limit.`)]
}

function card(tone: Tone, head: string, facts: readonly Fact[]): Block {
  return { kind: 'card', tone, head, facts, brief: null }
}

function line(tone: Tone, text: string): Block {
  return { kind: 'line', tone, text }
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): Block {
  return { kind: 'table', head, rows }
}
