import type { ActivePolicy } from '../../policy/index.js'
import type { Operation, OperationClass } from '../../protocol/index.js'
import type { Recorded, RecordedAttempt } from '../replay/recorded-attempts.js'
import { inClear, redecide, singly } from '../replay/redecide.js'

/** How often something was seen, for the comment beside the line that it led to. */
export interface Tally {
  readonly attempts: number
  readonly firstSeq: number
  readonly lastSeq: number
  /** Different tasks. */
  readonly tasks: number
}

/** One operation as one attempt asked for it. */
export interface Occurrence {
  readonly seq: number
  readonly task: string
  readonly scope: Operation['scope']
  readonly resources: Operation['resources']
}

/** Everything that one agent was seen to ask of one operation where no rule speaks of it. */
export interface Asked {
  readonly agent: string
  readonly api: string
  readonly name: string
  /** `passed`: it was admitted then; `denied`: nothing was executed; `above`: it does more than update. */
  readonly kind: 'passed' | 'denied' | 'above'
  readonly baseClasses: readonly OperationClass[]
  /** All classes that were seen, raised ones included; sorted. */
  readonly classes: readonly OperationClass[]
  readonly occurrences: readonly Occurrence[]
}

export interface LedgerEvidence {
  /** By agent, API, kind and name. */
  readonly asked: readonly Asked[]
  /** Attempts that a rule of the policy decides, by the rule's id. */
  readonly rules: ReadonlyMap<string, Tally>
  /** Of operations that the catalogs don't know. */
  readonly unknown: Tally | null
  /** Where only the arguments would tell whether a rule speaks of it. */
  readonly untold: Tally | null
  readonly all: Tally | null
  /** Attempts whose decision inputs were opened. */
  readonly opened: number
}

const SUGGESTED: readonly OperationClass[] = ['read', 'create', 'update']

/**
 * Collects what agents asked for: what a rule of `policy` decides is counted under the rule, what none reaches is kept
 * by operation. `policy` observes nobody, and `agents` are those that rules are wanted for.
 */
export async function collectEvidence(
  policy: ActivePolicy,
  log: AsyncIterable<Recorded>,
  agents: ReadonlySet<string>,
  sinceMs: number,
): Promise<LedgerEvidence> {
  const asked = new Map<string, OpenAsked>()
  const rules = new Map<string, OpenTally>()
  const [unknown, untold, all] = [new OpenTally(), new OpenTally(), new OpenTally()]
  let opened = 0
  for await (const attempt of log) {
    if (attempt.kind !== 'attempt' || attempt.entry.t < sinceMs) continue
    if (!policy.agents.has(attempt.entry.agent.id)) continue
    if (attempt.known.kind === 'inputs') opened++
    all.add(attempt)
    for (const single of singly(attempt)) {
      const found = redecide(policy, single, () => 0)
      if (found.kind === 'unknown') {
        if (!wasBeyondRules(attempt)) {
          untold.add(attempt)
          continue
        }
      } else if (found.decision.rule !== null) {
        tallyOf(rules, found.decision.rule).add(attempt)
        continue
      } else if (!NO_RULE.includes(found.decision.code)) continue
      if (!agents.has(attempt.entry.agent.id)) continue
      const operation = found.kind === 'decided' ? found.operations[0] : recordedOf(policy, single)
      if (operation === undefined || operation.classes.includes('unknown')) unknown.add(attempt)
      else keep(asked, attempt, operation)
    }
  }
  const sorted = [...asked.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each.closed())
  const closed = new Map([...rules].map(([id, tally]) => [id, tally.closed() as Tally]))
  return {
    asked: sorted,
    rules: closed,
    unknown: unknown.closed(),
    untold: untold.closed(),
    all: all.closed(),
    opened,
  }
}

const NO_RULE: readonly string[] = ['no_matching_rule', 'unknown_operation']

/**
 * A request of one operation that was observed: no rule had reached it, whatever its arguments were. ATTACK: names that are
 * too long for a receipt, whose scope and resources are not in it: a rule that is made of it would hold for all of them.
 */
function wasBeyondRules({ entry: { decision, ops } }: RecordedAttempt): boolean {
  return decision.code === 'observed' && ops.length === 1 && ops[0]?.more === undefined
}

/** With the classes that the catalog has by now as well: a receipt may know less. */
function recordedOf(policy: ActivePolicy, { entry }: RecordedAttempt): Operation | undefined {
  const [operation] = entry.ops
  const api = policy.apis.get(entry.req.api)
  return api === undefined || operation === undefined ? undefined : inClear(api, operation)
}

function keep(asked: Map<string, OpenAsked>, attempt: RecordedAttempt, operation: Operation): void {
  const { api, name, classes, scope } = operation
  const agent = attempt.entry.agent.id
  const kind = !classes.every(each => SUGGESTED.includes(each))
    ? 'above'
    : attempt.effect === 'allow'
      ? 'passed'
      : 'denied'
  // An allow for another account has to name it: such requests make a rule of their own.
  const key = [agent, api, kind, name, scope.account === undefined ? '' : 'account'].join('\0')
  const known = asked.get(key) ?? new OpenAsked(agent, api, name, kind, operation.baseClasses)
  asked.set(key, known)
  known.add(attempt, operation)
}

function tallyOf(tallies: Map<string, OpenTally>, key: string): OpenTally {
  const known = tallies.get(key) ?? new OpenTally()
  tallies.set(key, known)
  return known
}

class OpenTally {
  private readonly seqs = new Set<number>()
  private readonly tasks = new Set<string>()

  add({ entry }: RecordedAttempt): void {
    this.seqs.add(entry.seq)
    this.tasks.add(entry.agent.task)
  }

  closed(): Tally | null {
    return tally([...this.seqs], this.tasks.size)
  }
}

class OpenAsked {
  private readonly agent: string
  private readonly api: string
  private readonly name: string
  private readonly kind: Asked['kind']
  private readonly baseClasses: readonly OperationClass[]
  private readonly classes = new Set<OperationClass>()
  private readonly occurrences: Occurrence[] = []

  constructor(
    agent: string,
    api: string,
    name: string,
    kind: Asked['kind'],
    baseClasses: readonly OperationClass[],
  ) {
    this.agent = agent
    this.api = api
    this.name = name
    this.kind = kind
    this.baseClasses = baseClasses
  }

  add({ entry }: RecordedAttempt, { classes, scope, resources }: Operation): void {
    for (const each of classes) this.classes.add(each)
    this.occurrences.push({ seq: entry.seq, task: entry.agent.task, scope, resources })
  }

  closed(): Asked {
    const { agent, api, name, kind, baseClasses, occurrences } = this
    return { agent, api, name, kind, baseClasses, classes: [...this.classes].sort(), occurrences }
  }
}

/** Occurrences, counted by attempt. */
export function tallyOccurrences(occurrences: readonly Occurrence[]): Tally {
  const seqs = [...new Set(occurrences.map(({ seq }) => seq))]
  return tally(seqs, new Set(occurrences.map(({ task }) => task)).size) as Tally
}

function tally(seqs: readonly number[], tasks: number): Tally | null {
  if (seqs.length === 0) return null
  const [first, last] = [seqs.reduce((a, b) => Math.min(a, b)), seqs.reduce((a, b) => Math.max(a, b))]
  return { attempts: seqs.length, firstSeq: first, lastSeq: last, tasks }
}
