import { writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { type MatrixVerdict, matrixOf, openSurvey, VERDICTS } from '../../policy/index.js'
import { chooseAgent } from '../explain.js'
import { type Io, printJson, printLine, UsageError } from '../io.js'
import { matrixHtml } from '../matrix-html.js'
import { matrixLines, summaryOf } from '../matrix-text.js'
import { consultPolicy } from '../policy-file.js'
import { group } from '../program-group.js'

export function registerPolicyMatrix(program: Command, io: Io): void {
  group(program, 'policy', 'check, explain, seal and show policies')
    .command('matrix')
    .summary('list every operation of every API, and what may become of it')
    .argument('<file>', 'the policy’s source, or a sealed policy')
    .option('--agent <id>', 'agent that asks; may be left out where there is only one')
    .option('--only <verdict>', 'admitted, held or denied')
    .option('--html <file>', 'write a page that can be filtered')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `
An operation counts as admitted where some request for it is; the conditions are listed beside it.

Examples:
  countersign policy matrix policy.yaml --agent coder --only admitted
  countersign policy matrix policy.yaml --agent coder --html matrix.html
`,
    )
    .action((file: string, options: MatrixFlags) => matrix(file, options, io))
}

interface MatrixFlags {
  readonly agent?: string
  readonly only?: string
  readonly html?: string
  readonly json?: boolean
}

function matrix(file: string, options: MatrixFlags, io: Io): void {
  const only = onlyOf(options.only)
  const { active, payload } = consultPolicy(file)
  const agent = chooseAgent(active, options.agent)
  const found = matrixOf(openSurvey(payload, active.apis), agent.id)
  const rows = only === null ? found.rows : found.rows.filter(row => row.verdict === only)
  if (options.html !== undefined) writePage(options.html, matrixHtml(active.name, found, rows))
  if (options.json === true) printJson(io, { policy: active.name, version: active.version, ...found, rows })
  else if (options.html === undefined) for (const line of matrixLines(found, rows)) printLine(io, line)
  else printLine(io, `${options.html}: ${rows.length} operations; ${summaryOf(found.totals)}`)
}

function onlyOf(written: string | undefined): MatrixVerdict | null {
  const verdict = VERDICTS.find(each => each === written)
  if (written !== undefined && verdict === undefined)
    throw new UsageError(
      `there is no verdict "${written}"`,
      `Pass --only with one of: ${VERDICTS.join(', ')}.`,
    )
  return verdict ?? null
}

function writePage(file: string, page: string): void {
  try {
    writeFileSync(file, page)
  } catch {
    throw new UsageError(`cannot write ${file}`, 'Pass --html with a file in a folder that is there.')
  }
}
