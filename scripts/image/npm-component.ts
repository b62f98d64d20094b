import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Package } from '../bundle/packages.js'
import { ROOT } from '../root.js'
import type { Component } from './sbom.js'

interface Lock {
  readonly packages: Readonly<Record<string, { readonly integrity?: string }>>
}

const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lock

/** A package of npm, with the hash that the lock holds its archive to. */
export function npmComponent({ folder, name, version, license }: Package): Component {
  const [, base64] = /^sha512-(.+)$/.exec(lock.packages[folder]?.integrity ?? '') ?? []
  return {
    type: 'library',
    name,
    version,
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    license,
    ...(base64 === undefined
      ? {}
      : { hashes: [{ alg: 'SHA-512', content: Buffer.from(base64, 'base64').toString('hex') }] }),
  }
}
