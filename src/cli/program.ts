import { Command, CommanderError } from 'commander'
import { reportFault } from './fault-report.js'
import type { Io } from './io.js'
import { packageVersion } from './package-version.js'

/** A file of commands: it adds them to the program. */
type Register = (program: Command, io: Io) => void

/**
 * The commands in the order of the help, by their first word. A command line loads the files of its own word alone:
 * starting is most of what a short command costs.
 */
const COMMANDS: readonly (readonly [word: string, load: () => Promise<Register>])[] = [
  ['run', async () => (await import('./commands/run.js')).registerRun],
  ['init', async () => (await import('./commands/init.js')).registerInit],
  ['demo', async () => demoWith((await import('./commands/demo.js')).registerDemo)],
  ['exec', async () => (await import('./commands/exec.js')).registerExec],
  ['env', async () => (await import('./commands/env.js')).registerEnv],
  ['guide', async () => (await import('./commands/guide.js')).registerGuide],
  ['status', async () => (await import('./commands/status.js')).registerStatus],
  ['why', async () => (await import('./commands/why.js')).registerWhy],
  ['doctor', async () => (await import('./commands/doctor.js')).registerDoctor],
  ['policy', async () => (await import('./commands/policy.js')).registerPolicy],
  ['policy', async () => (await import('./commands/policy-matrix.js')).registerPolicyMatrix],
  ['policy', async () => (await import('./commands/policy-diff.js')).registerPolicyDiff],
  ['policy', async () => (await import('./commands/policy-prove.js')).registerPolicyProve],
  ['policy', async () => (await import('./commands/policy-seal.js')).registerPolicySeal],
  ['policy', async () => (await import('./commands/policy-test.js')).registerPolicyTest],
  ['policy', async () => (await import('./commands/policy-replay.js')).registerPolicyReplay],
  ['policy', async () => (await import('./commands/policy-suggest.js')).registerPolicySuggest],
  ['policy', async () => (await import('./commands/policy-reload.js')).registerPolicyReload],
  ['catalog', async () => (await import('./commands/catalog.js')).registerCatalog],
  ['trust', async () => (await import('./commands/trust.js')).registerTrust],
  ['trust', async () => (await import('./commands/trust-enrol.js')).registerTrustEnrol],
  ['vault', async () => (await import('./commands/vault.js')).registerVault],
  ['grant', async () => (await import('./commands/grant.js')).registerGrant],
  ['approvals', async () => (await import('./commands/approvals.js')).registerApprovals],
  ['receipts', async () => (await import('./commands/receipts.js')).registerReceipts],
  ['receipts', async () => (await import('./commands/receipts-erase.js')).registerReceiptsErase],
  ['receipts', async () => (await import('./commands/receipts-reconcile.js')).registerReceiptsReconcile],
  ['receipts', async () => (await import('./commands/receipts-bundle.js')).registerReceiptsBundle],
  ['receipts', async () => (await import('./commands/receipts-prove.js')).registerReceiptsProve],
  ['receipts', async () => (await import('./commands/receipts-report.js')).registerReceiptsReport],
  ['ledger', async () => (await import('./commands/ledger.js')).registerLedger],
  ['witness', async () => (await import('./commands/witness.js')).registerWitness],
  ['ledger', async () => (await import('./commands/ledger-recover.js')).registerLedgerRecover],
]

/** The demo runs other command lines of this program. */
function demoWith(register: typeof import('./commands/demo.js').registerDemo): Register {
  return (program, io) => register(program, io, runCommandLine)
}

/** The program with the commands of one first word; with all of them where the word is none, or none is given. */
export async function commandLine(io: Io, word?: string): Promise<Command> {
  const program = new Command('countersign')
    .description('Nothing destructive passes without a countersign.')
    .version(packageVersion())
    .exitOverride()
    .configureOutput({ writeOut: text => io.stdout.write(text), writeErr: text => io.stderr.write(text) })
  const named = COMMANDS.filter(([each]) => each === word)
  const wanted = named.length > 0 ? named : COMMANDS
  for (const register of await Promise.all(wanted.map(([, load]) => load()))) register(program, io)
  return program
}

/** Runs one command line and returns its exit code: 0 done or yes, 1 the answer is no, 2 usage or configuration. */
export async function runCommandLine(argv: readonly string[], io: Io): Promise<number> {
  try {
    await (await commandLine(io, argv[0])).parseAsync([...argv], { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    return reportFault(error, io)
  }
}
