import {
  malformed,
  readList,
  readMap,
  readMembers,
  readObject,
  readOneOf,
  readText,
} from '../document-shape.js'
import {
  AWS_WIRES,
  type AwsAddition,
  type AwsEndpoint,
  type AwsOperation,
  type AwsResource,
  type AwsWire,
} from './document.js'
import { type HttpTemplate, readHttpTemplate } from './http-template.js'
import {
  addedOperation,
  type CompiledOperation,
  compileOperation,
  httpOf,
  readHostPrefix,
} from './operation.js'
import { ShapeBook } from './shape.js'
import { kindsOfArns } from './unmapped.js'

/** A REST operation's binding and its name. */
export interface HttpBinding {
  readonly template: HttpTemplate
  readonly name: string
}

const REQUIRED = [
  'id',
  'signingName',
  'iam',
  'wires',
  'apiVersion',
  'endpoints',
  'shapes',
  'operations',
] as const

/** One AWS service, opened. Operations and shapes are compiled when they are first asked for. */
export class CompiledService {
  readonly id: string
  readonly signingName: string
  readonly wires: readonly AwsWire[]
  readonly apiVersion: string
  readonly targetPrefix: string | null
  readonly cborName: string | null
  readonly endpoints: Readonly<Record<string, AwsEndpoint>>
  readonly shapes: ShapeBook
  /** In ARNs and actions. */
  readonly iam: string
  private readonly texts: Readonly<Record<string, unknown>>
  private readonly additions: ReadonlyMap<string, AwsAddition>
  private readonly compiled = new Map<string, CompiledOperation>()
  private known: ReadonlySet<string> | null = null
  private bound: ReadonlyMap<string, readonly HttpBinding[]> | null = null

  /** Throws `catalog_malformed` where the text isn't a service's. `more` holds the policy's own operations of it. */
  constructor(text: string, more: readonly AwsAddition[]) {
    const it = readMembers(parseText(text), 'service', REQUIRED, ['targetPrefix', 'cborName'])
    this.id = readText(it.id, 'service.id')
    this.signingName = readText(it.signingName, `${this.id}.signingName`)
    this.iam = readText(it.iam, `${this.id}.iam`)
    this.wires = readList(it.wires, `${this.id}.wires`, (wire, at) => readOneOf(wire, at, AWS_WIRES))
    if (this.wires.length === 0) throw malformed(`${this.id}.wires`, 'a wire')
    this.apiVersion = readText(it.apiVersion, `${this.id}.apiVersion`)
    this.targetPrefix = optionalText(it.targetPrefix, `${this.id}.targetPrefix`)
    this.cborName = optionalText(it.cborName, `${this.id}.cborName`)
    if (this.wires.includes('json') !== (this.targetPrefix !== null))
      throw malformed(`${this.id}.targetPrefix`, 'one with json only')
    if (this.wires.includes('cbor') !== (this.cborName !== null))
      throw malformed(`${this.id}.cborName`, 'one with cbor only')
    this.endpoints = readMap(it.endpoints, `${this.id}.endpoints`, readEndpoint)
    this.shapes = new ShapeBook(readObject(it.shapes, `${this.id}.shapes`))
    this.texts = readObject(it.operations, `${this.id}.operations`)
    this.additions = new Map(more.map(addition => [addition.name, addition]))
  }

  /** True for S3's own API: paths end in keys, and buckets are signed for by it. */
  get keepsKeys(): boolean {
    return this.signingName === 's3' && this.wires[0] === 'rest-xml'
  }

  /** Wire of its own model, which names in shapes are those of. */
  get mainWire(): AwsWire {
    return this.wires[0] as AwsWire
  }

  /** Undefined for an operation that neither the catalog nor the policy knows; throws `catalog_malformed`. */
  operation(name: string): CompiledOperation | undefined {
    const known = this.compiled.get(name)
    if (known !== undefined) return known
    const operation = this.compile(name)
    if (operation !== undefined) this.compiled.set(name, operation)
    return operation
  }

  names(): readonly string[] {
    const added = [...this.additions.keys()].filter(name => !Object.hasOwn(this.texts, name))
    return [...Object.keys(this.texts), ...added]
  }

  /** Kinds of things that its operations name. */
  get kinds(): ReadonlySet<string> {
    this.known ??= kindsOfArns(
      Object.values(this.texts).flatMap(operation => arnsIn((operation as AwsOperation).resources)),
      this.iam,
    )
    return this.known
  }

  /** REST bindings of one method. */
  bindings(method: string): readonly HttpBinding[] {
    this.bound ??= this.bind()
    return this.bound.get(method) ?? []
  }

  /** REST bindings of one operation. */
  bindingsOf(name: string): readonly HttpTemplate[] {
    this.bound ??= this.bind()
    return [...this.bound.values()].flatMap(bindings =>
      bindings.filter(binding => binding.name === name).map(({ template }) => template),
    )
  }

  /** What operations put before the endpoint's host, each once; most put nothing, which is one of them. */
  hostPrefixes(): readonly string[] {
    const prefixes = Object.entries(this.texts).map(([name, operation]) =>
      readHostPrefix((operation as { readonly hostPrefix?: unknown }).hostPrefix, `${this.id}:${name}`),
    )
    return [...new Set(['', ...prefixes])].sort()
  }

  private compile(name: string): CompiledOperation | undefined {
    const home = { service: this.id, iam: this.iam, shapes: this.shapes }
    if (Object.hasOwn(this.texts, name)) return compileOperation(name, this.texts[name], home)
    const addition = this.additions.get(name)
    return addition === undefined ? undefined : addedOperation(name, addition.classes, home)
  }

  private bind(): ReadonlyMap<string, readonly HttpBinding[]> {
    const bound = new Map<string, HttpBinding[]>()
    const add = (name: string, template: HttpTemplate | null): void => {
      if (template === null) return
      const same = bound.get(template.method)
      if (same === undefined) bound.set(template.method, [{ template, name }])
      else same.push({ template, name })
    }
    for (const [name, operation] of Object.entries(this.texts)) add(name, httpOf(name, operation))
    for (const { name, http } of this.additions.values())
      if (http !== null && !Object.hasOwn(this.texts, name)) add(name, readHttpTemplate(http, [], name))
    return bound
  }
}

/** Signing name and nothing else of a service's text, so that a service which isn't called stays unopened. */
export function signingNameIn(text: string): string | null {
  return /"signingName"\s*:\s*"([^"\\]*)"/.exec(text)?.[1] ?? null
}

/** Of operations that may not be compiled yet, and so not be checked either. */
function arnsIn(resources: unknown): readonly string[] {
  if (!Array.isArray(resources)) return []
  return resources.flatMap(({ arn }: AwsResource) => (typeof arn === 'string' ? [arn] : []))
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw malformed('service', 'JSON')
  }
}

/** Letters, digits, dots and hyphens, with one place for the region. */
const HOST = /^(?:[a-z0-9.-]|\{region\})+$/

function readEndpoint(value: unknown, where: string): AwsEndpoint {
  const it = readMembers(value, where, ['host'], ['region'])
  const host = readText(it.host, `${where}.host`)
  if (!HOST.test(host)) throw malformed(`${where}.host`, 'a host, with {region} where it has one')
  if (it.region === undefined) return { host }
  return { host, region: readText(it.region, `${where}.region`) }
}

function optionalText(value: unknown, where: string): string | null {
  return value === undefined ? null : readText(value, where)
}
