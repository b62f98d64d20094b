import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'

/** As the image has it. */
const VERSION = 24
const CACHE = join(tmpdir(), `countersign-node-${VERSION}`)

/** A Node with a permission model: this one, or another as npm's registry has it. Answers why there is none, where there is none. */
export function newerNode(): { readonly node: string } | { readonly missing: string } {
  if (process.allowedNodeEnvironmentFlags.has('--permission')) return { node: process.execPath }
  const node = join(CACHE, 'package', 'bin', 'node')
  if (existsSync(node)) return { node }
  const work = mkdtempSync(`${CACHE}-`)
  try {
    const name = `node-linux-${process.arch}@${VERSION}`
    const packed = spawnSync('npm', ['pack', '--silent', name, '--pack-destination', work], {
      encoding: 'utf8',
    })
    if (packed.status !== 0) return { missing: `npm has no ${name} here: ${packed.stderr}` }
    const archive = readdirSync(work)[0] as string
    const unpacked = spawnSync('tar', ['-C', work, '-xzf', join(work, archive), 'package/bin/node'], {
      encoding: 'utf8',
    })
    if (unpacked.status !== 0) return { missing: unpacked.stderr }
    mkdirSync(CACHE, { recursive: true })
    renameSync(join(work, 'package'), join(CACHE, 'package'))
    return { node }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
