import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { ROOT } from '../root.js'
import { instrument } from './instrument.js'

/** A target in one file that a worker can load, with its branches counted. */
export interface FuzzBundle {
  readonly file: string
  readonly branches: number
  readonly words: readonly string[]
}

/** What is counted: our own rooms, and the parsers of others that they rely on. Hashing and curves have no branch to find. */
const COUNTED = /^(?:src\/|node_modules\/(?:graphql|yaml|saxes|cborg)\/)/

/** Where compiled tests lie: fixtures find the repository's files from there. */
const BESIDE = pathToFileURL(join(ROOT, 'dist/test/fuzz/bundle.js')).href

/** Bundles `test/fuzz/targets/<name>.ts` into `dist/fuzz/<name>.cjs`. */
export async function bundleTarget(name: string): Promise<FuzzBundle> {
  const words = new Set<string>()
  let branches = 0
  const counting: Plugin = {
    name: 'counting',
    setup: ({ onLoad }) => {
      onLoad({ filter: /\.[mc]?[jt]s$/ }, ({ path }) => {
        const file = relative(ROOT, path)
        if (!COUNTED.test(file)) return undefined
        const counted = instrument(path, readFileSync(path, 'utf8'), branches)
        branches = counted.next
        if (file.startsWith('src/')) for (const word of counted.words) words.add(word)
        return { contents: counted.text, loader: path.endsWith('ts') ? 'ts' : 'js' }
      })
    },
  }
  const outdir = join(ROOT, 'dist/fuzz')
  mkdirSync(outdir, { recursive: true })
  await build({
    absWorkingDir: ROOT,
    bundle: true,
    charset: 'utf8',
    define: { 'import.meta.url': JSON.stringify(BESIDE) },
    entryPoints: [`test/fuzz/targets/${name}.ts`],
    external: ['classic-level', 'sodium-native', 'undici', 'typescript', 'esbuild'],
    format: 'cjs',
    logLevel: 'error',
    outfile: join(outdir, `${name}.cjs`),
    platform: 'node',
    plugins: [counting],
    preserveSymlinks: true,
    target: 'node20.19',
    tsconfigRaw: { compilerOptions: { target: 'es2023', verbatimModuleSyntax: true } },
  })
  const bundle = { file: join(outdir, `${name}.cjs`), branches, words: [...words].sort() }
  writeFileSync(join(outdir, `${name}.json`), JSON.stringify(bundle))
  return bundle
}
