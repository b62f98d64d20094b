import { Command, CommanderError } from 'commander'
import { registerApprovals } from './commands/approvals.js'
import { registerCatalog } from './commands/catalog.js'
import { registerDemo } from './commands/demo.js'
import { registerDoctor } from './commands/doctor.js'
import { registerEnv } from './commands/env.js'
import { registerExec } from './commands/exec.js'
import { registerGrant } from './commands/grant.js'
import { registerGuide } from './commands/guide.js'
import { registerInit } from './commands/init.js'
import { registerLedger } from './commands/ledger.js'
import { registerPolicy } from './commands/policy.js'
import { registerPolicyDiff } from './commands/policy-diff.js'
import { registerPolicyMatrix } from './commands/policy-matrix.js'
import { registerPolicyProve } from './commands/policy-prove.js'
import { registerPolicyReload } from './commands/policy-reload.js'
import { registerPolicyReplay } from './commands/policy-replay.js'
import { registerPolicySeal } from './commands/policy-seal.js'
import { registerPolicySuggest } from './commands/policy-suggest.js'
import { registerPolicyTest } from './commands/policy-test.js'
import { registerReceipts } from './commands/receipts.js'
import { registerRun } from './commands/run.js'
import { registerStatus } from './commands/status.js'
import { registerTrust } from './commands/trust.js'
import { registerVault } from './commands/vault.js'
import { registerWhy } from './commands/why.js'
import { reportFault } from './fault-report.js'
import type { Io } from './io.js'
import { packageVersion } from './package-version.js'

/** Every command adds itself to the program here. */
type Register = (program: Command, io: Io) => void

const commands: readonly Register[] = [
  registerRun,
  registerInit,
  (program, io) => registerDemo(program, io, runCommandLine),
  registerExec,
  registerEnv,
  registerGuide,
  registerStatus,
  registerWhy,
  registerDoctor,
  registerPolicy,
  registerPolicyMatrix,
  registerPolicyDiff,
  registerPolicyProve,
  registerPolicySeal,
  registerPolicyTest,
  registerPolicyReplay,
  registerPolicySuggest,
  registerPolicyReload,
  registerCatalog,
  registerTrust,
  registerVault,
  registerGrant,
  registerApprovals,
  registerReceipts,
  registerLedger,
]

/** The whole command line, with every command in its place. */
export function commandLine(io: Io): Command {
  const program = new Command('countersign')
    .description('Nothing destructive passes without a countersign.')
    .version(packageVersion())
    .exitOverride()
    .configureOutput({ writeOut: text => io.stdout.write(text), writeErr: text => io.stderr.write(text) })
  for (const register of commands) register(program, io)
  return program
}

/** Runs one command line and returns its exit code: 0 done or yes, 1 the answer is no, 2 usage or configuration. */
export async function runCommandLine(argv: readonly string[], io: Io): Promise<number> {
  try {
    await commandLine(io).parseAsync([...argv], { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    return reportFault(error, io)
  }
}
