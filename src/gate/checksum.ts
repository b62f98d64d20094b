import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { Crc32c, Crc64Nvme } from './crc.js'

/** A checksum that an AWS client sends behind the body that it is of. */
export interface Checksum {
  update(part: Uint8Array): void
  /** As the header writes it: base64 of the big-endian bytes. */
  base64(): string
}

/**
 * By the name of the trailing header.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
 */
export const TRAILING_CHECKSUMS: Readonly<Record<string, () => Checksum>> = {
  'x-amz-checksum-crc32': () => new Crc32(),
  'x-amz-checksum-crc32c': () => new Crc32c(),
  'x-amz-checksum-crc64nvme': () => new Crc64Nvme(),
  'x-amz-checksum-sha1': () => hashing('sha1'),
  'x-amz-checksum-sha256': () => hashing('sha256'),
}

class Crc32 implements Checksum {
  private value = 0

  update(part: Uint8Array): void {
    this.value = crc32(part, this.value)
  }

  base64(): string {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(this.value >>> 0)
    return bytes.toString('base64')
  }
}

function hashing(algorithm: 'sha1' | 'sha256'): Checksum {
  const hash = createHash(algorithm)
  return { update: part => void hash.update(part), base64: () => hash.digest('base64') }
}
