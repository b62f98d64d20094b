import { build, type Metafile } from 'esbuild'
import { ROOT, read } from '../root.js'
import { pureSources } from './pure-sources.js'

/** The console's page as its server hands it out: markup, style, and one module of the page's script and the pure rooms. */
export async function consolePage(): Promise<{
  readonly files: ReadonlyMap<string, string>
  readonly metafile: Metafile
}> {
  const { outputFiles, metafile } = await build({
    entryPoints: ['console-page/page.ts'],
    absWorkingDir: ROOT,
    bundle: true,
    charset: 'utf8',
    format: 'esm',
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
    platform: 'browser',
    plugins: [pureSources],
    // Paths are those of this folder, wherever the packages really are.
    preserveSymlinks: true,
    target: 'es2023',
    tsconfigRaw: { compilerOptions: { target: 'es2023', verbatimModuleSyntax: true } },
    write: false,
  })
  return {
    files: new Map([
      ['page.html', read('console-page/page.html')],
      ['style.css', read('console-page/style.css')],
      ['page.js', outputFiles[0]?.text ?? ''],
    ]),
    metafile,
  }
}
