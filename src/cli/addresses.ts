import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { GateAddresses } from '../gate/index.js'
import type { LoadedConfig } from './config.js'
import { UsageError } from './io.js'
import { parseListenAddress } from './listen-address.js'

/** Where the gate of a running sidecar listens, and what `run` had to say about the two processes. */
export interface RunningSidecar extends GateAddresses {
  /** As in `Separation.missing`. */
  readonly missing: readonly string[]
}

function runningFile(loaded: LoadedConfig): string {
  return join(dirname(loaded.path(loaded.config.keeper.socket)), 'gate.json')
}

/**
 * Tells other commands where the gate of this sidecar listens, as it found out itself: a configured port may be 0.
 * ATTACK: the folder is the keeper's, and root writes here; a new file and a rename follow no link that lies in wait.
 */
export function writeRunning(loaded: LoadedConfig, running: RunningSidecar): void {
  const file = runningFile(loaded)
  const fresh = `${file}.${randomUUID()}`
  try {
    writeFileSync(fresh, `${JSON.stringify(running)}\n`, { flag: 'wx', mode: 0o644 })
    renameSync(fresh, file)
  } catch (error) {
    rmSync(fresh, { force: true })
    throw error
  }
}

/** Throws a UsageError where the sidecar was never started. */
export function readRunning(loaded: LoadedConfig): RunningSidecar {
  try {
    return JSON.parse(readFileSync(runningFile(loaded), 'utf8')) as RunningSidecar
  } catch {
    throw new UsageError(
      'the sidecar has not been started from this configuration',
      'Start it with `countersign run --config FILE`.',
    )
  }
}

/**
 * Where agents reach the gate: as the running one found out itself, or as it is configured where gate and keeper run apart,
 * each as a unit or container of its own. Throws a UsageError where neither says it.
 */
export function gateAddresses(loaded: LoadedConfig): GateAddresses {
  const { listen, ports = {}, tls } = loaded.config.gate
  if (existsSync(runningFile(loaded))) return readRunning(loaded)
  const urlOf = (address: string, scheme: 'http' | 'https'): string => {
    const { host, port } = parseListenAddress(address)
    if (port === 0) return readRunning(loaded).main
    const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
    return `${scheme}://${reached.includes(':') ? `[${reached}]` : reached}:${port}`
  }
  const urlsOf = (addresses: Readonly<Record<string, string>>, scheme: 'http' | 'https') =>
    Object.fromEntries(Object.entries(addresses).map(([api, address]) => [api, urlOf(address, scheme)]))
  return {
    main: urlOf(listen, 'http'),
    ports: urlsOf(ports, 'http'),
    tls: tls === undefined ? null : urlOf(tls.listen, 'https'),
    tlsPorts: urlsOf(tls?.ports ?? {}, 'https'),
    unix: null,
  }
}
