import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/**
 * Lowers what a running process may have: bytes of a file that it writes, which is how a full disk looks to it, or
 * open descriptors. Answers why that can't be done here, where it can't.
 */
export function limit(pid: number, what: 'fsize' | 'nofile', value: number): string | undefined {
  const { error, status, stderr } = spawnSync('prlimit', ['--pid', String(pid), `--${what}=${value}:`], {
    encoding: 'utf8',
  })
  return error === undefined && status === 0 ? undefined : `prlimit: ${error?.message ?? stderr}`
}

export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** What this process itself may open. */
export function mostDescriptors(): number {
  return Number(/^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 0)
}

export function residentMib(pid: number): number {
  return mib(pid, 'VmRSS')
}

/** The most that it ever had. */
export function peakResidentMib(pid: number): number {
  return mib(pid, 'VmHWM')
}

function mib(pid: number, name: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024
}
