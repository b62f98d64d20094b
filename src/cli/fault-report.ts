import { CountersignError } from '../canon/index.js'
import { visible, visibleLines } from './entry-text.js'
import { AnswerNo, ExitWith, type Io, UsageError } from './io.js'

/** Says on standard error what ended a command, with its mend, and answers the exit code: 1 the answer is no, 2 usage, configuration or a fault. */
export function reportFault(error: unknown, io: Pick<Io, 'stderr'>): number {
  if (error instanceof AnswerNo) return 1
  if (error instanceof ExitWith) return error.code
  if (error instanceof CountersignError) {
    io.stderr.write(`error ${error.code}: ${visible(error.message)}\n  ${visible(error.mend)}\n`)
    return 2
  }
  if (error instanceof UsageError) {
    io.stderr.write(`error: ${visibleLines(error.message)}\n  ${error.mend}\n`)
    return 2
  }
  if (isOfSystem(error)) {
    const { code, syscall, path } = error
    io.stderr.write(
      `error: ${visible(path ?? 'the system')} can’t be used (${code} at ${syscall})\n  Check the path, its owner and its mode.\n`,
    )
    return 2
  }
  io.stderr.write(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  return 2
}

/** A file or an address that the system refuses, and that nobody has said more about. */
function isOfSystem(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'path' in error
}
