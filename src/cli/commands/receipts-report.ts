import { type Command, InvalidArgumentError } from 'commander'
import { addCopyOptions, type CopyFlags } from '../copy-access.js'
import { AnswerNo, type Io, printJson, printLine } from '../io.js'
import {
  addJudgeOptions,
  configuredPolicies,
  decisionSources,
  type JudgeOptions,
  keySource,
  witnessesOf,
} from '../judge-options.js'
import { writeNewFile } from '../new-file.js'
import { group } from '../program-group.js'
import { addQuestionOptions, QUESTION_WORDS, type QuestionOptions, questionOf } from '../question-options.js'
import { openReceipts } from '../receipt-source.js'
import { utcTime } from '../replay/log-options.js'
import type { IncidentReport } from '../report/incident.js'
import type { NarratorOptions } from '../report/narrator.js'
import { reportHtml } from '../report/report-html.js'
import { judgedLines, reportLines } from '../report/report-text.js'
import { tellFromBundle, tellFromLog } from '../report/tell-incident.js'
import { addConfigOption } from '../session-options.js'
import { addArchiveOption } from '../source-options.js'
import { isBundleFile, judgeBundle } from './receipts-bundle.js'

interface ReportOptions extends JudgeOptions, QuestionOptions, CopyFlags {
  readonly at?: number
  readonly archive?: string
  readonly limit: number
  readonly html?: string
  readonly json?: true
}

export function registerReceiptsReport(program: Command, io: Io): void {
  const receipts = group(program, 'receipts', 'read, export and verify the evidence')
  const command = addCopyOptions(addConfigOption(receipts.command('report')))
    .summary('tell one incident: what was tried, what passed, under whose authority, what is still dangerous')
    .argument('[path]', 'ledger folder, dump, bundle or shipped copy; without it the running keeper is asked')
  addJudgeOptions(addArchiveOption(addQuestionOptions(command)))
    .option('--chain <chain>', 'which log of a place that holds several: its origin with epoch')
    .option('--at <time>', 'tell it as of then, and what was dangerous then; now by default', utcTime)
    .option('--limit <n>', 'most items of each list; how many more there are is said', limit, 200)
    .option('--html <file>', 'write one HTML file, which prints well and has no script')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `
${QUESTION_WORDS}
The evidence is verified first, all of it, and the verdict is the first thing that the report says.
Exit code 0: nothing was found; 1: something was, and the report only says what the evidence says; 2: it could not be tried.

Examples:
  countersign receipts report --agent coder --since 2027-01-13T12:00:00Z
  countersign receipts report evidence.jsonl --trust root.json --policies policy --resource 'volume:*' --html incident.html
  countersign receipts report incident.json --trust root.json --witnesses witnesses.txt --at 2027-01-13T13:00:00Z
`,
    )
    .action((path: string | undefined, options: ReportOptions) => report(path, options, io))
}

async function report(path: string | undefined, options: ReportOptions, io: Io): Promise<void> {
  const told = await tell(path, options, io)
  if (options.html !== undefined) await writeNewFile(options.html, reportHtml(told))
  if (options.json === true) printJson(io, told)
  else
    for (const line of options.html === undefined ? reportLines(told) : judgedLines(told)) printLine(io, line)
  if (options.html !== undefined && options.json !== true)
    printLine(io, `\nThe report is in ${options.html}.`)
  if (!told.verdict.sound) throw new AnswerNo()
}

async function tell(path: string | undefined, options: ReportOptions, io: Io): Promise<IncidentReport> {
  const narrated: NarratorOptions = {
    question: questionOf(options),
    at: options.at ?? null,
    nowMs: Date.now(),
    limit: options.limit,
  }
  if (path !== undefined && (await isBundleFile(path))) {
    const { bytes, found } = judgeBundle(path, options)
    return tellFromBundle(path, bytes, found, narrated)
  }
  const decisions = decisionSources(path, options)
  const folders = decisions.policies ?? (path === undefined ? configuredPolicies(options.config) : null)
  const request = {
    keys: keySource(path, options),
    decisions,
    witnesses: witnessesOf(path, options),
    checkpoints: options.checkpoint ?? [],
    kept: options.kept ?? [],
    signatures: true,
    jobs: options.jobs,
    json: false,
  }
  const source = await openReceipts(path, options.config, {
    copy: { flags: options, io },
    archive: options.archive,
  })
  return tellFromLog(source, request, folders ?? [], narrated, io)
}

function limit(text: string): number {
  const value = Number(text)
  if (!/^\d{1,6}$/.test(text) || value === 0) throw new InvalidArgumentError('expected 1 to 999999')
  return value
}
