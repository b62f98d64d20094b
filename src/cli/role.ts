import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type LoadedConfig, loadConfig } from './config.js'
import { reportFault } from './fault-report.js'
import { ignoreInspectorSignal } from './inspector.js'
import type { Io } from './io.js'
import { endAtOnceWhileStarting, letGoOfSupervisor } from './supervise.js'

export const ROLES = ['keeper', 'gate', 'sandbox'] as const
export type RoleName = (typeof ROLES)[number]

/** The program that runs one process of the sidecar. */
export const ROLE_PROGRAM = fileURLToPath(new URL('./role-main.js', import.meta.url))

/**
 * Runs one process of the sidecar until it is told to stop. Each loads its own code and no other's: the gate's
 * process doesn't even hold the code of vault and ledger, and starts in half the memory.
 */
export async function runRole(role: RoleName, loaded: LoadedConfig, io: Io): Promise<void> {
  endAtOnceWhileStarting()
  try {
    await serve(role, loaded, io)
  } finally {
    letGoOfSupervisor()
  }
}

async function serve(role: RoleName, loaded: LoadedConfig, io: Io): Promise<void> {
  switch (role) {
    case 'keeper':
      return (await import('./compose/keeper.js')).runKeeper(loaded, io)
    case 'gate':
      return (await import('./compose/gate.js')).runGate(loaded, io)
    case 'sandbox':
      return (await import('./compose/sandbox.js')).runSandbox(loaded)
  }
}

/** Entry of the process that the supervisor starts: `role-main.js --config FILE --role ROLE [--config-digest ID]`. Returns the exit code. */
export async function runRoleCommandLine(argv: readonly string[], io: Io): Promise<number> {
  ignoreInspectorSignal()
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        config: { type: 'string' },
        'config-digest': { type: 'string' },
        role: { type: 'string' },
      },
    })
    const role = ROLES.find(each => each === values.role)
    if (role === undefined || values.config === undefined)
      throw new Error('expected --config FILE --role ROLE')
    await runRole(role, loadConfig(values.config, values['config-digest']), io)
    return 0
  } catch (error) {
    return reportFault(error, io)
  }
}
