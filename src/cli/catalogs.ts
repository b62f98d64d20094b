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

/** The catalogs that this version ships (config/catalogs/*.json), by name. They are checked when they are opened. */
export function loadShippedCatalogs(): ReadonlyMap<string, CatalogDocument> {
  const folder = join(packageRoot(), 'config', 'catalogs')
  const catalogs = new Map<string, CatalogDocument>()
  if (!existsSync(folder)) return catalogs
  for (const file of readdirSync(folder)
    .filter(name => name.endsWith('.json'))
    .sort()) {
    const document = parseStrictJson(readFileSync(join(folder, file))) as unknown as CatalogDocument
    catalogs.set(document.name, document)
  }
  return catalogs
}
