import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import type { Component } from './sbom.js'
import type { Tree } from './tree.js'

/** Versions of Node's own that are numbers of interfaces, or of nothing that is linked in. */
const NO_PARTS = ['node', 'modules', 'napi']

/** Node as it runs this: without symbols, which are a seventh of it, and without npm. */
export function copyNode(tree: Tree, path: string): Component {
  tree.copy(process.execPath, path, 0o755)
  execFileSync('strip', ['--strip-all', tree.at(path)])
  const licence = join(dirname(process.execPath), '../LICENSE')
  if (existsSync(licence)) tree.copy(licence, '/usr/share/doc/node/LICENSE')
  const sha256 = createHash('sha256')
    .update(readFileSync(tree.at(path)))
    .digest('hex')
  return {
    type: 'platform',
    name: 'node',
    version: process.versions.node,
    purl: `pkg:generic/node@${process.versions.node}`,
    license: 'MIT',
    hashes: [{ alg: 'SHA-256', content: sha256 }],
    components: Object.entries(process.versions).flatMap(([name, version]) =>
      version === undefined || NO_PARTS.includes(name)
        ? []
        : [{ type: 'library' as const, name, version, purl: `pkg:generic/${name}@${version}` }],
    ),
  }
}
