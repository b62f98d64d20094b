import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { readRunning } from './addresses.js'
import { type LoadedConfig, loadConfig } from './config.js'
import { initSandbox } from './init-sandbox.js'
import { freeAddresses } from './sandbox-addresses.js'

/** A sandbox sidecar of its own, in a folder of its own, as real processes. */
export interface Stage {
  readonly folder: string
  readonly loaded: LoadedConfig
  /** What the sidecar has printed so far: its first screen, and the logs of its processes. */
  printed(): string
  /** Stops the sidecar as an operator would, and resolves when its ledger is closed. */
  stop(): Promise<void>
  /** Stops it if it still runs, and removes the folder. */
  strike(): Promise<void>
}

export interface StageChoices {
  /** YAML of the policy to seal instead of the sample. */
  readonly policy?: string
  /** Runs when the folder is made and nothing has started: to add to the vault, for one. */
  readonly prepare?: (loaded: LoadedConfig) => Promise<void>
}

const START_MS = 60_000

/** Sets up and starts a sidecar with its sandbox cloud on free ports. Rejects with what it printed when it doesn't come up. */
export async function setStage(choices: StageChoices = {}): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-stage-'))
  try {
    await initSandbox(folder, {
      addresses: await freeAddresses(),
      ...(choices.policy === undefined ? {} : { policy: choices.policy }),
    })
    const loaded = loadConfig(join(folder, 'countersign.yaml'))
    await choices.prepare?.(loaded)
    const { child, printed } = await startSidecar(loaded)
    const stop = () => ended(child)
    return {
      folder,
      loaded,
      printed,
      stop,
      strike: async () => {
        await stop()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

interface StartedSidecar {
  readonly child: ChildProcess
  readonly printed: () => string
}

async function startSidecar(loaded: LoadedConfig): Promise<StartedSidecar> {
  const main = fileURLToPath(new URL('./main.js', import.meta.url))
  const child = spawn(process.execPath, [main, 'run', '--config', loaded.file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  child.stdout.on('data', chunk => (printed += chunk))
  child.stderr.on('data', chunk => (printed += chunk))
  const deadline = Date.now() + START_MS
  while (!isUp(loaded)) {
    if (child.exitCode !== null || Date.now() > deadline) {
      // Asked, not killed: a killed supervisor leaves its children behind.
      child.kill('SIGTERM')
      throw new Error(`the sidecar did not start:\n${printed}`)
    }
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  return { child, printed: () => printed }
}

/** `run` writes the gate's addresses last. */
function isUp(loaded: LoadedConfig): boolean {
  try {
    return existsSync(loaded.path(loaded.config.keeper.admin)) && readRunning(loaded).main !== ''
  } catch {
    return false
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  await gone
}
