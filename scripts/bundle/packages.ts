import type { Metafile } from 'esbuild'
import { read } from '../root.js'

/** A package that a bundle has something of. */
export interface Package {
  /** Below the repository's folder, as `node_modules/jose`. */
  readonly folder: string
  readonly name: string
  readonly version: string
  /** An SPDX expression. */
  readonly license: string
}

/** All packages that a bundle was made of, by name; one that is there in two versions is there twice. */
export function packagesOf({ inputs }: Pick<Metafile, 'inputs'>): readonly Package[] {
  const folders = Object.keys(inputs).map(path => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0])
  return [...new Set(folders.filter(folder => folder !== undefined))]
    .map(described)
    .sort((a, b) => (`${a.name} ${a.version}` < `${b.name} ${b.version}` ? -1 : 1))
}

function described(folder: string): Package {
  const { name, version, license } = JSON.parse(read(`${folder}/package.json`)) as Omit<Package, 'folder'>
  return { folder, name, version, license }
}
