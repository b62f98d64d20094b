import { readFileSync, statSync } from 'node:fs'
import { CountersignError } from '../canon/index.js'
import { cliFault } from './error-table.js'

/** As many as the largest bundle has; everything else that is read whole is far smaller. */
const MAX_BYTES = 134_217_728

/** The bytes of a file without which there is no going on. Throws `file_unreachable` with the file and the reason. */
export function readNeeded(file: string, maxBytes = MAX_BYTES): Buffer {
  try {
    // ATTACK: evidence that is handed over may be of any size, and memory is not.
    if (statSync(file).size <= maxBytes) return readFileSync(file)
  } catch (error) {
    throw cliFault('file_unreachable', `${file}: ${(error as NodeJS.ErrnoException).code}`)
  }
  throw cliFault('file_unreachable', `${file}: more than ${maxBytes} bytes`)
}

/** Reads a file with `open`; a fault in its content names the file. */
export function openNeeded<T>(file: string, open: (bytes: Buffer) => T): T {
  const bytes = readNeeded(file)
  try {
    return open(bytes)
  } catch (error) {
    throw error instanceof CountersignError ? error.within(file) : error
  }
}
