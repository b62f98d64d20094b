import { existsSync } from 'node:fs'
import process from 'node:process'
import { type Command, Option } from 'commander'
import type { GateAddresses } from '../../gate/index.js'
import { writeRunning } from '../addresses.js'
import { type LoadedConfig, loadConfig } from '../config.js'
import { visible } from '../entry-text.js'
import { gatePermissions } from '../gate-permissions.js'
import { prepareFiles } from '../hand-over.js'
import { ignoreInspectorSignal } from '../inspector.js'
import { type Io, printLine, UsageError } from '../io.js'
import { openFolders, openFolderWords } from '../open-folders.js'
import { openListenerWords } from '../open-listeners.js'
import { ROLE_PROGRAM, ROLES, runRole } from '../role.js'
import { planSeparation, type Separation } from '../separation.js'
import { DEFAULT_CONFIG } from '../session-options.js'
import { letGoOfSupervisor, type Role, type Supervisor, supervise, untilStopped } from '../supervise.js'
import { readTrustRoot } from '../trust-files.js'

interface RunOptions {
  readonly config?: string
  readonly configDigest?: string
  readonly firstRun?: string
  readonly role?: Role['name']
}

/** Both processes drain open requests within this; the supervisor then kills. */
const GRACE_MS = 20_000

export function registerRun(program: Command, io: Io): void {
  program
    .command('run')
    .summary('run the sidecar')
    .description(
      'Supervises the keeper and the gate as two processes, and the sandbox cloud where the configuration has one.',
    )
    .option('--config <file>', `configuration (default: ${DEFAULT_CONFIG})`)
    .option(
      '--config-digest <id>',
      'start only where this is the digest of the configuration, `sha256:<hex>`: for a file that others may write',
    )
    .option('--first-run <dir>', 'make a sandbox sidecar in this folder if it is not there, and run it')
    .addOption(new Option('--role <role>', 'run one process only, as a container does').choices(ROLES))
    .addHelpText('after', '\nExample:\n  countersign run --config /etc/countersign/countersign.yaml\n')
    .action(async (options: RunOptions) => {
      ignoreInspectorSignal()
      const loaded = await configurationOf(options, io)
      if (options.role === undefined) return runAll(loaded, io)
      // What runs apart has nobody else to say it.
      if (options.role === 'gate') warn(openListenerSentences(loaded), io)
      await runRole(options.role, loaded, io)
    })
}

async function configurationOf(options: RunOptions, io: Io): Promise<LoadedConfig> {
  if (options.firstRun === undefined)
    return loadConfig(options.config ?? DEFAULT_CONFIG, options.configDigest)
  if (options.config !== undefined || options.configDigest !== undefined)
    throw new UsageError('--config and --first-run exclude each other', 'Give one of them.')
  const file = `${options.firstRun}/countersign.yaml`
  if (!existsSync(file)) {
    printLine(
      io,
      `First run: making keys, trust root, sealed policy, vault and ledger in ${options.firstRun}/ …`,
    )
    const { initSandbox } = await import('../init-sandbox.js')
    const { availableAddresses } = await import('../sandbox-addresses.js')
    await initSandbox(options.firstRun, { addresses: await availableAddresses() })
  }
  return loadConfig(file)
}

async function runAll(loaded: LoadedConfig, io: Io): Promise<void> {
  const trust = readTrustRoot(loaded)
  const separation = planSeparation(loaded, trust.testAudiences.includes(loaded.config.audience))
  prepareFiles(loaded, separation)
  const missing = [
    ...separation.missing,
    ...openListenerSentences(loaded),
    ...openFolders(loaded).map(openFolderWords),
  ]
  warn(missing, io)
  const tell = (addresses: GateAddresses) => writeRunning(loaded, { ...addresses, missing })
  const supervisor = supervise({
    graceMs: GRACE_MS,
    onRestart: (role, report) => {
      // A gate that was started again may listen on another port.
      if (role.name === 'gate') tellAgain(() => tell(report as GateAddresses), io)
    },
    onExit: (role, how, restartMs) => {
      io.stderr.write(`warning: the ${role.name} ended (${how}); starting it again in ${restartMs} ms\n`)
    },
  })
  // From the first process on: who stops the sidecar while it starts stops those that have.
  let isStopped = false
  const stopped = untilStopped(() => {
    isStopped = true
    return supervisor.stop()
  })
  try {
    const addresses = await startRoles(supervisor, loaded, separation, io)
    tell(addresses)
    await tellHealth(loaded, addresses, io)
    // What only a sandbox needs isn't kept in memory elsewhere.
    if (loaded.config.sandbox !== undefined)
      await (await import('../first-screen.js')).printFirstScreen(loaded, addresses, io)
    process.send?.({ ready: null })
  } catch (error) {
    if (!isStopped) {
      await supervisor.stop()
      letGoOfSupervisor()
      throw error
    }
  }
  await stopped
}

