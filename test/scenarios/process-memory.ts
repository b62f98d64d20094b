import { closeSync, openSync, readFileSync, readSync } from 'node:fs'

/** Text or bytes that are looked for, with the name under which a find is reported. */
export interface Needle {
  readonly name: string
  readonly bytes: Buffer
}

const CHUNK = 4 * 1024 * 1024
const ZEROS = Buffer.alloc(CHUNK)

/** A secret in the forms in which a process could hold it: as UTF-8, as V8's two-byte strings, in base64 and hex. */
export function needlesOf(name: string, secret: string): Needle[] {
  const forms: readonly (readonly [string, Buffer])[] = [
    ['utf8', Buffer.from(secret)],
    ['utf16', Buffer.from(secret, 'utf16le')],
    ['base64', Buffer.from(Buffer.from(secret).toString('base64'))],
  ]
  return forms.map(([form, bytes]) => ({ name: `${name} as ${form}`, bytes }))
}

/** The same for key material that a process would hold as bytes. */
export function keyNeedlesOf(name: string, base64url: string): Needle[] {
  const raw = Buffer.from(base64url, 'base64url')
  return [
    ...needlesOf(name, base64url),
    { name: `${name} as bytes`, bytes: raw },
    { name: `${name} as base64 of bytes`, bytes: Buffer.from(raw.toString('base64')) },
    { name: `${name} as hex`, bytes: Buffer.from(raw.toString('hex')) },
  ]
}

/**
 * Names of the needles that are in a process's memory (every readable region, heap, stacks and buffers alike), its
 * environment or its command line. Throws the system's error where the memory may not be read.
 */
export function scanProcess(
  pid: number,
  needles: readonly Needle[],
): { found: string[]; scannedBytes: number } {
  const found = new Set<string>()
  const overlap = Math.max(...needles.map(({ bytes }) => bytes.length)) - 1
  const look = (haystack: Buffer): void => {
    for (const { name, bytes } of needles) if (!found.has(name) && haystack.includes(bytes)) found.add(name)
  }
  for (const file of ['environ', 'cmdline']) look(readFileSync(`/proc/${pid}/${file}`))
  let scannedBytes = 0
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  try {
    const window = Buffer.allocUnsafeSlow(CHUNK)
    for (const { from, to } of readableRegions(pid)) {
      for (let at = from; at < to; at += CHUNK - overlap) {
        const wanted = Math.min(CHUNK, to - at)
        const read = readAt(memory, window, wanted, at)
        scannedBytes += read
        const part = window.subarray(0, read)
        if (!part.equals(ZEROS.subarray(0, read))) look(part)
        if (wanted < CHUNK) break
      }
    }
  } finally {
    closeSync(memory)
  }
  return { found: [...found].sort(), scannedBytes }
}

function readableRegions(pid: number): { from: number; to: number }[] {
  return readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .flatMap(line => {
      const match = /^([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ \S+\s*(.*)$/.exec(line)
      // The kernel's own pages can't be read and hold nothing of the process.
      if (match === null || match[3]?.startsWith('[v') === true) return []
      return [{ from: Number.parseInt(match[1] as string, 16), to: Number.parseInt(match[2] as string, 16) }]
    })
}

/** 0 where the region went away meanwhile. */
function readAt(memory: number, window: Buffer, length: number, at: number): number {
  try {
    return readSync(memory, window, 0, length, at)
  } catch (error) {
    if (['EIO', 'EFAULT'].includes((error as NodeJS.ErrnoException).code ?? '')) return 0
    throw error
  }
}
