import type { ArgumentType, CatalogDocument } from '../catalog.js'
import { readList, readMap, readObject, readOneOf, readText } from '../document-shape.js'
import { protocolFault } from '../error-table.js'
import { OPERATION_CLASSES, type OperationClass } from '../operation.js'
import { withoutTrailing } from '../trailing.js'
import type { BodyKind, ResourceArgument, RestRoute } from './document.js'
import { type OpenapiNode, type Schemas, schemaFields } from './openapi-schema.js'
import { type OwnApi, ownCatalog, resourceArguments } from './own-catalog.js'

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const

const BODY_KINDS: Readonly<Record<string, BodyKind>> = {
  'application/json': 'json',
  'application/x-www-form-urlencoded': 'form',
  'multipart/form-data': 'multipart',
}

/** Words in a path or an operationId that say that a POST takes something away for good. */
const TAKES_AWAY =
  /(?:^|[^a-z])(?:delete|destroy|remove|purge|erase|wipe|drop|truncate|void|cancel|refund|revoke|terminate|reset|restore|rollback)/i

/**
 * The catalog for an OpenAPI 3.x document: one operation per path and method, named `METHOD /path` with the
 * path of the first server in front. Argument types come from parameters and request bodies.
 *
 * Classes follow the method, on the safe side: GET, HEAD and OPTIONS read; PATCH updates; POST and PUT may
 * create or update, and are irreversible as well where path or operationId says so; DELETE is irreversible.
 * `x-countersign-class` (a class or a list) and `x-countersign-effect` on an operation say it better;
 * `x-countersign-resources` says which members of query and body name something, by type: `{ invoice: lines[].invoice }`.
 *
 * Throws `openapi_unsupported` or `catalog_malformed`.
 */
export function openapiCatalog(name: string, document: unknown, api: OwnApi): CatalogDocument {
  const root = readObject(document, 'openapi')
  if (typeof root.openapi !== 'string' || !/^3\.[0-9]+\.[0-9]+/.test(root.openapi))
    throw protocolFault('openapi_unsupported', 'openapi: expected 3.x')
  const schemas: Schemas = { resolve: node => resolveReference(root, node) }
  const prefix = serverPath(root)
  const routes = Object.entries(readObject(root.paths, 'paths')).flatMap(([path, item]) =>
    pathRoutes(schemas, prefix + path, schemas.resolve(readObject(item, `paths ${path}`))),
  )
  return ownCatalog(name, routes, api, { package: 'openapi', version: root.openapi, content: document })
}

function pathRoutes(schemas: Schemas, path: string, item: OpenapiNode): RestRoute[] {
  return METHODS.filter(method => item[method] !== undefined).map(method => {
    const where = `${method.toUpperCase()} ${path}`
    const operation = readObject(item[method], where)
    const body = bodyOf(schemas, operation, where)
    const parameters = [...listOf(item.parameters, where), ...listOf(operation.parameters, where)]
    const args = { ...body.args, ...parameterTypes(schemas, parameters) }
    const effects = effectsOf(operation, where)
    const resources = resourcesOf(operation, where)
    return {
      route: where,
      classes: classesOf(method, path, operation, where),
      ...(body.kinds.length === 0 ? {} : { body: body.kinds }),
      ...(Object.keys(args).length === 0 ? {} : { args }),
      ...(effects.length === 0 ? {} : { effects }),
      ...(resources.length === 0 ? {} : { resources }),
    }
  })
}

function classesOf(
  method: (typeof METHODS)[number],
  path: string,
  operation: OpenapiNode,
  where: string,
): readonly OperationClass[] {
  const declared = operation['x-countersign-class']
  if (declared !== undefined)
    return readList(Array.isArray(declared) ? declared : [declared], where, (name, at) =>
      readOneOf(name, at, OPERATION_CLASSES),
    )
  switch (method) {
    case 'get':
    case 'head':
    case 'options':
      return ['read']
    case 'delete':
      return ['irreversible']
    case 'patch':
      return ['update']
    case 'trace':
      return ['unknown']
    case 'post':
    case 'put': {
      const words = `${path} ${typeof operation.operationId === 'string' ? camelWords(operation.operationId) : ''}`
      return TAKES_AWAY.test(words) ? ['create', 'irreversible', 'update'] : ['create', 'update']
    }
  }
}

