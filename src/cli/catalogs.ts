import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseStrictJson } from '../canon/index.js'
import type { CatalogDocument } from '../protocol/index.js'

/** Folder of the installed package: the one with package.json, from wherever the compiled files lie. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder)
  return folder
}

/**
 * The catalogs that this version ships (config/catalogs/*.json), by name, which is their file's. Each is read when it is
 * first asked for; it is checked when it is opened.
 */
export function loadShippedCatalogs(): ReadonlyMap<string, CatalogDocument> {
  const folder = join(packageRoot(), 'config', 'catalogs')
  const files = existsSync(folder) ? readdirSync(folder).filter(name => name.endsWith('.json')) : []
  return new ShelvedCatalogs(folder, files.map(name => name.slice(0, -'.json'.length)).sort())
}

/** Its entries are there from the start; only `get` and what walks over the values read them. */
class ShelvedCatalogs extends Map<string, CatalogDocument> {
  readonly #folder: string

  constructor(folder: string, names: readonly string[]) {
    super()
    this.#folder = folder
    for (const name of names) super.set(name, UNREAD)
  }

  override get(name: string): CatalogDocument | undefined {
    const known = super.get(name)
    if (known !== UNREAD) return known
    const bytes = readFileSync(join(this.#folder, `${name}.json`))
    const document = parseStrictJson(bytes) as unknown as CatalogDocument
    super.set(name, document)
    return document
  }

  override *values(): MapIterator<CatalogDocument> {
    for (const name of this.keys()) yield this.get(name) as CatalogDocument
  }

  override *entries(): MapIterator<[string, CatalogDocument]> {
    for (const name of this.keys()) yield [name, this.get(name) as CatalogDocument]
  }

  override [Symbol.iterator](): MapIterator<[string, CatalogDocument]> {
    return this.entries()
  }

  override forEach(
    act: (document: CatalogDocument, name: string, map: Map<string, CatalogDocument>) => void,
  ): void {
    for (const [name, document] of this.entries()) act(document, name, this)
  }
}

const UNREAD = {} as CatalogDocument
