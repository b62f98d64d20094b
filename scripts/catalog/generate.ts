import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { canonicalBytes, contentId, portableCrypto } from '../../src/canon/index.js'
import { type CatalogDocument, openCatalog } from '../../src/protocol/index.js'
import { awsCatalog } from './aws.js'
import { githubCatalog } from './github.js'
import { githubGraphqlCatalog } from './github-graphql.js'
import { railwayCatalog } from './railway.js'
import { stripeCatalog } from './stripe.js'

/** Every catalog that ships, by the generator that makes it. */
const GENERATORS: readonly (() => CatalogDocument)[] = [
  githubCatalog,
  githubGraphqlCatalog,
  railwayCatalog,
  stripeCatalog,
]

/** Writes each catalog as JCS, so that the file's digest is the id that a policy pins. Same sources, same bytes. */
function generate(folder: string): void {
  mkdirSync(folder, { recursive: true })
  for (const make of GENERATORS) {
    const document = make()
    const operations = openCatalog(document).operations()
    const bytes = canonicalBytes(document)
    writeFileSync(join(folder, `${document.name}.json`), bytes)
    const id = contentId(portableCrypto, bytes)
    process.stdout.write(`${document.name}: ${operations.length} operations, ${bytes.length} bytes, ${id}\n`)
  }
}

/** AWS is a folder of its own: a file for each service, and an index with the digest of each. */
function generateAws(folder: string): void {
  const { index, services } = awsCatalog()
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'index.json'), canonicalBytes(index))
  const sizes = services.map(service => {
    const bytes = canonicalBytes(service)
    writeFileSync(join(folder, `${service.id}.json`), bytes)
    return { id: service.id, bytes: bytes.length }
  })
  const operations = services.flatMap(service => Object.values(service.operations))
  const having = (member: 'resources' | 'rules' | 'unmapped'): number =>
    operations.filter(operation => operation[member] !== undefined).length
  const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0)
  const largest = sizes.sort((a, b) => b.bytes - a.bytes).slice(0, 3)
  process.stdout.write(
    `aws: ${services.length} services, ${operations.length} operations, ${total} bytes\n` +
      `  ${having('resources')} operations with resources, ${having('unmapped')} of them with names that are unmapped\n` +
      `  ${having('rules')} operations with rules\n` +
      `  largest: ${largest.map(({ id, bytes }) => `${id} ${bytes}`).join(', ')}\n`,
  )
}

generate(join('config', 'catalogs'))
generateAws(join('config', 'catalogs', 'aws'))