function camelWords(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1 $2')
}

function effectsOf(operation: OpenapiNode, where: string): readonly string[] {
  const declared = operation['x-countersign-effect']
  if (declared === undefined) return []
  return readList(Array.isArray(declared) ? declared : [declared], where, effect => String(effect))
}

function resourcesOf(operation: OpenapiNode, where: string): readonly ResourceArgument[] {
  const declared = operation['x-countersign-resources']
  if (declared === undefined) return []
  const paths = readMap(declared, where, (value, at) =>
    Array.isArray(value) ? readList(value, at, readText) : readText(value, at),
  )
  return resourceArguments(paths)
}

function parameterTypes(schemas: Schemas, parameters: readonly OpenapiNode[]): Record<string, ArgumentType> {
  const types: Record<string, ArgumentType> = {}
  for (const declared of parameters) {
    const parameter = schemas.resolve(declared)
    if (parameter.in !== 'query' || typeof parameter.name !== 'string') continue
    const { name } = parameter
    // `tag[]` is the spelling of a list on the wire; the argument is `tag`.
    const plain = name.endsWith('[]') ? name.slice(0, -2) : name
    types[plain] = schemaFields(schemas, { properties: { [plain]: parameter.schema ?? {} } })[plain] ?? 'any'
  }
  return types
}

function bodyOf(
  schemas: Schemas,
  operation: OpenapiNode,
  where: string,
): { kinds: readonly BodyKind[]; args: Record<string, ArgumentType> } {
  if (operation.requestBody === undefined) return { kinds: [], args: {} }
  const content = readObject(
    schemas.resolve(readObject(operation.requestBody, where)).content,
    `${where} content`,
  )
  const kinds: BodyKind[] = []
  const args: Record<string, ArgumentType> = {}
  for (const [mediaType, media] of Object.entries(content)) {
    const kind = BODY_KINDS[mediaType.split(';')[0]?.trim().toLowerCase() ?? '']
    if (kind === undefined || kinds.includes(kind)) continue
    kinds.push(kind)
    const schema = readObject(media, where).schema
    Object.assign(args, schema === undefined ? {} : schemaFields(schemas, readObject(schema, where)))
  }
  // A body that none of the parsers reads goes past unread; the method alone decides.
  return kinds.length === 0 ? { kinds: ['stream'], args } : { kinds, args }
}

/** Path of the first server, without a slash at the end: `https://x/api/v1/` → `/api/v1`. */
function serverPath(root: OpenapiNode): string {
  const server = listOf(root.servers, 'servers')[0]
  if (server === undefined || typeof server.url !== 'string') return ''
  const path = /^(?:https?:\/\/[^/]*)?(\/[^?#]*)?$/.exec(server.url)?.[1] ?? ''
  if (path.includes('{'))
    throw protocolFault('openapi_unsupported', 'a variable in the path of the first server')
  return withoutTrailing(path, '/')
}

function resolveReference(root: OpenapiNode, node: OpenapiNode): OpenapiNode {
  let here = node
  for (let hops = 0; typeof here.$ref === 'string'; hops++) {
    if (hops === 16 || !here.$ref.startsWith('#/')) throw protocolFault('openapi_unsupported', here.$ref)
    let target: unknown = root
    for (const step of here.$ref.slice(2).split('/')) {
      const name = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')
      target = Object.hasOwn(readObject(target, here.$ref), name) ? (target as OpenapiNode)[name] : undefined
    }
    here = readObject(target, here.$ref)
  }
  return here
}

function listOf(value: unknown, where: string): readonly OpenapiNode[] {
  return value === undefined ? [] : readList(value, where, readObject)
}