function openListenerSentences({ config }: LoadedConfig): readonly string[] {
  return openListenerWords(config).map(({ words, mend }) => `${words} ${mend}`)
}

function warn(sentences: readonly string[], io: Io): void {
  for (const sentence of sentences) io.stderr.write(`warning: ${sentence}\n`)
}

const UNTOLD = { keeper: undefined, problems: [], warnings: [] }

/** Both processes may run, and every request be refused all the same: then this says so, and what mends it. */
async function tellHealth(loaded: LoadedConfig, { main }: GateAddresses, io: Io): Promise<void> {
  const { statusOf } = await import('../health.js')
  // A question that can't be asked stops nothing.
  const { keeper, problems, warnings } = (await statusOf(loaded).catch(() => null)) ?? UNTOLD
  printLine(
    io,
    keeper !== undefined && (keeper === null || keeper.policy === null)
      ? `\nCountersign listens at ${main} and REFUSES every request:`
      : `\nCountersign is up: ${main}`,
  )
  for (const problem of problems) printLine(io, `  ! ${visible(problem)}`)
  for (const warning of warnings) printLine(io, `  ~ ${visible(warning)}`)
}

/** The sidecar itself goes on where its folder is full; who asks for its addresses is told those of before. */
function tellAgain(tell: () => void, io: Io): void {
  try {
    tell()
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'error'
    io.stderr.write(`warning: where the gate listens now could not be written down (${code})\n`)
  }
}

async function startRoles(
  supervisor: Supervisor,
  loaded: LoadedConfig,
  separation: Separation,
  io: Io,
): Promise<GateAddresses> {
  if (loaded.config.sandbox !== undefined) await supervisor.start(roleOf('sandbox', loaded, separation, io))
  await supervisor.start(roleOf('keeper', loaded, separation, io))
  const { report } = await supervisor.start(roleOf('gate', loaded, separation, io))
  return report as GateAddresses
}

function roleOf(name: Role['name'], loaded: LoadedConfig, separation: Separation, io: Io): Role {
  return {
    name,
    node: nodeOptions(name, loaded),
    argv: [
      ...[ROLE_PROGRAM, '--config', loaded.file, '--role', name],
      ...(loaded.pin === undefined ? [] : ['--config-digest', loaded.pin]),
    ],
    env: name === 'keeper' ? keeperVariables(loaded, io) : {},
    identity: name === 'sandbox' ? null : separation[name],
  }
}

function nodeOptions(name: Role['name'], loaded: LoadedConfig): readonly string[] {
  switch (name) {
    case 'keeper':
      // Its young objects are short-lived: a smaller nursery keeps it some 25 MiB smaller under load.
      return ['--max-semi-space-size=4']
    case 'gate':
      return gatePermissions(loaded)
    case 'sandbox':
      return []
  }
}

/** The keeper alone gets what opens the vault, and the id of its pod, and only where the configuration says that they come that way. */
function keeperVariables(loaded: LoadedConfig, io: Io): Record<string, string> {
  const { vault, keeper } = loaded.config
  const { key } = vault
  const names = ['env' in key ? key.env : 'systemd' in key ? 'CREDENTIALS_DIRECTORY' : null, keeper.pod?.env]
  return Object.fromEntries(
    names.flatMap(name => {
      const value = name == null ? undefined : io.env[name]
      return name == null || value === undefined ? [] : [[name, value]]
    }),
  )
}
