import { writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { nativeCrypto } from '../../native/index.js'
import { activate } from '../../policy/index.js'
import { AnswerNo, type Io, printJson, printLine, UsageError } from '../io.js'
import { compilePolicyFile } from '../policy-file.js'
import { group } from '../program-group.js'
import { addLogOptions, type LogOptions, readLog, refuseWrongKey } from '../replay/log-options.js'
import { collectEvidence, tallyOccurrences } from '../suggest/evidence.js'
import { generalise, type Suggestion } from '../suggest/generalise.js'
import { writePolicy } from '../suggest/write-policy.js'

interface SuggestOptions extends LogOptions {
  readonly policy: string
  readonly out?: string
}

export function registerPolicySuggest(program: Command, io: Io): void {
  addLogOptions(group(program, 'policy', 'check, explain, seal and show policies').command('suggest'))
    .summary('turn what agents were seen to do into rules, with the evidence for each line')
    .requiredOption('--policy <file>', 'source of the policy that the rules are added to')
    .option('-o, --out <file>', 'file to write, in the folder of the policy; standard output unless told')
    .addHelpText(
      'after',
      `
The rules of the policy stay, observing is taken off, and a rule is added for what passed though none reached it. What was
denied, and what does more than update, comes as a comment. Exits with 1 where the log holds no attempt of these agents.

Examples:
  countersign policy suggest --policy policy.yaml --ledger ledger --auditor-key private.jwk -o next.yaml
  countersign policy suggest --policy policy.yaml --config countersign.yaml --agent coder
`,
    )
    .action((options: SuggestOptions) => suggest(options, io))
}

async function suggest(options: SuggestOptions, io: Io): Promise<void> {
  const { source, payload, cid, catalogs } = compilePolicyFile(options.policy)
  const all = Object.keys(source.document.agents)
  if (options.agent !== undefined && !all.includes(options.agent))
    throw new UsageError(
      `the policy has no agent "${options.agent}"`,
      `Pass --agent with one of: ${all.join(', ')}.`,
    )
  const agents = new Set(options.agent === undefined ? all : [options.agent])
  const base = activate(withoutObserving(payload), cid, catalogs, nativeCrypto)
  const evidence = await readLog(options, io, log => collectEvidence(base, log, agents, options.since ?? 0))
  refuseWrongKey(options, evidence.all?.attempts ?? 0, evidence.opened)
  const generalised = generalise(evidence.asked)
  const text = writePolicy(source.document, evidence, generalised, agents)
  if (options.out !== undefined) write(options.out, text)
  if (options.json === true) {
    const { all, untold, unknown } = evidence
    const suggestions = generalised.suggestions.map(shown)
    printJson(io, { attempts: all, untold, unknown, suggestions, policy: text })
  } else if (options.out === undefined) io.stdout.write(text)
  else {
    const added = generalised.suggestions.filter(({ kind }) => kind === 'passed').length
    printLine(io, `${options.out}: ${added} rule${added === 1 ? '' : 's'} added`)
  }
  if (evidence.all === null) throw new AnswerNo()
}

/** What only observing admits is what rules are wanted for. */
function withoutObserving(payload: ReturnType<typeof compilePolicyFile>['payload']) {
  const agents = Object.entries(payload.agents as Record<string, Record<string, unknown>>).map(
    ([id, { observeUntil: _, ...agent }]) => [id, agent],
  )
  return { ...payload, agents: Object.fromEntries(agents) }
}

function shown({ operations, ...suggestion }: Suggestion) {
  return {
    ...suggestion,
    operations: operations.map(({ name, seen }) => ({ name, ...tallyOccurrences(seen) })),
  }
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'wx' })
  } catch (error) {
    const why =
      (error as NodeJS.ErrnoException).code === 'EEXIST' ? 'it is there already' : 'its folder is not there'
    throw new UsageError(`cannot write ${file}: ${why}`, 'Pass -o with a file that is not there yet.')
  }
}
