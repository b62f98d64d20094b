import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Metafile } from 'esbuild'
import { ROOT, read } from '../root.js'
import { type Package, packagesOf } from './packages.js'

/** Licences of all packages that a bundle has in it, each under the name and version of its package. */
export function licencesOf(metafile: Pick<Metafile, 'inputs'>): string {
  return packagesOf(metafile).map(licenceOf).join('\n\n')
}

function licenceOf({ folder, name, version, license }: Package): string {
  const file = readdirSync(join(ROOT, folder)).find(each => /^licen[cs]e/i.test(each))
  return `${name} ${version} (${license})\n\n${file === undefined ? '' : read(`${folder}/${file}`).trim()}`
}
