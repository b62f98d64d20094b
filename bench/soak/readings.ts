import { readdirSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ownMiB, residentMiB } from '../processes.js'

/** One look at a process. */
export interface Reading {
  readonly residentMiB: number
  /** Without the pages of files: LevelDB maps its tables, as many as there are. */
  readonly ownMiB: number
  /** Open descriptors, the ledger's own files apart: their number follows its size. */
  readonly descriptors: number
}

export function readProcess(pid: number, ledger: string): Reading {
  const folder = `/proc/${pid}/fd`
  const descriptors = readdirSync(folder).filter(
    name => !targetOf(join(folder, name)).startsWith(ledger),
  ).length
  return { residentMiB: residentMiB(pid), ownMiB: ownMiB(pid), descriptors }
}

/** Nothing where it was closed meanwhile. */
function targetOf(link: string): string {
  try {
    return readlinkSync(link)
  } catch {
    return ''
  }
}

export function ledgerMiB(folder: string): number {
  const bytes = readdirSync(folder).map(
    name => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0,
  )
  return bytes.reduce((sum, size) => sum + size, 0) / 1_048_576
}

/**
 * Between two collections a heap swings by as much as it holds: of each third the low readings count, which come
 * right after one. A leak raises them as it does all others.
 */
const LOW = 0.1
/** Growth that is none: a heap isn't collected to the byte. */
const SLACK_SHARE = 0.1
const SLACK_MIB = 8
/** A run of half an hour is long enough for a slope; in a shorter one it is mostly what the two thirds happen to be. */
const SLOPE_HOURS = 0.3
const MOST_MIB_PER_HOUR = 60

export interface Growth {
  readonly middleMiB: number
  readonly lastMiB: number
  readonly mibPerHour: number
  readonly grows: boolean
}

/** The low readings of the last third against those of the middle one; `hours` is what the samples span. */
export function growthOf(samples: readonly number[], hours: number): Growth {
  const third = Math.floor(samples.length / 3)
  const middleMiB = low(samples.slice(third, 2 * third))
  const lastMiB = low(samples.slice(-third))
  const mibPerHour = (lastMiB - middleMiB) / (hours / 3)
  const steep = hours >= SLOPE_HOURS && mibPerHour > MOST_MIB_PER_HOUR
  return {
    middleMiB,
    lastMiB,
    mibPerHour,
    grows: steep || lastMiB > middleMiB * (1 + SLACK_SHARE) + SLACK_MIB,
  }
}

function low(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length * LOW)] ?? Number.NaN
}
