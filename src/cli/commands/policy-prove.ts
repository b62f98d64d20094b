import type { Command } from 'commander'
import { AnswerNo, type Io, printJson, printLine, UsageError } from '../io.js'
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
Exits with 0 where every statement is proven, with 1 where one is broken, and with 2 where there is none, in the policy
or beside it: then nothing was proven. \`policy seal\` asks the same and refuses to sign what is broken; it signs a policy
without statements.

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
  // A pipeline that took this for a proof would stay green when somebody deletes the statements.
  if (proof.statements.length === 0)
    throw new UsageError(
      `${file} states nothing that must never happen, so there is nothing to prove`,
      'Write what must not happen under `never:`, or pass --never FILE with statements from beside the policy.',
    )
  if (options.json === true) printJson(io, { policy: active.name, version: active.version, ...proof })
  else for (const line of neverLines(proof)) printLine(io, line)
  if (proof.breaches.length > 0) throw new AnswerNo()
}
