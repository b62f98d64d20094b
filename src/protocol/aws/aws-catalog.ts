import { fromUtf8, type JsonObject, type JsonValue, parseStrictJson } from '../../canon/index.js'
import type { ArgumentRule } from '../argument-rule.js'
import type { Catalog, CatalogDocument, OperationSpec } from '../catalog.js'
import { parseContentType } from '../content-type.js'
import { protocolFault } from '../error-table.js'
import type { Classification, Operation, Recognised, Unclassifiable } from '../operation.js'
import { parsePairs } from '../parameter-pairs.js'
import { type ProbeSpec, readProbes } from '../probe/spec.js'
import type { BodyPlan, Header, RawRequest, RequestBody, RequestFacts, RequestHead } from '../request.js'
import { headerValue, refuseHeaders } from '../request-headers.js'
import { asUnclassifiable, unclassifiable } from '../unclassifiable.js'
import { parseCbor } from './cbor.js'
import { describeKnown, describeUnknown, mayHaveOtherNames } from './describe.js'
import { argumentsOfForm } from './form-arguments.js'
import { structureOfNative } from './native-arguments.js'
import type { CompiledOperation } from './operation.js'
import { emptyObject, type Naming, Reading } from './reading.js'
import { argumentsOfRest, declaredHeaders, hasBody } from './rest-arguments.js'
import { type FoundOperation, type Selection, select, settleForm } from './select.js'
import type { CompiledService } from './service.js'
import { type Services, servicesOf } from './services.js'
import { parseAwsTarget } from './target.js'
import { bareEncoding, planUpload, refuseChunks } from './upload.js'
import { writeAwsRequest } from './write-request.js'

const MAX_BODY_BYTES = 16 * 1024 * 1024

/** Opens a catalog of protocol `aws`; throws `catalog_malformed`. A service's own text is opened with its first request. */
export function openAwsCatalog(document: CatalogDocument): Catalog {
  return new AwsCatalog(document, servicesOf(document.body))
}

class AwsCatalog implements Catalog {
  readonly name: string
  readonly classifier = 'aws/2'
  readonly profile: Catalog['profile']
  readonly parseTarget = parseAwsTarget
  readonly probes: ReadonlyMap<string, ProbeSpec>
  private readonly services: Services

  constructor(document: CatalogDocument, services: Services) {
    this.name = document.name
    this.profile = document.profile
    this.probes = readProbes(document.probes)
    this.services = services
  }

  planBody(head: RequestHead): BodyPlan | Unclassifiable {
    try {
      return this.plan(head)
    } catch (error) {
      return refusalOf(error)
    }
  }

  private plan(head: RequestHead): BodyPlan | Unclassifiable {
    const encoding = headerValue(head, 'content-encoding')
    const others = head.headers.filter(([name]) => name !== 'content-encoding')
    const refused = refuseHeaders(others) ?? refuseRepeated(head, 'content-encoding')
    if (refused !== null) return refused
    const selection = select(head, this.services.candidates(head))
    const stored = storesEncoding(selection)
    if (stored === 'upload') {
      if (encoding !== null) bareEncoding(encoding)
      return planUpload(head)
    }
    refuseChunks(head)
    // The coding is of an object that is made elsewhere: kept with it, and no coding of this request.
    if (stored === 'metadata' && encoding !== null) return { kind: 'none' }
    const undecodable = encoding === null ? null : refuseHeaders([['content-encoding', encoding]])
    if (undecodable !== null) return undecodable
    if (takesNoBody(head, selection)) return { kind: 'none' }
    return { kind: 'inspect', maxBytes: MAX_BODY_BYTES }
  }

  recognise(facts: RequestFacts): Classification {
    try {
      return { kind: 'operations', operations: [this.recogniseOne(facts)] }
    } catch (error) {
      return refusalOf(error)
    }
  }

  private recogniseOne(facts: RequestFacts): Recognised {
    const selection = select(facts, this.services.candidates(facts))
    const found = selection.kind === 'form' ? settled(selection, facts.body) : selection
    const { candidate, name, operation } = found
    const said = { name: `${candidate.service.id}:${name}`, region: candidate.region }
    if (operation === null) return { ...said, args: emptyObject() }
    const reading = new Reading(candidate.service.shapes, operation.added)
    const args = argumentsOf(found, operation, facts, reading)
    this.refuseOtherAccount(operation, args)
    return reading.opaque === null ? { ...said, args } : { ...said, args, opaque: reading.opaque }
  }

  /** The host that the request goes to holds this account, so that no other can be meant. */
  private refuseOtherAccount(operation: CompiledOperation, { AccountId: account }: JsonObject): void {
    if (operation.hostPrefix.includes('{AccountId}') && account !== this.services.document.account)
      throw protocolFault('aws_account')
  }

  describe(api: string, recognised: Recognised): Operation {
    try {
      const { service, operation } = this.find(recognised.name)
      return service === null || operation === null
        ? describeUnknown(api, recognised, service?.id ?? null)
        : describeKnown(api, recognised, service, operation, this.services.document)
    } catch {
      // A service that can't be opened knows no operation.
      return describeUnknown(api, recognised, null)
    }
  }

  hasOtherNames({ name, resources }: Pick<Operation, 'name' | 'resources'>): boolean {
    try {
      const { service, operation } = this.find(name)
      return service !== null && operation !== null && mayHaveOtherNames(service.id, operation, resources)
    } catch {
      return true
    }
  }

  lastingArgs({ name, args }: Pick<Operation, 'name' | 'args'>): JsonObject {
    try {
      return this.find(name).operation?.lasting(args) ?? args
    } catch {
      return args
    }
  }

