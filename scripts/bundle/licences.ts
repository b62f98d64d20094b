import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Metafile } from 'esbuild'
import { ROOT, read } from './root.js'

/** Licences of all packages that a bundle has in it, each under the name and version of its package. */
export function licencesOf({ inputs }: Metafile): string {
  const names = Object.keys(inputs).map(path => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1])
  return [...new Set(names.filter(name => name !== undefined))].sort().map(licenceOf).join('\n\n')
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
