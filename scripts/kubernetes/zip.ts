import { inflateRawSync } from 'node:zlib'

/** PKWARE APPNOTE 6.3, §4.3.16 and §4.3.12. */
const END_OF_DIRECTORY = 0x06054b50
const DIRECTORY_ENTRY = 0x02014b50
const STORED = 0
const DEFLATED = 8

/** The files of a zip archive by name, each unpacked when it is asked for. Throws for what isn't plain. */
export function filesOfZip(archive: Buffer): ReadonlyMap<string, () => Buffer> {
  // Without a comment the record stands at the very end.
  const end = archive.length - 22
  if (archive.readUInt32LE(end) !== END_OF_DIRECTORY) throw new Error('no zip archive')
  const files = new Map<string, () => Buffer>()
  let at = archive.readUInt32LE(end + 16)
  for (let left = archive.readUInt16LE(end + 10); left > 0; left--) {
    if (archive.readUInt32LE(at) !== DIRECTORY_ENTRY) throw new Error('a broken zip archive')
    const [method, packed] = [archive.readUInt16LE(at + 10), archive.readUInt32LE(at + 20)]
    const local = archive.readUInt32LE(at + 42)
    const lengths = [28, 30, 32].map(offset => archive.readUInt16LE(at + offset)) as [number, number, number]
    const name = archive.toString('utf8', at + 46, at + 46 + lengths[0])
    files.set(name, () => {
      if (method !== STORED && method !== DEFLATED) throw new Error(`${name}: method ${method}`)
      const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28)
      const bytes = archive.subarray(start, start + packed)
      return method === STORED ? bytes : inflateRawSync(bytes)
    })
    at += 46 + lengths[0] + lengths[1] + lengths[2]
  }
  return files
}
