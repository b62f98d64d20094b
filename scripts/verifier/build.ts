import { createHash } from 'node:crypto'
import { build } from 'esbuild'
import { licencesOf } from '../bundle/licences.js'
import { pureSources } from '../bundle/pure-sources.js'
import { ROOT, read } from '../root.js'

/** The page that verifies bundles, as one file: the pure rooms, the page's own script and style, and a policy that lets nothing else in. */
export async function verifierPage(): Promise<string> {
  const { script, licences } = await bundled()
  const style = read('verifier/style.css')
  const parts: Readonly<Record<string, string>> = {
    CSP: policyOf(script, style),
    STYLE: style,
    LICENCES: escaped(licences),
    SCRIPT: script,
  }
  return read('verifier/page.html').replace(/%([A-Z]+)%/g, (_, part: string) => parts[part] as string)
}

/** Not minified: who distrusts it can read it and hold it against the source. */
async function bundled(): Promise<{ readonly script: string; readonly licences: string }> {
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
  return { script, licences: licencesOf(metafile) }
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

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
