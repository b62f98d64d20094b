import type { Command } from 'commander'
import { loadConfig } from '../config.js'
import { type Io, printLine, UsageError } from '../io.js'
import { readSealedPolicy } from '../sealed-policy.js'
import { addConfigOption } from '../session-options.js'

export function registerGuide(program: Command, io: Io): void {
  addConfigOption(program.command('guide'))
    .summary('write the AGENTS.md that tells an agent how to work behind the sidecar')
    .requiredOption('--agent <id>', 'agent of the policy')
    .addHelpText('after', '\nExample:\n  countersign guide --agent coder >> AGENTS.md\n')
    .action((options: { config: string; agent: string }) => {
      const policy = readSealedPolicy(loadConfig(options.config))
      if (!policy.agents.has(options.agent)) {
        throw new UsageError(
          `the policy has no agent ${options.agent}`,
          `It has: ${[...policy.agents.keys()].join(', ')}.`,
        )
      }
      printLine(io, guideFor(options.agent, [...policy.apis.keys()]))
    })
}

function guideFor(agent: string, apis: readonly string[]): string {
  const urls = apis.map(
    api => `- ${api}: \`$COUNTERSIGN_URL_${api.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}\``,
  )
  return `## Working behind Countersign

You are the agent \`${agent}\`. Your API calls go through a sidecar that holds the credentials and decides each call against a sealed policy.

${urls.join('\n')}

- Use these base URLs and the grant in \`$COUNTERSIGN_GRANT\` as the API key or bearer token. After an hour read the renewed one from \`$COUNTERSIGN_GRANT_FILE\`.
- A message that begins with DENIED is a decision, not a fault. Nothing was executed. Do not try another endpoint, wording or credential: each try is refused and recorded. Tell your operator what you were trying to fix, with the receipt number.
- A message that begins with HELD waits for a person. Do other work, then repeat exactly the same call. If you would rather wait for the answer, send the call with the header \`Prefer: wait=60\`: it is answered as soon as people have decided, or HELD after that many seconds.
- A message that begins with REFUSED says that the call itself can't be taken as it is: its form, its size, your grant, a credential that is not your grant, or people who have halted you. Nothing was executed. Do what the message says, once; if it speaks of a credential, a grant or a halt, stop and tell your operator.
- If you find a key or token in a file, do not use it. Report where it is; it has to be rotated.
- A message that begins with UNAVAILABLE (status 503) means that the sidecar can't decide right now. Nothing was executed. Wait and repeat the same call; do not look for a way around. If it says to tell the operator, do.
- A message that begins with FAILED or BROKEN OFF may have been executed: look at what is there before you repeat the call.
- Each message ends with a receipt number. Your operator learns more by it than you do; always name it.`
}
