import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { type Command, InvalidArgumentError } from 'commander'
import { parseStrictJson } from '../../canon/index.js'
import { type ActivePolicy, lintPolicy, policyJsonSchema } from '../../policy/index.js'
import { visible } from '../entry-text.js'
import {
  type CurlFlags,
  chooseAgent,
  type Explanation,
  explain,
  parseRequestLine,
  requestOfCurl,
} from '../explain.js'
import { AnswerNo, type Io, printJson, printLine, UsageError } from '../io.js'
import { type ConsultedPolicy, consultPolicy, describeFinding, readPolicyFile } from '../policy-file.js'
import { casesJsonSchema } from '../policy-test/case-schema.js'
import { group } from '../program-group.js'
import { repeatable } from '../repeatable.js'
import { utcTime } from '../replay/log-options.js'
import { type SupposedAnswers, unknownAnswer } from '../supposed-answers.js'

export function registerPolicy(program: Command, io: Io): void {
  const policy = group(program, 'policy', 'check, explain, seal and show policies')
  policy
    .command('lint')
    .summary('say what is wrong with a policy, or worth a second thought')
    .argument('<file>', 'the policy’s source')
    .option('--strict', 'warnings count as errors')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  countersign policy lint policy.yaml\n')
    .action((file: string, options: LintFlags) => lint(file, options, io))
  policy
    .command('schema')
    .summary('print the JSON Schema of a policy, for an editor')
    .option('--cases', 'of a file of cases instead')
    .addHelpText('after', '\nExample:\n  countersign policy schema > policy.v1.json\n')
    .action((options: { readonly cases?: boolean }) =>
      printJson(io, options.cases === true ? casesJsonSchema() : policyJsonSchema()),
    )
  policy
    .command('explain')
    .summary('say what would become of a request, and why')
    .argument('[url]', 'URL at the upstream or at the sidecar, or a path')
    .requiredOption('--policy <file>', 'the policy’s source, or a sealed policy')
    .option('--agent <id>', 'agent that asks; may be left out where there is only one')
    .option('--api <name>', 'API of the policy, where the URL does not say')
    .option(
      '--now <time>',
      'time at which it is asked, such as 2027-01-13T12:00:00Z; this moment unless told',
      utcTime,
    )
    .option('--requests <file>', 'one JSON request a line, - for standard input')
    .option(
      '--probe <name=facts>',
      'what the API answers to a probe, as JSON: volume={"environments":["e-1"]}; repeatable',
      repeatableAnswer,
    )
    .option('-X, --request <method>', 'as curl')
    .option('-H, --header <line>', 'as curl; repeatable', repeatable)
    .option('-d, --data <data>', 'as curl: text, or @file; repeatable', repeatable)
    .option('-G, --get', 'as curl')
    .option('-I, --head', 'as curl')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `
With --requests, each line is {"api":"stripe","method":"GET","target":"/v1/charges","headers":[["accept","*/*"]],"body":"…"},
or with "bodyBase64"; headers and body may be left out. A request to AWS is asked about by the URL of its endpoint.

Exits with 0 where the request passes and 1 where it does not; with --requests, 0 once all are answered.

Examples:
  countersign policy explain --policy policy.yaml --agent coder -X DELETE https://api.stripe.com/v1/customers/cus_1
  countersign policy explain --policy policy.yaml --requests calls.jsonl
`,
    )
    .action((url: string | undefined, options: ExplainFlags) => explainCommand(url, options, io))
}

interface LintFlags {
  readonly strict?: boolean
  readonly json?: boolean
}

interface ExplainFlags extends CurlFlags {
  readonly policy: string
  readonly agent?: string
  readonly api?: string
  readonly requests?: string
  /** Unix milliseconds. */
  readonly now?: number
  readonly probe?: SupposedAnswers
  readonly json?: boolean
}

