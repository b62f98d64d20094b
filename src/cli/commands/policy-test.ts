import { writeFileSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import { visible } from '../entry-text.js'
import { AnswerNo, type Io, printJson, printLine, UsageError } from '../io.js'
import { type Coverage, coverageOf, percent } from '../policy-test/coverage.js'
import { junitXml } from '../policy-test/junit.js'
import { readCases } from '../policy-test/read-cases.js'
import { type CaseResult, runCases } from '../policy-test/run-cases.js'
import { group } from '../program-group.js'

interface TestFlags {
  readonly policy?: string
  readonly minCoverage?: number
  readonly minDestructive?: number
  readonly junit?: string
  readonly json?: boolean
}

export function registerPolicyTest(program: Command, io: Io): void {
  group(program, 'policy', 'check, explain, seal and show policies')
    .command('test')
    .summary('hold a policy to cases: requests, and what must become of them')
    .argument('<path...>', 'files of cases, or folders that hold them, at any depth')
    .option('--policy <file>', 'the policy’s source, or a sealed policy; each file’s own unless told')
    .option('--min-coverage <percent>', 'fail where fewer of the rules are tested', wholePercent)
    .option(
      '--min-destructive <percent>',
      'fail where fewer of the destructive operations are shown to be denied or held',
      wholePercent,
    )
    .option('--junit <file>', 'write the results as JUnit XML')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `
A rule is tested where it had a say in a case that holds. Destructive operations are those of the catalogs that are
destructive or irreversible whatever their arguments; one counts as stopped where it would be denied or held alone, with
no limit used up. Exits with 1 where a case fails or too little is tested.

Example:
  countersign policy test cases/ --policy policy.yaml --min-coverage 100 --junit results.xml
`,
    )
    .action((paths: string[], options: TestFlags) => test(paths, options, io))
}

interface Tested {
  readonly policy: string
  readonly results: readonly CaseResult[]
  readonly coverage: Coverage
}

function test(paths: readonly string[], options: TestFlags, io: Io): void {
  const tested: readonly Tested[] = readCases(paths, options.policy, Date.now()).map(group => {
    const results = runCases(group)
    return { policy: group.policy, results, coverage: coverageOf(group.consulted, results) }
  })
  const results = tested.flatMap(each => each.results)
  const failed = results.filter(({ differences }) => differences.length > 0).length
  const short = tested.flatMap(each => shortfalls(each, options))
  if (options.junit !== undefined) write(options.junit, junitXml(results))
  if (options.json === true)
    printJson(io, {
      cases: results.length,
      failed,
      short,
      policies: tested.map(({ policy, results, coverage }) => ({
        policy,
        coverage,
        cases: results.map(shown),
      })),
    })
  else print(tested, failed, short, io)
  if (failed > 0 || short.length > 0) throw new AnswerNo()
}

function shown({ case: { file, line, name, expected }, outcome, differences }: CaseResult) {
  return { file, line, name, holds: differences.length === 0, expected, outcome, differences }
}

/** What was asked for and isn't met, a sentence each. */
function shortfalls({ policy, coverage }: Tested, options: TestFlags): readonly string[] {
  const { rules, destructive } = coverage
  const reached = percent(rules.tested.length, rules.tested.length + rules.untested.length)
  const stopped = percent(destructive.stopped.length, countOf(coverage))
  const short = (wanted: number | undefined, found: number, what: string): readonly string[] =>
    wanted !== undefined && found < wanted ? [`${policy}: ${found} % of ${what}, ${wanted} % wanted`] : []
  return [
    ...short(options.minCoverage, reached, 'the rules are tested'),
    ...short(options.minDestructive, stopped, 'the destructive operations are shown to be denied or held'),
  ]
}

function countOf({ destructive: { stopped, admitted, untested } }: Coverage): number {
  return stopped.length + admitted.length + untested.length
}

function print(tested: readonly Tested[], failed: number, short: readonly string[], io: Io): void {
  for (const { policy, results, coverage } of tested) {
    printLine(io, policy)
    for (const result of results) printCase(result, io)
    printCoverage(coverage, io)
  }
  const count = tested.reduce((sum, { results }) => sum + results.length, 0)
  printLine(io, `${count} case${count === 1 ? '' : 's'}, ${failed} failed`)
  for (const sentence of short) printLine(io, sentence)
}

function printCase({ case: each, outcome, differences }: CaseResult, io: Io): void {
  const became = [outcome.effect, outcome.rule ?? outcome.code].map(visible).join(' ')
  printLine(io, `  ${differences.length === 0 ? 'ok  ' : 'FAIL'}  ${visible(each.name)}: ${became}`)
  for (const difference of differences)
    printLine(io, `        ${each.file}:${each.line}: ${visible(difference)}`)
}

function printCoverage(coverage: Coverage, io: Io): void {
  const { rules, destructive } = coverage
  const all = rules.tested.length + rules.untested.length
  const missing = rules.untested.length === 0 ? '' : `; not tested: ${visible(rules.untested.join(', '))}`
  printLine(io, `  rules        ${rules.tested.length} of ${all} tested${missing}`)
  const passing =
    destructive.admitted.length === 0 ? '' : `; shown to pass: ${visible(destructive.admitted.join(', '))}`
  printLine(
    io,
    `  destructive  ${destructive.stopped.length} of ${countOf(coverage)} operations shown to be denied or held${passing}`,
  )
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch {
    throw new UsageError(`cannot write ${file}`, 'Pass --junit with a file in a folder that is there.')
  }
}

function wholePercent(text: string): number {
  if (!/^(100|[0-9]{1,2})$/.test(text)) throw new InvalidArgumentError('expected a whole number up to 100')
  return Number(text)
}
