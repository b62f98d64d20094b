import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A JSON Schema as far as types of arguments are concerned. */
export interface SourceSchema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, SourceSchema>>
  readonly additionalProperties?: boolean | SourceSchema
  readonly items?: SourceSchema
  readonly oneOf?: readonly SourceSchema[]
  readonly anyOf?: readonly SourceSchema[]
  readonly allOf?: readonly SourceSchema[]
  readonly enum?: readonly unknown[]
}

/** One operation of the description. */
export interface SourceOperation {
  /** Upper-case. */
  readonly method: string
  /** `/repos/{owner}/{repo}` as the description writes it. */
  readonly path: string
  /** Path parameters that are whole numbers. */
  readonly numeric: readonly string[]
  readonly query: Readonly<Record<string, SourceSchema>>
  /** By media type, without parameters; empty where the operation takes no body. */
  readonly bodies: ReadonlyMap<string, SourceSchema>
  /** Served by another host than the API's. */
  readonly server: string | null
}

export interface GithubSource {
  readonly version: string
  /** Content id of the description that was read. */
  readonly digest: string
  readonly operations: readonly SourceOperation[]
  resolve(schema: SourceSchema): SourceSchema
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const

/** The description of api.github.com in the npm package `@octokit/openapi`. Throws on what it doesn't know, so that an upgrade can't drop operations in silence. */
export function readGithubSource(): GithubSource {
  const root = dirname(fileURLToPath(import.meta.resolve('@octokit/openapi')))
  const bytes = readFileSync(join(root, 'generated', 'api.github.com.json'))
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  const description = JSON.parse(bytes.toString('utf8')) as Description
  const resolve = (schema: SourceSchema) => resolved(description, schema)
  return {
    version,
    digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
    operations: Object.entries(description.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => operationOf(description, path, method, operation)),
    ),
    resolve,
  }
}

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, RawOperation>>>>
}

interface RawOperation {
  readonly parameters?: readonly RawParameter[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema?: SourceSchema }>> }
  readonly servers?: readonly { readonly url: string }[]
}

interface RawParameter {
  readonly $ref?: string
  readonly in?: string
  readonly name?: string
  readonly schema?: SourceSchema
}

function operationOf(
  description: Description,
  path: string,
  method: string,
  raw: RawOperation,
): SourceOperation {
  if (!METHODS.includes(method as (typeof METHODS)[number]))
    throw new Error(`github: ${path} has ${method}, which isn't a method that is known`)
  const parameters = (raw.parameters ?? []).map(each => resolved(description, each) as RawParameter)
  const query = parameters.filter(each => each.in === 'query')
  return {
    method: method.toUpperCase(),
    path,
    numeric: parameters
      .filter(each => each.in === 'path' && resolved(description, each.schema ?? {}).type === 'integer')
      .map(({ name }) => name ?? ''),
    query: Object.fromEntries(query.map(({ name, schema }) => [name ?? '', schema ?? {}])),
    bodies: new Map(
      Object.entries(raw.requestBody?.content ?? {}).map(([type, { schema }]) => [
        type.replace(/;.*$/, ''),
        schema ?? {},
      ]),
    ),
    server: raw.servers?.[0]?.url ?? null,
  }
}

function resolved<T extends { readonly $ref?: string }>(description: Description, value: T): T {
  if (value.$ref === undefined) return value
  const steps = value.$ref.replace(/^#\//, '').split('/')
  let here: unknown = description
  for (const step of steps) here = (here as Record<string, unknown> | undefined)?.[step]
  if (here === undefined) throw new Error(`github: ${value.$ref} leads nowhere`)
  return resolved(description, here as T)
}
