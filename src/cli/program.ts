import { Command, CommanderError } from 'commander'
import { reportFault } from './fault-report.js'
import type { Io } from './io.js'
import { packageVersion } from './package-version.js'

/** A file of commands: it adds them to the program. */
type Register = (program: Command, io: Io) => void

/**
 * The commands in the order of the help, by their first word, and by the second ones that a file adds where several share
 * the first. A command line loads the files of its own words alone: starting is most of what a short command costs.
 */
const COMMANDS: readonly (readonly [word: string, verbs: string | null, load: () => Promise<Register>])[] = [
  ['run', null, async () => (await import('./commands/run.js')).registerRun],
  ['init', null, async () => (await import('./commands/init.js')).registerInit],
  ['demo', null, async () => demoWith((await import('./commands/demo.js')).registerDemo)],
  ['exec', null, async () => (await import('./commands/exec.js')).registerExec],
  ['env', null, async () => (await import('./commands/env.js')).registerEnv],
  ['guide', null, async () => (await import('./commands/guide.js')).registerGuide],
  ['status', null, async () => (await import('./commands/status.js')).registerStatus],
  ['why', null, async () => (await import('./commands/why.js')).registerWhy],
  ['doctor', null, async () => (await import('./commands/doctor.js')).registerDoctor],
  ['policy', 'lint schema explain', async () => (await import('./commands/policy.js')).registerPolicy],
  ['policy', 'matrix', async () => (await import('./commands/policy-matrix.js')).registerPolicyMatrix],
  ['policy', 'diff', async () => (await import('./commands/policy-diff.js')).registerPolicyDiff],
  ['policy', 'prove', async () => (await import('./commands/policy-prove.js')).registerPolicyProve],
  ['policy', 'seal sign show', async () => (await import('./commands/policy-seal.js')).registerPolicySeal],
  ['policy', 'test', async () => (await import('./commands/policy-test.js')).registerPolicyTest],
  ['policy', 'replay', async () => (await import('./commands/policy-replay.js')).registerPolicyReplay],
  ['policy', 'suggest', async () => (await import('./commands/policy-suggest.js')).registerPolicySuggest],
  ['policy', 'reload', async () => (await import('./commands/policy-reload.js')).registerPolicyReload],
  ['catalog', null, async () => (await import('./commands/catalog.js')).registerCatalog],
  ['trust', 'init key show rotate', async () => (await import('./commands/trust.js')).registerTrust],
  [
    'trust',
    'request enrol install',
    async () => (await import('./commands/trust-enrol.js')).registerTrustEnrol,
  ],
  ['vault', null, async () => (await import('./commands/vault.js')).registerVault],
  ['grant', null, async () => (await import('./commands/grant.js')).registerGrant],
  ['approve', null, async () => (await import('./commands/countersign.js')).registerApprove],
  ['reject', null, async () => (await import('./commands/countersign.js')).registerReject],
  ['withdraw', null, async () => (await import('./commands/countersign.js')).registerWithdraw],
  ['halt', null, async () => (await import('./commands/stops.js')).registerHalt],
  ['resume', null, async () => (await import('./commands/stops.js')).registerResume],
  ['freeze', null, async () => (await import('./commands/stops.js')).registerFreeze],
  ['thaw', null, async () => (await import('./commands/stops.js')).registerThaw],
  ['console', null, async () => (await import('./commands/console.js')).registerConsole],
  ['approvals', null, async () => (await import('./commands/approvals.js')).registerApprovals],
  [
    'receipts',
    'list show tail verify inventory',
    async () => (await import('./commands/receipts.js')).registerReceipts,
  ],
  ['receipts', 'erase', async () => (await import('./commands/receipts-erase.js')).registerReceiptsErase],
  [
    'receipts',
    'reconcile',
    async () => (await import('./commands/receipts-reconcile.js')).registerReceiptsReconcile,
  ],
  [
    'receipts',
    'export disclose',
    async () => (await import('./commands/receipts-bundle.js')).registerReceiptsBundle,
  ],
  ['receipts', 'prove', async () => (await import('./commands/receipts-prove.js')).registerReceiptsProve],
  ['receipts', 'report', async () => (await import('./commands/receipts-report.js')).registerReceiptsReport],
  ['ledger', 'check', async () => (await import('./commands/ledger.js')).registerLedger],
  ['witness', null, async () => (await import('./commands/witness.js')).registerWitness],
  ['ledger', 'archive', async () => (await import('./commands/ledger-archive.js')).registerLedgerArchive],
  ['inject', null, async () => (await import('./commands/inject.js')).registerInject],
  ['ledger', 'recover', async () => (await import('./commands/ledger-recover.js')).registerLedgerRecover],
]

/** The demo runs other command lines of this program. */
function demoWith(register: typeof import('./commands/demo.js').registerDemo): Register {
  return (program, io) => register(program, io, runCommandLine)
}

/**
 * The program with the commands that its first words may mean: of one file where both words say which, of one first
 * word otherwise, and all of them where that is none, or none is given.
 */
export async function commandLine(io: Io, word?: string, verb?: string): Promise<Command> {
  const program = new Command('countersign')
    .description('Nothing destructive passes without a countersign.')
    .version(packageVersion())
    .exitOverride()
    .configureOutput({ writeOut: text => io.stdout.write(text), writeErr: text => io.stderr.write(text) })
  const named = COMMANDS.filter(([each]) => each === word)
  const exact = named.filter(([, verbs]) => verb !== undefined && verbs?.split(' ').includes(verb))
  const wanted = [exact, named, COMMANDS].find(each => each.length > 0) as typeof COMMANDS
  for (const register of await Promise.all(wanted.map(([, , load]) => load()))) register(program, io)
  return program
}

/** Runs one command line and returns its exit code: 0 done or yes, 1 the answer is no, 2 usage or configuration. */
export async function runCommandLine(argv: readonly string[], io: Io): Promise<number> {
  try {
    await (await commandLine(io, argv[0], argv[1])).parseAsync([...argv], { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    return reportFault(error, io)
  }
}
