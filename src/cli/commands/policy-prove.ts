import type { Command } from 'commander'
import { AnswerNo, type Io, printJson, printLine } from '../io.js'
import { neverLines, proveNever } from '../never-report.js'
import { consultPolicy } from '../policy-file.js'
import { group } from '../program-group.js'

export function registerPolicyProve(program: Command, io: Io): void {
  group(program, 'policy', 'check, explain, seal and show policies')
    .command('prove')
    .summary('prove what the policy’s `never` statements say, or show a request that breaks one')
    .argument('<file>', 'the policy’s source, or a sealed policy')
    .option('--never <file>', 'further statements, beside the policy’s own')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `
Exits with 1 where a statement is broken. \`policy seal\` asks the same and refuses to sign then.

Examples:
  countersign policy prove policy.yaml
  countersign policy prove policy.yaml --never company-wide.yaml
`,
    )
    .action((file: string, options: ProveFlags) => prove(file, options, io))
}

interface ProveFlags {
  readonly never?: string
  readonly json?: boolean
}

function prove(file: string, options: ProveFlags, io: Io): void {
  const { payload, active } = consultPolicy(file, options.never)
  const proof = proveNever(payload, active, Date.now())
  if (options.json === true) printJson(io, { policy: active.name, version: active.version, ...proof })
  else for (const line of neverLines(proof)) printLine(io, line)
  if (proof.breaches.length > 0) throw new AnswerNo()
}
