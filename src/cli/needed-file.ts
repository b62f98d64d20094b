import { readFileSync } from 'node:fs'
import { cliFault } from './error-table.js'

/** The bytes of a file without which there is no going on. Throws `file_unreachable` with the file and the reason. */
export function readNeeded(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw cliFault('file_unreachable', `${file}: ${(error as NodeJS.ErrnoException).code}`)
  }
}
