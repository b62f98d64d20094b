import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseStrictJson } from '../canon/index.js'
import {
  type ArgumentRule,
  type AwsService,
  awsCatalog,
  type Catalog,
  type CatalogDocument,
  openCatalog,
} from '../protocol/index.js'
import { openAwsShelf } from './aws-shelf.js'
import { loadShippedCatalogs } from './catalogs.js'
import { compilePolicyFile, consultPolicy } from './policy-file.js'

/** A catalog to look into. Where there are many, each is opened when it is asked for and forgotten afterwards. */
export interface ShelvedCatalog {
  /** Name of the catalog (`github`), or of the policy's API. */
  readonly name: string
  /** False where an operation of this name can't be in it, so that it need not be opened. */
  mayHave(operation: string): boolean
  open(): OpenedCatalog
}

export interface OpenedCatalog {
  readonly catalog: Catalog
  readonly source: CatalogDocument['source']
  /** Argument rules of an operation; empty where its protocol keeps none as data. */
  rulesOf(operation: string): readonly ArgumentRule[]
}

/** Every catalog that this version ships, or those of a policy's APIs: its own routes are catalogs too. */
export function catalogShelf(policy?: string): readonly ShelvedCatalog[] {
  return policy === undefined ? shipped() : ofPolicy(policy)
}

function shipped(): readonly ShelvedCatalog[] {
  return [
    ...[...loadShippedCatalogs().values()].map(document => shelved(document.name, document)),
    ...awsServices(),
  ]
}

/** The catalog aws, service by service; what they are called in and for whom is the policy's business. */
function awsServices(): readonly ShelvedCatalog[] {
  const shelf = openAwsShelf()
  const anywhere = { regions: ['us-east-1'], partition: 'aws', account: '000000000000', more: [] }
  return shelf.services.map(id => ({
    name: 'aws',
    mayHave: operation => operation.startsWith(`${id}:`),
    open: () => {
      const document = awsCatalog(shelf, { ...anywhere, services: [id] })
      return opened(openCatalog(document), document)
    },
  }))
}

function shelved(name: string, document: CatalogDocument): ShelvedCatalog {
  return { name, mayHave: () => true, open: () => opened(openCatalog(document), document) }
}

function opened(catalog: Catalog, document: CatalogDocument): OpenedCatalog {
  return { catalog, source: document.source, rulesOf: name => rulesIn(document, name) }
}

function ofPolicy(file: string): readonly ShelvedCatalog[] {
  const documents = documentsOf(file)
  const { active } = consultPolicy(file)
  return [...active.apis.values()].map(({ name, catalog, catalogDigest }) => {
    const document = documents(catalogDigest)
    const none = { package: '', version: '', digest: catalogDigest }
    return {
      name,
      mayHave: () => true,
      open: () =>
        document === undefined ? { catalog, source: none, rulesOf: () => [] } : opened(catalog, document),
    }
  })
}

/** The catalogs that a policy pins: compiled with its source, or beside the sealed file. */
function documentsOf(file: string): (digest: string) => CatalogDocument | undefined {
  if (/\.ya?ml$/.test(file)) {
    const { catalogs } = compilePolicyFile(file)
    return digest => catalogs.get(digest)
  }
  return digest => {
    const name = `${digest.slice('sha256:'.length)}.json`
    const path = join(dirname(resolve(file)), 'catalogs', name)
    return existsSync(path) ? (parseStrictJson(readFileSync(path)) as unknown as CatalogDocument) : undefined
  }
}

/** The rules as the document keeps them; whoever opened the catalog has checked their form. */
function rulesIn({ protocol, body }: CatalogDocument, operation: string): readonly ArgumentRule[] {
  interface Ruled {
    readonly route?: string
    readonly rules?: readonly ArgumentRule[]
  }
  if (protocol === 'aws') return awsRules(body as AwsDocumentBody, operation)
  const { routes, operations } = body as {
    readonly routes?: readonly Ruled[]
    readonly operations?: Readonly<Record<string, Ruled>>
  }
  if (protocol === 'rest') return routes?.find(({ route }) => route === operation)?.rules ?? []
  if (protocol !== 'graphql' || operations === undefined || !Object.hasOwn(operations, operation)) return []
  return operations[operation]?.rules ?? []
}

interface AwsDocumentBody {
  readonly services: Readonly<Record<string, string>>
}

function awsRules({ services }: AwsDocumentBody, operation: string): readonly ArgumentRule[] {
  const colon = operation.indexOf(':')
  const text = services[operation.slice(0, colon)]
  if (text === undefined) return []
  const { operations } = JSON.parse(text) as AwsService
  return operations[operation.slice(colon + 1)]?.rules ?? []
}
