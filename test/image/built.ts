import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../src/cli/catalogs.js'
import { CACHE, ran } from './engine.js'

/** Builds an image of the Dockerfile as docs/image.md says, from nothing that an earlier build left. */
export function build(base: string, target: 'sidecar' | 'firewall', tag: string): string {
  const image = `localhost/countersign-test-${target}:${tag}`
  const from = `--build-arg=BUILD_BASE=${base}`
  ran(
    'buildah',
    'build',
    '--no-cache',
    '--timestamp=0',
    from,
    `--target=${target}`,
    `--tag=${image}`,
    packageRoot(),
  )
  return image
}

/** A file of an image, as `tar` lists it. */
export interface Entry {
  /** As `ls` shows it, such as `-rwxr-xr-x`. */
  readonly mode: string
  readonly owner: string
  readonly bytes: number
  readonly path: string
}

/** An image as it lies in a registry, unpacked for a look at it. */
export class Opened {
  readonly entries: readonly Entry[]
  /** Of the compressed layers. */
  readonly pulledBytes: number
  readonly digest: string
  readonly config: { readonly User: string; readonly Labels: Readonly<Record<string, string>> }
  private readonly folder: string
  private readonly root: string

  constructor(image: string) {
    this.folder = mkdtempSync(join(CACHE, 'opened-'))
    ran('buildah', 'push', '--quiet', '--format=oci', image, `oci:${this.folder}:image`)
    const index = this.blob<{ manifests: readonly [{ digest: string }] }>('index.json')
    this.digest = index.manifests[0].digest
    const manifest = this.blob<{ config: { digest: string }; layers: readonly { digest: string }[] }>(
      pathOf(this.digest),
    )
    this.config = this.blob<{ config: Opened['config'] }>(pathOf(manifest.config.digest)).config
    const layers = manifest.layers.map(({ digest }) => join(this.folder, pathOf(digest)))
    this.pulledBytes = layers.reduce((sum, layer) => sum + statSync(layer).size, 0)
    this.entries = layers.flatMap(layer =>
      ran('tar', '--numeric-owner', '-tvf', layer).split('\n').map(entryOf),
    )
    this.root = join(this.folder, 'root')
    mkdirSync(this.root)
    for (const layer of layers) ran('tar', '--no-same-owner', '-C', this.root, '-xf', layer)
  }

  get bytes(): number {
    return this.entries.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8')
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  private blob<T>(path: string): T {
    return JSON.parse(readFileSync(join(this.folder, path), 'utf8')) as T
  }
}

function pathOf(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`
}

/** `-rwxr-xr-x 0/0 108712632 1970-01-01 00:00 usr/local/bin/node`, a link with ` -> …` behind it. */
function entryOf(line: string): Entry {
  const [mode = '', owner = '', bytes = '', , , ...path] = line.split(/\s+/)
  const name = path.join(' ').replace(/ -> .*/, '')
  return { mode, owner, bytes: Number(bytes), path: `/${name.replace(/\/$/, '')}` }
}

/** Names of all packages of npm that went into this repository's own build of the program. */
export function bundledHere(): readonly string[] {
  const bundled = JSON.parse(readFileSync(join(packageRoot(), 'dist/bundled.json'), 'utf8')) as readonly {
    name: string
    version: string
  }[]
  return bundled.map(({ name, version }) => `${name} ${version}`)
}

/** Names of the image's folders of packages, with the versions that they say. */
export function packagesIn(opened: Opened): readonly string[] {
  return opened.entries
    .filter(({ path }) =>
      /^\/app\/node_modules\/.*(?<=node_modules\/(@[^/]+\/)?[^/]+)\/package\.json$/.test(path),
    )
    .map(({ path }) => {
      const { name, version } = JSON.parse(opened.read(path)) as { name: string; version: string }
      return `${name} ${version}`
    })
}
