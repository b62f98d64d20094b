import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

/** More than any note or mark has; the parsers refuse what is longer. */
export const MAX_NOTE_BYTES = 2_000_000

/**
 * The bytes of a file that somebody else may have put there. Rejects where it is something else than a file, or longer than `maxBytes`.
 *
 * ATTACK: a link to a device, which never ends, or a pipe, on which whoever opens it waits for ever.
 */
export async function readBounded(file: string, maxBytes: number): Promise<Buffer> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const found = await handle.stat()
    if (!found.isFile()) throw new Error(`${file} is no file`)
    if (found.size > maxBytes)
      throw new Error(`${file} has ${found.size} bytes, at most ${maxBytes} fit here`)
    const bytes = Buffer.alloc(found.size)
    let length = 0
    while (length < bytes.length) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length)
      if (bytesRead === 0) break
      length += bytesRead
    }
    return bytes.subarray(0, length)
  } finally {
    await handle.close()
  }
}