  /** Never `default`: which endpoint serves a request follows from its operation. */
  originOf(_head: RequestHead, operations: readonly Recognised[]): string {
    const [recognised, second] = operations
    if (recognised?.region === undefined || second !== undefined) return 'none'
    try {
      const { service, operation } = this.find(recognised.name)
      if (service === null) return 'none'
      return this.services.label(service.id, operation?.hostPrefix ?? '', recognised.region)
    } catch {
      return 'none'
    }
  }

  /** The coding that an object is stored with: the gate takes Content-Encoding off everything else. */
  addedHeaders(head: RequestHead): readonly Header[] {
    const encoding = headerValue(head, 'content-encoding')
    if (encoding === null) return []
    try {
      if (storesEncoding(select(head, this.services.candidates(head))) === null) return []
      const bare = bareEncoding(encoding)
      return bare === null ? [] : [['content-encoding', bare]]
    } catch {
      return []
    }
  }

  operations(): readonly OperationSpec[] {
    return this.services.ids().flatMap(id => {
      const service = this.services.open(id) as CompiledService
      return service.names().map(name => (service.operation(name) as CompiledOperation).spec)
    })
  }

  /** In the first of its regions unless another is named; another account than the catalog's no request can name. */
  write({ name, args, region, account }: Recognised): RawRequest | null {
    const { service, operation } = this.find(name)
    if (service === null || operation === null || account !== undefined) return null
    const endpoint = this.services.endpoint(service)
    const { regions } = this.services.document
    const served = endpoint?.region ?? (regions.includes(region ?? '') ? region : regions[0])
    if (endpoint === undefined || served === undefined) return null
    const host = `${this.services.filled(operation.hostPrefix)}${endpoint.host.replaceAll('{region}', served)}`
    const own = operation.hostPrefix.includes('{AccountId}')
      ? { AccountId: this.services.document.account }
      : {}
    return writeAwsRequest({ service, region: served, host }, operation, { ...args, ...own })
  }

  argumentRules(name: string): readonly ArgumentRule[] {
    return this.find(name).operation?.rules ?? []
  }

  /** `ec2:TerminateInstances` */
  private find(name: string): {
    readonly service: CompiledService | null
    readonly operation: CompiledOperation | null
  } {
    const colon = name.indexOf(':')
    const service = this.services.open(name.slice(0, Math.max(colon, 0))) ?? null
    return { service, operation: service?.operation(name.slice(colon + 1)) ?? null }
  }
}

/** A service whose text is damaged is no fault of the request's, and its agent's to know no more of. */
function refusalOf(error: unknown): Unclassifiable {
  const refusal = asUnclassifiable(error)
  return refusal.code === 'catalog_malformed' ? unclassifiable('classifier_fault') : refusal
}

/** The same check that `refuseHeaders` makes of all others. */
function refuseRepeated(head: RequestHead, wanted: string): Unclassifiable | null {
  return head.headers.filter(([name]) => name === wanted).length > 1
    ? unclassifiable('header_duplicate')
    : null
}

/**
 * Whether Content-Encoding is S3's word on an object: of one whose bytes are in this request, or of one that has none
 * yet or gets them from another.
 */
function storesEncoding(selection: Selection): 'upload' | 'metadata' | null {
  if (selection.kind === 'form' || selection.operation === null) return null
  const { service } = selection.candidate
  if (!service.keepsKeys) return null
  const { name, input } = selection.operation
  if (name === 'PutObject' || name === 'UploadPart') return 'upload'
  return !hasBody(input) && declaredHeaders(input).has('content-encoding') ? 'metadata' : null
}

/** Few operations read a body with GET, and all others have none to give. */
function takesNoBody({ method }: RequestHead, selection: Selection): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false
  return selection.kind === 'form' || selection.operation === null || !hasBody(selection.operation.input)
}

function settled(selection: Extract<Selection, { kind: 'form' }>, body: RequestBody): FoundOperation {
  if (selection.query === null) {
    if (body.kind === 'streamed') throw protocolFault('body_not_inspected')
    const text = body.kind === 'none' ? '' : fromUtf8(body.bytes)
    return settleForm(selection.candidates, parsePairs(text))
  }
  // ATTACK: `Action=` in the URL and another one in the body.
  if (body.kind !== 'none') throw protocolFault('aws_selector')
  return settleForm(selection.candidates, selection.query)
}

function argumentsOf(
  { candidate, call }: FoundOperation,
  operation: CompiledOperation,
  facts: RequestFacts,
  reading: Reading,
): JsonObject {
  if (call === null) return emptyObject()
  switch (call.wire) {
    case 'query':
    case 'ec2':
      return argumentsOfForm(call.pairs, operation.input, call.wire, reading)
    case 'json':
    case 'cbor': {
      const naming: Naming = candidate.service.mainWire === call.wire ? 'body' : 'own'
      const value = nativeBody(facts, call.wire)
      return value === null ? emptyObject() : structureOfNative(value, operation.input, naming, reading)
    }
    case 'rest-json':
    case 'rest-xml':
      return argumentsOfRest(call, operation, facts.body, reading)
  }
}

/** Null for no body. */
function nativeBody({ body, headers }: RequestFacts, wire: 'json' | 'cbor'): JsonObject | null {
  if (body.kind === 'none') return null
  if (body.kind === 'streamed') throw protocolFault('body_not_inspected')
  if (wire === 'cbor' && parseContentType(headerValue({ headers }, 'content-type') ?? '') === null)
    throw protocolFault('content_type_mismatch')
  const value: JsonValue = wire === 'json' ? parseStrictJson(body.bytes) : parseCbor(body.bytes)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw protocolFault('body_not_object')
  return value
}
