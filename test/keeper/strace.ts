import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import process from 'node:process'

/** What happens at the n-th call of one kind on one file: the process is killed before it, or the call fails. */
export interface Injection {
  /** Name of the system call. */
  readonly call: string
  /** The file that it is made on; any unless told. */
  readonly path?: string
  /** Which of these calls, from 1; `3+` is the third and every later one. */
  readonly when: string
  readonly fault: keyof typeof FAULTS
}

/** Where strace stops only at the calls that it traces, a signal alone is not delivered; with a failed call it is. */
const FAULTS = {
  kill: 'error=EIO:signal=SIGKILL',
  EIO: 'error=EIO',
  ENOSPC: 'error=ENOSPC',
  EROFS: 'error=EROFS',
} as const

/** Why processes can't be traced here; undefined where they can. */
export function noStrace(): string | undefined {
  const { error, status, stderr } = spawnSync('strace', ['-f', '-qq', '-o', '/dev/null', 'true'], {
    encoding: 'utf8',
  })
  if (error !== undefined) return 'strace is not installed'
  return status === 0 ? undefined : `processes can’t be traced here: ${stderr.trim()}`
}

/**
 * Starts a Node process in which one system call goes wrong. strace counts a call for each thread by itself, so
 * LevelDB's writes and Node's files share one.
 */
export function startUnder(
  { call, path, when, fault }: Injection,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  const tracing = [
    '-f',
    '-qq',
    '--seccomp-bpf',
    '-o',
    '/dev/null',
    ...(path === undefined ? [] : ['-P', path]),
  ]
  const injecting = ['-e', `trace=${call}`, '-e', `inject=${call}:${FAULTS[fault]}:when=${when}`]
  return spawn('strace', [...tracing, ...injecting, process.execPath, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, UV_THREADPOOL_SIZE: '1', ...env },
  })
}
