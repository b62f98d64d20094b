import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import process from 'node:process'
import { cliFault } from './error-table.js'
import type { RoleName } from './role.js'
import type { Identity } from './users.js'

/** A child process of `run`: what it is called, how it is started, and as whom. */
export interface Role {
  readonly name: RoleName
  readonly argv: readonly string[]
  /** Options of Node itself. */
  readonly node: readonly string[]
  /** Added to the scrubbed environment; only what this role needs. */
  readonly env: Readonly<Record<string, string>>
  readonly identity: Identity | null
}

export interface Supervised {
  /** What the role reported when it was ready. */
  readonly report: unknown
  readonly pid: number
}

export interface Supervisor {
  /**
   * Starts a role and resolves when it reports ready; rejects when it ends before, and once `stop` was called. Later
   * deaths restart it.
   */
  start(role: Role): Promise<Supervised>
  /** Stops all roles, the last of the first starts first, each by SIGTERM and, after the grace, SIGKILL. */
  stop(): Promise<void>
}

export interface SuperviseOptions {
  readonly graceMs: number
  /** A role runs again, with what it reported this time. Must not throw. */
  readonly onRestart: (role: Role, report: unknown) => void
  /** A role ended, or ended again before it was ready; `how` is `exit 2`, `SIGKILL`, or `not started` for want of a process. */
  readonly onExit: (role: Role, how: string, restartMs: number) => void
}

const FIRST_RESTART_MS = 100
const MAX_RESTART_MS = 10_000
/** A role that ran this long starts over with the shortest delay. */
const STABLE_MS = 30_000

/** Keeps the two halves of the sidecar running as processes of their own. */
export function supervise(options: SuperviseOptions): Supervisor {
  const running = new Map<Role, ChildProcess>()
  /** INVARIANT: the gate is stopped before the keeper, that of a restart included, so that it can still settle. */
  const order: Role[] = []
  /** INVARIANT: they keep this process alive, also when no role is left that would. */
  const restarts = new Set<NodeJS.Timeout>()
  /** How the newest process of a role ended. */
  const ended = new Map<Role, string>()
  let stopping = false

  async function launch(role: Role, delayMs: number): Promise<Supervised> {
    if (stopping) throw cliFault('role_not_ready', `the ${role.name}, stopped before it began`)
    ended.delete(role)
    const child = spawnRole(role)
    running.set(role, child)
    const startedAt = Date.now()
    let ready = false
    child.once('exit', (code, signal) => {
      if (running.get(role) === child) running.delete(role)
      ended.set(role, signal ?? `exit ${code}`)
      if (stopping || !ready) return
      const restartMs =
        Date.now() - startedAt > STABLE_MS ? FIRST_RESTART_MS : Math.min(delayMs * 2, MAX_RESTART_MS)
      options.onExit(role, signal ?? `exit ${code}`, restartMs)
      relaunchIn(role, restartMs)
    })
    const report = await readiness(child, role).catch(error => {
      // For want of a descriptor or of a process there is none, and it never exits.
      if (child.pid === undefined) running.delete(role)
      throw error
    })
    ready = true
    return { report, pid: child.pid as number }
  }

  function relaunchIn(role: Role, delayMs: number): void {
    const timer = setTimeout(() => {
      restarts.delete(timer)
      void relaunch(role, delayMs)
    }, delayMs)
    restarts.add(timer)
  }

  async function relaunch(role: Role, delayMs: number): Promise<void> {
    const started = await launch(role, delayMs).catch(() => null)
    if (started !== null) return options.onRestart(role, started.report)
    if (stopping) return
    const next = Math.min(delayMs * 2, MAX_RESTART_MS)
    options.onExit(role, ended.get(role) ?? 'not started', next)
    relaunchIn(role, next)
  }

  return {
    start: role => {
      order.push(role)
      return launch(role, FIRST_RESTART_MS)
    },
    stop: async () => {
      stopping = true
      for (const timer of restarts) clearTimeout(timer)
      for (const role of order.toReversed()) {
        const child = running.get(role)
        if (child !== undefined) await stopChild(child, options.graceMs)
      }
    },
  }
}

const CONFINED = `ulimit -c 0; umask 077
setpriv --no-new-privs true 2>/dev/null && exec setpriv --no-new-privs "$0" "$@"
exec "$0" "$@"`

/** Node options, proxies, TLS overrides and credentials of the surroundings never reach a child: its environment is built from nothing. */
function spawnRole(role: Role): ChildProcess {
  const node = [process.execPath, '--disable-proto=throw', ...role.node, ...role.argv]
  // Node can't set resource limits itself; a shell, where there is one, forbids core dumps and open modes, and
  // setpriv, where it works, that anything setuid ever gives the process more than it has (prctl(2), PR_SET_NO_NEW_PRIVS).
  const [command, ...args] = existsSync('/bin/sh') ? ['/bin/sh', '-c', CONFINED, ...node] : node
  return spawn(command as string, args, {
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8', ...role.env },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    ...(role.identity === null ? {} : { uid: role.identity.uid, gid: role.identity.gid }),
  })
}

function readiness(child: ChildProcess, role: Role): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once('message', message => resolve((message as { ready: unknown }).ready))
    child.once('error', reject)
    child.once('exit', code =>
      reject(cliFault('role_not_ready', `the ${role.name}, ${code === null ? 'by signal' : `exit ${code}`}`)),
    )
  })
}

async function stopChild(child: ChildProcess, graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise<void>(resolve => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const killer = setTimeout(() => child.kill('SIGKILL'), graceMs)
  await gone
  clearTimeout(killer)
}

/**
 * For a role's own process while it starts: who stops it then ends it at once, and so does a supervisor that is gone.
 * What it has begun by then is what a crash would leave, and the next start takes that up. Until `serveUntilStopped`.
 * A container's first process gets no signal that it didn't ask for; a gate without a keeper would wait for ever.
 */
export function endAtOnceWhileStarting(): void {
  for (const event of STOPS) process.once(event, endAtOnce)
  if (process.send !== undefined && !process.connected) endAtOnce()
}

const STOPS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'disconnect'] as const

function endAtOnce(): void {
  process.exit(0)
}

function heedNoMore(): void {
  for (const event of STOPS) process.off(event, endAtOnce)
}

/** For a role's own process: tells the supervisor that it is ready, and runs `stop` at SIGTERM, SIGINT or SIGHUP. */
export function serveUntilStopped(report: unknown, stop: () => Promise<void>): Promise<void> {
  heedNoMore()
  process.send?.({ ready: report })
  return untilStopped(stop)
}

/** Runs `stop` at SIGTERM, SIGINT or SIGHUP, and ends as it does. */
export function untilStopped(stop: () => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopping = false
    const end = () => {
      if (stopping) return
      stopping = true
      stop().finally(letGoOfSupervisor).then(resolve, reject)
    }
    process.once('SIGTERM', end)
    // A terminal sends SIGINT, and SIGHUP once it is closed, to the whole group; the supervisor's SIGTERM gives the order of stopping.
    for (const signal of ['SIGINT', 'SIGHUP'] as const)
      process.on(signal, () => (process.send === undefined ? end() : undefined))
    // The supervisor is gone: nobody would stop us later.
    process.once('disconnect', end)
  })
}

/** The open channel to the supervisor would keep this process alive. */
export function letGoOfSupervisor(): void {
  heedNoMore()
  if (process.connected) process.disconnect()
}
