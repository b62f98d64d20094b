import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Component } from './sbom.js'
import type { Tree } from './tree.js'

/**
 * Copies the shared libraries that these programs and modules are linked to, the loader among them, to where the loader
 * looks for them, with the licence of each Debian package. Answers those packages.
 */
export function copyLibraries(tree: Tree, files: readonly string[]): readonly Component[] {
  const libraries = new Set(files.flatMap(librariesOf))
  const packages = new Map<string, Component>()
  for (const library of [...libraries].sort()) {
    tree.copy(library, library, 0o755)
    const owner = debianPackage(library)
    packages.set(owner.name, owner)
  }
  for (const { name } of packages.values()) copyLicence(tree, name)
  return [...packages.values()]
}

/** The Debian package that a file of this machine belongs to. */
export function debianPackage(file: string): Component {
  const name = ownerOf(file)
  const fields = ['Package', 'Version', 'Architecture', 'source:Package']
    .map(field => `\${${field}}`)
    .join('\t')
  const [binary = name, version = '', architecture = '', source = ''] = run(
    'dpkg-query',
    '-W',
    '-f',
    fields,
    name,
  )
    .split('\t')
    .map(each => each.trim())
  const query = new URLSearchParams({ arch: architecture, distro: 'debian', upstream: source })
  return {
    type: 'library',
    name: binary,
    version,
    purl: `pkg:deb/debian/${encodeURIComponent(binary)}@${encodeURIComponent(version)}?${query}`,
  }
}

export function copyLicence(tree: Tree, debianName: string): void {
  const file = `/usr/share/doc/${debianName}/copyright`
  if (!existsSync(file)) throw new Error(`${debianName} has no licence at ${file}`)
  if (!tree.has(file)) tree.copy(file, file)
}

/** Lines of `ldd`: `libm.so.6 => /lib/…/libm.so.6 (0x…)`, and `/lib64/ld-linux-x86-64.so.2 (0x…)` for the loader. */
function librariesOf(file: string): string[] {
  const lines = run('ldd', file).split('\n')
  const missing = lines.find(line => line.includes('not found'))
  if (missing !== undefined) throw new Error(`${file}: ${missing.trim()}`)
  return lines.map(line => /(\/\S+) \(0x/.exec(line)?.[1]).filter(path => path !== undefined)
}

/** Debian's list of files may name one under `/usr/lib` that the loader found under `/lib`, which is a link to it, or the other way. */
function ownerOf(file: string): string {
  const other = file.startsWith('/usr/') ? file.slice('/usr'.length) : `/usr${file}`
  for (const path of [file, other]) {
    try {
      return (run('dpkg-query', '-S', path).split('\n')[0] as string).split(': ')[0] as string
    } catch {
      // Not under this name.
    }
  }
  throw new Error(`no Debian package has ${file}`)
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
}
