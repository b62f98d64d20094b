import { type Command, InvalidArgumentError } from 'commander'
import { OPERATION_CLASSES, type OperationClass } from '../protocol/index.js'
import type { Question } from './question.js'
import { repeatable } from './repeatable.js'
import { utcTime } from './replay/log-options.js'

/** Options of the commands that ask for some of the attempts. */
export interface QuestionOptions {
  readonly agent?: readonly string[]
  readonly task?: readonly string[]
  readonly api?: readonly string[]
  readonly operation?: readonly string[]
  readonly class?: readonly OperationClass[]
  readonly resource?: readonly string[]
  readonly scope?: readonly (readonly [string, string])[]
  readonly effect?: readonly Effect[]
  readonly rule?: readonly string[]
  readonly seq?: readonly (readonly [number, number])[]
  readonly since?: number
  readonly until?: number
}

type Effect = Question['effects'][number]
const EFFECTS: readonly Effect[] = ['allow', 'hold', 'deny']

export function addQuestionOptions(command: Command): Command {
  return command
    .option('--agent <id>', 'attempts of this agent', repeatable)
    .option('--task <task>', 'attempts for this task', repeatable)
    .option('--api <api>', 'attempts on this API', repeatable)
    .option('--operation <name>', 'attempts at this operation, such as volume*Delete*', repeatable)
    .option('--class <class>', `operations of this class: ${OPERATION_CLASSES.join(', ')}`, repeatableClass)
    .option('--resource <id>', 'operations on this resource: its id, or type:id', repeatable)
    .option(
      '--scope <member=value>',
      'operations in this scope, such as environment=production',
      repeatableScope,
    )
    .option('--effect <effect>', 'attempts that were decided so: allow, hold or deny', repeatableEffect)
    .option('--rule <id>', 'attempts that this rule, or code, decided', repeatable)
    .option('--seq <number>', 'these entries: 4182, or 4100-4200', repeatableRange)
    .option('--since <time>', 'attempts from then on, such as 2027-01-13T12:00:00Z', utcTime)
    .option('--until <time>', 'attempts up to then', utcTime)
}

/** What the help of such a command says about these options. */
export const QUESTION_WORDS = `Every option but the times may be given several times, and then one of its values has to fit; of different options all have
to. * stands for any run of letters. Operation, class, resource and scope have to fit the same operation of a request.`

export function questionOf(options: QuestionOptions): Question {
  return {
    agents: options.agent ?? [],
    tasks: options.task ?? [],
    apis: options.api ?? [],
    operations: options.operation ?? [],
    classes: options.class ?? [],
    resources: options.resource ?? [],
    scopes: options.scope ?? [],
    effects: options.effect ?? [],
    rules: options.rule ?? [],
    seqs: options.seq ?? [],
    sinceMs: options.since ?? null,
    untilMs: options.until ?? null,
  }
}

/** Numbers of entries as an option takes them, several times: one, or from and to. */
export function repeatableRange(
  text: string,
  before: readonly (readonly [number, number])[] = [],
): readonly (readonly [number, number])[] {
  const [, first = '', last = first] = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(text) ?? []
  const [from, to] = [Number(first), Number(last)]
  if (first === '' || from > to)
    throw new InvalidArgumentError('expected a number such as 4182, or 4100-4200')
  return [...before, [from, to]]
}

function repeatableScope(
  text: string,
  before: readonly (readonly [string, string])[] = [],
): readonly (readonly [string, string])[] {
  const [, member, value] = /^([^=]+)=(.+)$/s.exec(text) ?? []
  if (member === undefined || value === undefined)
    throw new InvalidArgumentError('expected a member and its value, such as environment=production')
  return [...before, [member, value]]
}

function repeatableClass(text: string, before: readonly OperationClass[] = []): readonly OperationClass[] {
  return [...before, oneOf(text, OPERATION_CLASSES)]
}

function repeatableEffect(text: string, before: readonly Effect[] = []): readonly Effect[] {
  return [...before, oneOf(text, EFFECTS)]
}

function oneOf<T extends string>(text: string, words: readonly T[]): T {
  const word = words.find(each => each === text)
  if (word === undefined) throw new InvalidArgumentError(`expected one of ${words.join(', ')}`)
  return word
}
