import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** The page that verifies bundles, as one file: the pure rooms, the page's own script and style, and a policy that lets nothing else in. */
export async function verifierPage(): Promise<string> {
  const { script, packages } = await bundled()
  const style = read('verifier/style.css')
  const parts: Readonly<Record<string, string>> = {
    CSP: policyOf(script, style),
    STYLE: style,
    LICENCES: escaped(packages.map(licenceOf).join('\n\n')),
    SCRIPT: script,
  }
  return read('verifier/page.html').replace(/%([A-Z]+)%/g, (_, part: string) => parts[part] as string)
}

/** Not minified: who distrusts it can read it and hold it against the source. */
async function bundled(): Promise<{ readonly script: string; readonly packages: readonly string[] }> {
  const { outputFiles, metafile, warnings } = await build({
    entryPoints: ['verifier/page.ts'],
    absWorkingDir: ROOT,
    bundle: true,
    charset: 'utf8',
    format: 'iife',
    legalComments: 'none',
    metafile: true,
    platform: 'browser',
    plugins: [pureSources],
    // Paths are those of this folder, wherever the packages really are.
    preserveSymlinks: true,
    target: 'es2023',
    tsconfigRaw: { compilerOptions: { target: 'es2023', verbatimModuleSyntax: true } },
    write: false,
  })
  if (warnings.length > 0) throw new Error(warnings.map(({ text }) => text).join('\n'))
  const script = `\n${outputFiles[0]?.text ?? ''}`
  // ATTACK: a string of the source that ends the element would start markup.
  if (/<\/script|<!--/i.test(script)) throw new Error('the script would end its own element')
  const names = Object.keys(metafile.inputs).map(path => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1])
  return { script, packages: [...new Set(names.filter(name => name !== undefined))].sort() }
}

/** The rooms of `src/` do nothing when they are loaded, so a module of which nothing is used is left out with its packages. */
const pureSources: Plugin = {
  name: 'pure-sources',
  setup: ({ onResolve, resolve }) => {
    onResolve({ filter: /^\.\.?\// }, async ({ path, importer, kind, resolveDir, pluginData }) => {
      if (pluginData === pureSources.name) return undefined
      const found = await resolve(path, { importer, kind, resolveDir, pluginData: pureSources.name })
      return found.path.startsWith(join(ROOT, 'src')) ? { ...found, sideEffects: false } : found
    })
  },
}

function policyOf(script: string, style: string): string {
  return [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    "base-uri 'none'",
    "form-action 'none'",
    // No text becomes markup, whoever's it is.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ')
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}

function licenceOf(name: string): string {
  const folder = `node_modules/${name}`
  const { version, license } = JSON.parse(read(`${folder}/package.json`)) as {
    version: string
    license: string
  }
  const file = readdirSync(join(ROOT, folder)).find(each => /^licen[cs]e/i.test(each))
  return `${name} ${version} (${license})\n\n${file === undefined ? '' : read(`${folder}/${file}`).trim()}`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}
