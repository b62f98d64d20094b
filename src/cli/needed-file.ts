import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { CountersignError } from '../canon/index.js'
import { cliFault } from './error-table.js'

/** As many as the largest bundle has; everything else that is read whole is far smaller. */
const MAX_BYTES = 134_217_728

/** The bytes of a file without which there is no going on. Throws `file_unreachable` with the file and the reason. */
export function readNeeded(file: string, maxBytes = MAX_BYTES): Buffer {
  let bytes: Buffer | null
  try {
    bytes = readUpTo(file, maxBytes)
  } catch (error) {
    throw cliFault('file_unreachable', `${file}: ${(error as NodeJS.ErrnoException).code}`)
  }
  if (bytes === null) throw cliFault('file_unreachable', `${file}: more than ${maxBytes} bytes`)
  return bytes
}

/**
 * Null for what is longer. ATTACK: evidence that is handed over may be of any size, and memory is not; a link to a device says that it is
 * empty, and never ends.
 */
export function readUpTo(file: string, maxBytes: number): Buffer | null {
  const descriptor = openSync(file, 'r')
  try {
    const { size } = fstatSync(descriptor)
    if (size > maxBytes) return null
    const parts: Buffer[] = []
    let length = 0
    for (;;) {
      const part = Buffer.alloc(Math.max(size - length, 0) + READ_BYTES)
      const read = readSync(descriptor, part)
      if (read === 0) return Buffer.concat(parts)
      parts.push(part.subarray(0, read))
      length += read
      if (length > maxBytes) return null
    }
  } finally {
    closeSync(descriptor)
  }
}

const READ_BYTES = 65_536

/** Reads a file with `open`; a fault in its content names the file. */
export function openNeeded<T>(file: string, open: (bytes: Buffer) => T): T {
  const bytes = readNeeded(file)
  try {
    return open(bytes)
  } catch (error) {
    throw error instanceof CountersignError ? error.within(file) : error
  }
}