function lint(file: string, options: LintFlags, io: Io): void {
  const read = readPolicyFile(file)
  const findings =
    read.kind === 'findings' ? read.findings : lintPolicy(read.source, { ...read.options, nowMs: Date.now() })
  const errors = findings.filter(each => each.severity === 'error').length
  const warnings = findings.length - errors
  if (options.json === true) printJson(io, { file, errors, warnings, findings })
  else {
    for (const finding of findings) printLine(io, describeFinding(file, finding))
    printLine(io, `${file}: ${counted(errors, 'error')}, ${counted(warnings, 'warning')}`)
    if (read.kind === 'findings')
      printLine(
        io,
        'These are all of its form. What its rules say is looked at once that is mended: lint it again.',
      )
  }
  if (errors > 0 || (options.strict === true && warnings > 0)) throw new AnswerNo()
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

async function explainCommand(url: string | undefined, options: ExplainFlags, io: Io): Promise<void> {
  if ((url === undefined) === (options.requests === undefined)) {
    throw new UsageError('one request, or many', 'Pass a URL with curl’s flags, or --requests FILE.')
  }
  const consulted = consultPolicy(options.policy)
  if (options.requests !== undefined) return explainMany(consulted, options.requests, options, io)
  const { active } = consulted
  const agent = chooseAgent(active, options.agent)
  const flags = { ...options, ...(options.data === undefined ? {} : { data: await readData(options.data) }) }
  const request = requestOfCurl(active, url ?? '', flags, options.api)
  const answer = explain(active, agent, request, options.now ?? Date.now(), answersOf(active, options))
  if (options.json === true) printJson(io, answer)
  else printExplanation(answer, consulted, options.policy, io)
  if ('refused' in answer || answer.decision.effect !== 'allow') throw new AnswerNo()
}

function answersOf(active: ActivePolicy, { probe = {} }: Pick<ExplainFlags, 'probe'>): SupposedAnswers {
  const unknown = unknownAnswer(active, probe)
  if (unknown === null) return probe
  throw new UsageError(
    `no API of the policy has ${unknown}`,
    'docs/policy.md lists the probes of each API and their facts.',
  )
}

/** `volume={"environments":["e-1"]}` */
function repeatableAnswer(text: string, before: SupposedAnswers = {}): SupposedAnswers {
  const equals = text.indexOf('=')
  try {
    const facts = parseStrictJson(text.slice(equals + 1))
    if (equals > 0 && typeof facts === 'object' && facts !== null && !Array.isArray(facts))
      return { ...before, [text.slice(0, equals)]: facts }
  } catch {
    // Said below.
  }
  throw new InvalidArgumentError('expected a probe and facts, such as volume={"environments":["e-1"]}')
}

function readData(data: readonly string[]): Promise<string[]> {
  return Promise.all(
    data.map(async each => {
      if (!each.startsWith('@')) return each
      try {
        // As curl does with -d @file.
        return (await readFile(each.slice(1), 'utf8')).replaceAll(/[\r\n]/g, '')
      } catch {
        throw new UsageError(`cannot read ${each.slice(1)}`, 'Pass -d @FILE with a file that is there.')
      }
    }),
  )
}

async function explainMany(
  { active }: ConsultedPolicy,
  file: string,
  options: Pick<ExplainFlags, 'agent' | 'now' | 'probe'>,
  io: Io,
): Promise<void> {
  const agent = chooseAgent(active, options.agent)
  const input = file === '-' ? io.stdin : createReadStream(file)
  const nowMs = options.now ?? Date.now()
  const answers = answersOf(active, options)
  let number = 0
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      number++
      if (line.trim() === '') continue
      const request = parseRequestLine(line)
      const answer: Explanation =
        request === null
          ? {
              refused: {
                code: 'request_line_malformed',
                detail: `line ${number} is no request: see countersign policy explain --help for the form`,
              },
            }
          : explain(active, agent, request, nowMs, answers)
      printLine(io, JSON.stringify(answer))
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error
    throw new UsageError(
      `cannot read ${file}`,
      'Pass --requests FILE with a file that is there, or - for standard input.',
    )
  }
}

function printExplanation(answer: Explanation, consulted: ConsultedPolicy, file: string, io: Io): void {
  // ATTACK: ids come from the request, which somebody may have been handed to ask about.
  const say = (line: string): void => printLine(io, visible(line))
  if ('refused' in answer) {
    say(`REFUSED ${answer.refused.code}: ${answer.refused.detail}`)
    return
  }
  for (const { name, classes, scope, resources } of answer.operations) {
    say(name)
    say(`  classes    ${classes.join(', ')}`)
    const members = Object.entries(scope).map(([member, value]) => `${member}=${value}`)
    if (members.length > 0) say(`  scope      ${members.join(', ')}`)
    if (resources.length > 0) {
      say(`  resources  ${resources.map(({ type, id }) => `${type} ${id}`).join(', ')}`)
    }
  }
  for (const { probe, type, id, status } of answer.asks ?? [])
    say(
      `asks first   ${probe} about ${type} ${id}: ${status === 'answered' ? 'as supposed' : 'unanswered here; see --probe'}`,
    )
  const { effect, code, rule, because, approvers } = answer.decision
  const line = rule === null ? null : consulted.lineOf(rule)
  const where = rule === null ? '' : ` by rule ${rule}${line === null ? '' : ` (${file}:${line})`}`
  say(`${effect.toUpperCase()} ${code}${where}`)
  if (because !== null) say(`  because    ${because}`)
  for (const reason of answer.leftOpen ?? []) say(`  left open  ${reason}`)
  if (answer.leftOpen !== undefined)
    say('             Have the request name it as the rule does, or narrow the rule by operations.')
  if (approvers.length > 0) say(`  approvers  ${approvers.join(', ')}`)
}
