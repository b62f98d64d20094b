import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

/*
 * `node dist/scripts/stale.js [ROOT]`: removes from ROOT/dist what was compiled of sources that are gone. The build is
 * incremental, and the compiler leaves such files; tests and the package would still have them.
 */

const COMPILED = /\.(?:js|js\.map|d\.ts)$/
const ROOT = process.argv[2] ?? '.'

for (const folder of ['src', 'test', 'bench', 'scripts']) {
  const built = join(ROOT, 'dist', folder)
  if (!existsSync(built)) continue
  for (const file of readdirSync(built, { recursive: true, encoding: 'utf8' })) {
    if (!COMPILED.test(file)) continue
    if (!existsSync(join(ROOT, folder, file.replace(COMPILED, '.ts')))) rmSync(join(built, file))
  }
}
