import type { Readable, Writable } from 'node:stream'
import { escapeHidden, visibleLines } from './entry-text.js'

/** What a command may touch of the process that it runs in; the only door to argv's surroundings. */
export interface Io {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}

/** Thrown by a command whose answer is "no": exit code 1. What was to be said is already printed. */
export class AnswerNo extends Error {}

/** Thrown to end with the exit code of a command that was run for the user. */
export class ExitWith extends Error {
  readonly code: number

  constructor(code: number) {
    super(`exit ${code}`)
    this.code = code
  }
}

/** Thrown for a usage or configuration mistake: exit code 2, printed with its mend. */
export class UsageError extends Error {
  readonly mend: string

  constructor(message: string, mend: string) {
    super(message)
    this.mend = mend
  }
}

/** ATTACK: whatever is printed may hold names from elsewhere; what a terminal would obey doesn't get there. */
export function printLine(io: Io, line = ''): void {
  io.stdout.write(`${visibleLines(line)}\n`)
}

/** One JSON document on standard output, for `--json`; what a terminal would obey is written as escapes. */
export function printJson(io: Io, value: unknown): void {
  io.stdout.write(`${jsonText(value)}\n`)
}

/** Indented JSON in which every letter can be seen. */
export function jsonText(value: unknown): string {
  return escapeHidden(JSON.stringify(value, null, 2))
}
