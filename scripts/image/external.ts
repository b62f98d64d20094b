import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { build } from 'esbuild'
import { EXTERNAL } from '../bundle/external.js'
import { type Package, packagesOf } from '../bundle/packages.js'
import { ROOT } from '../root.js'
import type { Tree } from './tree.js'

/** What lies in a package and says what it is and who may use it. */
const TOLD = /^(package\.json|(licen[cs]e|copying|notice)(\.\w+)?)$/i

/**
 * Copies of the packages that aren't bundled what loading them reads, and native code for this platform alone. Answers
 * those packages, with those that they bring along, and their native files.
 */
export async function copyExternal(
  tree: Tree,
  to: string,
): Promise<{ readonly packages: readonly Package[]; readonly native: readonly string[] }> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    bundle: true,
    entryPoints: [...EXTERNAL],
    format: 'cjs',
    logLevel: 'error',
    metafile: true,
    outdir: 'unwritten',
    platform: 'node',
    preserveSymlinks: true,
    write: false,
  })
  const packages = packagesOf(metafile)
  const native = packages.flatMap(nativeFiles)
  const told = packages.flatMap(({ folder }) =>
    readdirSync(join(ROOT, folder))
      .filter(name => TOLD.test(name))
      .map(name => `${folder}/${name}`),
  )
  for (const file of new Set([...Object.keys(metafile.inputs), ...told, ...native]))
    tree.copy(join(ROOT, file), `${to}/${file}`)
  return { packages, native: native.map(file => join(ROOT, file)) }
}

function nativeFiles({ folder }: Package): string[] {
  const prebuilds = `${folder}/prebuilds/${process.platform}-${process.arch}`
  try {
    return readdirSync(join(ROOT, prebuilds))
      .filter(name => name.endsWith('.node') && !name.includes('musl'))
      .map(name => `${prebuilds}/${name}`)
  } catch {
    return []
  }
}
