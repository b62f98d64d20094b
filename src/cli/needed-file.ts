import { readFileSync } from 'node:fs'
import { CountersignError } from '../canon/index.js'
import { cliFault } from './error-table.js'

/** The bytes of a file without which there is no going on. Throws `file_unreachable` with the file and the reason. */
export function readNeeded(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw cliFault('file_unreachable', `${file}: ${(error as NodeJS.ErrnoException).code}`)
  }
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
