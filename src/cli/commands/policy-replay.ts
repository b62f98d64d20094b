import type { Command } from 'commander'
import { word } from '../entry-text.js'
import { AnswerNo, type Io, printJson, printLine } from '../io.js'
import { consultPolicy } from '../policy-file.js'
import { group } from '../program-group.js'
import { addLogOptions, type LogOptions, readLog, refuseWrongKey } from '../replay/log-options.js'
import { type Difference, type ReplayReport, replay } from '../replay/replay.js'

export function registerPolicyReplay(program: Command, io: Io): void {
  addLogOptions(group(program, 'policy', 'check, explain, seal and show policies').command('replay'))
    .summary('say what a policy would have decided for the recorded attempts')
    .argument('<policy>', 'the new policy’s source, or a sealed policy')
    .addHelpText(
      'after',
      `
With --auditor-key the operations are described anew from their recorded arguments. Without it the receipts have to do:
where a condition, a summed limit or the grant's own narrowing decides, the answer is "can't tell". Limits are counted anew,
in the order of the log. Exits with 1 where the effect of any decision differs, or can't be told.

Examples:
  countersign policy replay --ledger ledger --auditor-key private.jwk next.yaml
  countersign policy replay --config countersign.yaml --agent coder --since 2027-01-13T12:00:00Z next.yaml
`,
    )
    .action(async (file: string, options: LogOptions) => {
      const { active } = consultPolicy(file)
      const bounds = { agent: options.agent ?? null, sinceMs: options.since ?? 0 }
      const report = await readLog(options, io, log => replay(active, log, bounds))
      refuseWrongKey(options, report.attempts, report.opened)
      if (options.json === true)
        printJson(io, { policy: { file, id: active.cid, version: active.version }, ...shown(report) })
      else print(report, io)
      if (report.differences.length + report.unknown.length > 0) throw new AnswerNo()
    })
}

function shown({ attempts, same, differences, unknown, undecided, observed }: ReplayReport) {
  return {
    attempts,
    same,
    differs: differences.length,
    unknown: unknown.length,
    undecided,
    observed,
    differences,
    untold: unknown,
  }
}

function print(report: ReplayReport, io: Io): void {
  const { attempts, same, differences, unknown, undecided, observed } = report
  const effects = groupedBy(differences, each => `${each.recorded.effect} → ${each.now.effect}`)
  for (const [change, differing] of effects) {
    printLine(io, `${change}: ${counted(differing.length)}`)
    for (const [what, same] of groupedBy(differing, describe))
      printLine(io, `  ${what}; ${receipts(same.map(({ seq }) => seq))}`)
  }
  for (const [why, untold] of groupedBy(unknown, each => each.why)) {
    printLine(io, `can’t tell: ${counted(untold.length)}, ${why}`)
    printLine(io, `  ${receipts(untold.map(({ seq }) => seq))}`)
  }
  printLine(
    io,
    `${counted(attempts)}: ${same} decided alike, ${differences.length} otherwise, ${unknown.length} can’t be told`,
  )
  if (undecided > 0) printLine(io, `${undecided} more had been refused without asking a rule`)
  const { byRule, stillObserved, stopped } = observed
  if (byRule + stillObserved + stopped > 0)
    printLine(
      io,
      `of those that passed only by observing, ${byRule} would pass by a rule, ${stillObserved} by observing again, ${stopped} not`,
    )
}

function describe({ agent, api, operations, recorded, now }: Difference): string {
  const what = operations.map(word).join(', ')
  const [before, after] = [recorded, now].map(({ rule, code }) => word(rule ?? code))
  return `${word(agent)} ${word(api)} ${what}: ${before} → ${after}`
}

const MAX_RECEIPTS = 8

function receipts(seqs: readonly number[]): string {
  const listed = seqs.slice(0, MAX_RECEIPTS).join(', ')
  return `receipt${seqs.length === 1 ? '' : 's'} ${listed}${seqs.length > MAX_RECEIPTS ? ', …' : ''}`
}

function counted(count: number): string {
  return `${count} attempt${count === 1 ? '' : 's'}`
}

function groupedBy<T>(values: readonly T[], keyOf: (value: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>()
  for (const value of values) {
    const key = keyOf(value)
    const known = groups.get(key)
    if (known === undefined) groups.set(key, [value])
    else known.push(value)
  }
  return groups
}
