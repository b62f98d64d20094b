import { type ChildProcess, fork } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

/** A process of the benchmark that reported its port. */
export interface Started {
  readonly port: number
  readonly pid: number
  stop(): void
}

export function start(file: string, ...args: readonly string[]): Promise<Started> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args)
  return new Promise((resolve, reject) => {
    child.once('exit', code => reject(new Error(`${file} ended with ${code}`)))
    child.once('message', message => {
      resolve({
        port: (message as { port: number }).port,
        pid: child.pid as number,
        stop: () => child.disconnect(),
      })
    })
  })
}

/** Pid of the supervisor's child that runs a role. */
export function roleOf(supervisor: ChildProcess, role: string): number {
  const parent = String(supervisor.pid)
  const pid = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .find(name => {
      try {
        const status = readFileSync(`/proc/${name}/status`, 'utf8')
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0')
        return status.includes(`PPid:\t${parent}\n`) && command[command.indexOf('--role') + 1] === role
      } catch {
        return false
      }
    })
  if (pid === undefined) throw new Error(`no ${role} process`)
  return Number(pid)
}

/** A process and all that descend from it. */
export function familyOf(pid: number): readonly number[] {
  const children = readdirSync('/proc').filter(name => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/status`, 'utf8').includes(`PPid:\t${pid}\n`)
    } catch {
      return false
    }
  })
  return [pid, ...children.flatMap(child => familyOf(Number(child)))]
}

/** Whether a program is on the PATH. */
export function installed(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some(folder => existsSync(join(folder, program)))
}

/** Of a package: this one, or one that it uses. */
export function versionOf(name: string): string {
  const require = createRequire(import.meta.url)
  const file = name === 'countersign' ? '../../package.json' : `${name}/package.json`
  return (require(file) as { version: string }).version
}

const TICKS_PER_SECOND = 100

/** Processor time of a process so far, in seconds (proc(5), utime and stime). */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Resident memory of a process in MiB. */
export function residentMiB(pid: number): number {
  return memoryMiB(pid, 'VmRSS')
}

/** The most that it ever had. */
export function peakMiB(pid: number): number {
  return memoryMiB(pid, 'VmHWM')
}

/** Resident memory with each page divided by the processes that share it, so that a sum counts none twice (proc(5), Pss). */
export function proportionalMiB(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1]) / 1024
}

/** Its own memory: resident, and not pages of a file that it has mapped, which the system takes back as it likes. */
export function ownMiB(pid: number): number {
  return memoryMiB(pid, 'RssAnon')
}

function memoryMiB(pid: number, name: 'VmRSS' | 'VmHWM' | 'RssAnon'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024
}
