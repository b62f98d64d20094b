import { spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'

/** Where benchmarks make their folders. */
const BASE = process.env.COUNTERSIGN_BENCH_DIR ?? tmpdir()

/** A new folder on the disk that is measured: below `COUNTERSIGN_BENCH_DIR`, or below the system's folder for temporary files. */
export function benchFolder(name: string): string {
  return mkdtempSync(join(BASE, `countersign-${name}-`))
}

/** Type of the file system that the folders are on. In memory an fsync costs nothing, and a ledger there says nothing. */
export function fileSystem(tell: (line: string) => void): string {
  const type = spawnSync('stat', ['-f', '-c', '%T', BASE], { encoding: 'utf8' }).stdout?.trim() || 'unknown'
  if (type === 'tmpfs' || type === 'ramfs')
    tell(
      `${BASE} is in memory (${type}): no write is durable there; set COUNTERSIGN_BENCH_DIR to a folder on a disk`,
    )
  return type
}
