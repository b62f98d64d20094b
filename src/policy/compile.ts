import { type Crypto, canonicalBytes, contentId, type JsonObject, portableDigests } from '../canon/index.js'
import { type Catalog, type CatalogDocument, type OperationSpec, openCatalog } from '../protocol/index.js'
import { type CatalogSources, catalogOf } from './api-catalog.js'
import { AWS_KEYS, awsApiCatalog, awsOrigins } from './aws-api.js'
import { compileLimits } from './budget.js'
import { compileApprovers } from './compile-approvers.js'
import { compileAgents, compileCredentials, compileWindows } from './compile-names.js'
import { compileNever } from './compile-never.js'
import { compileProbes } from './compile-probe.js'
import { compileRules } from './compile-rules.js'
import { type CompiledNever, type CompiledPolicy, readCompiled } from './compiled.js'
import { compareIds } from './decide.js'
import type { ApiSource, PolicyDocument } from './document.js'
import type { NeverDocument } from './document-rule.js'
import { parseUtcMs } from './duration.js'
import { type DocumentPath, didYouMean, Findings } from './finding.js'
import type { PolicySource, Source, SourceFindings } from './source.js'
import { isPrivateHost, parseOrigin } from './upstream.js'

export interface CompileOptions extends CatalogSources {
  /** Time of compiling, Unix milliseconds, that `until` is held against; where it is left out, only activation does that. */
  readonly nowMs?: number
  readonly crypto?: Pick<Crypto, 'sha256'>
}

/** What is sealed: the payload whose JCS is signed, its content id, and the catalogs that it pins, by digest. */
export interface CompiledResult {
  readonly kind: 'compiled'
  readonly payload: JsonObject
  readonly cid: string
  readonly catalogs: ReadonlyMap<string, CatalogDocument>
  /** The catalogs, opened, by API. */
  readonly apis: ReadonlyMap<string, ResolvedApi>
}

/** An API while its policy is compiled. */
export interface ResolvedApi {
  readonly name: string
  readonly catalog: Catalog
  readonly operations: readonly OperationSpec[]
  readonly byName: ReadonlyMap<string, OperationSpec>
  /** What there is to be named in a selector, beside operations. */
  readonly effects: ReadonlySet<string>
  readonly scope: ReadonlySet<string>
  readonly resources: ReadonlySet<string>
  /** Scope members and resource types whose case the API folds. */
  readonly caseless: ReadonlySet<string>
  /** Resource types whose names have a slash in them. */
  readonly joined: ReadonlySet<string>
  /** Resource types whose ids are node ids. */
  readonly nodes: ReadonlySet<string>
  /** Of AWS, the name in ARNs by a service that operations call otherwise. */
  readonly arnServices: ReadonlyMap<string, string>
}

/** Looks a catalog over once for all rules. */
export function resolveApi(name: string, catalog: Catalog): ResolvedApi {
  const operations = catalog.operations()
  return {
    name,
    catalog,
    operations,
    byName: new Map(operations.map(spec => [spec.name, spec])),
    effects: new Set(operations.flatMap(spec => spec.effects)),
    scope: new Set(operations.flatMap(spec => spec.scope)),
    resources: new Set(operations.flatMap(spec => spec.resources)),
    caseless: new Set(operations.flatMap(spec => spec.caseless ?? [])),
    joined: new Set(operations.flatMap(spec => spec.joined ?? [])),
    nodes: new Set(operations.flatMap(spec => spec.nodes ?? [])),
    arnServices: arnServicesOf(operations),
  }
}

/** Without what is some other service's name in ARNs. */
function arnServicesOf(operations: readonly OperationSpec[]): ReadonlyMap<string, string> {
  const services = new Map(
    operations.map(({ name, arnService }) => [name.slice(0, name.indexOf(':')), arnService]),
  )
  const inArns = new Set([...services].map(([service, arnService]) => arnService ?? service))
  return new Map(
    [...services].flatMap(([service, arnService]) =>
      arnService === undefined || inArns.has(service) ? [] : [[service, arnService]],
    ),
  )
}

/**
 * Compiles a policy's source: every name resolved, every selector held against the catalogs, every condition
 * type-checked. The same source and catalogs give the same bytes. Reports everything that is wrong.
 */
export function compilePolicy(
  source: PolicySource,
  options: CompileOptions,
): CompiledResult | SourceFindings {
  const findings = new Findings(source.locate)
  const compiler = new Compiler(source.document, options, findings)
  const policy = compiler.compile()
  if (policy === null || findings.hasErrors) return { kind: 'findings', findings: findings.sorted() }
  const { documents: catalogs, resolved: apis } = compiler
  return { kind: 'compiled', ...payloadOf(policy, options), catalogs, apis }
}

function payloadOf(
  policy: CompiledPolicy,
  { crypto = portableDigests }: Pick<CompileOptions, 'crypto'>,
): Pick<CompiledResult, 'payload' | 'cid'> {
  const payload = JSON.parse(JSON.stringify(policy)) as JsonObject
  return { payload, cid: contentId(crypto, canonicalBytes(payload)) }
}

/** Adds the statements of a file beside the policy to a compiled one; they are sealed with it. */
export function addNever(
  compiled: CompiledResult,
  beside: Source<NeverDocument>,
  options: Pick<CompileOptions, 'crypto'>,
): CompiledResult | SourceFindings {
  const findings = new Findings(beside.locate)
  const policy = readCompiled(compiled.payload)
  const taken = policy.never ?? []
  const never = compileNever(beside.document.never, compiled.apis, policy, findings, taken)
  if (findings.hasErrors) return { kind: 'findings', findings: findings.sorted() }
  return { ...compiled, ...payloadOf({ ...policy, never: [...taken, ...never].sort(byId) }, options) }
}

function byId(a: CompiledNever, b: CompiledNever): number {
  return compareIds(a.id, b.id)
}

class Compiler {
  readonly documents = new Map<string, CatalogDocument>()
  readonly resolved = new Map<string, ResolvedApi>()
  private readonly document: PolicyDocument
  private readonly options: CompileOptions
  private readonly findings: Findings

  constructor(document: PolicyDocument, options: CompileOptions, findings: Findings) {
    this.document = document
    this.options = options
    this.findings = findings
  }

  compile(): CompiledPolicy | null {
    const { document, findings } = this
    const expires = this.expires()
    const { resolved } = this
    const apis = this.apis(resolved)
    const credentials = compileCredentials(document, findings)
    const agents = compileAgents(document, findings, this.options.nowMs ?? null)
    const approvers = compileApprovers(document, findings)
    const windows = compileWindows(document, findings)
    const rules = compileRules(document, resolved, agents, findings)
    const policy = { apis, agents }
    const never = compileNever(document.never ?? [], resolved, policy, findings).sort(byId)
    if (expires === null) return null
    const { name, version, audience } = document.metadata
    const { evidence } = document
    const limits = compileLimits(document.limits, findings)
    return {
      v: 1,
      name,
      version,
      expires,
      audience: [...new Set(audience)].sort(),
      apis,
      agents,
      credentials,
      approvers,
      windows,
      rules,
      ...(never.length === 0 ? {} : { never }),
      ...(limits === undefined ? {} : { limits }),
      ...(evidence === undefined ? {} : { evidence }),
    }
  }

  private expires(): number | null {
    const { expires } = this.document.metadata
    const ms = parseUtcMs(expires)
    if (ms === null) {
      this.findings.add(
        'bad_expiry',
        ['metadata', 'expires'],
        `"${expires.slice(0, 40)}" is not a time in UTC.`,
      )
    }
    return ms
  }

  private apis(resolved: Map<string, ResolvedApi>): CompiledPolicy['apis'] {
    const apis: CompiledPolicy['apis'] = {}
    for (const [name, api] of Object.entries(this.document.apis)) {
      const path = ['apis', name]
      this.checkNames(name, api, path)
      const document = this.catalogOf(name, api, path)
      const catalog = document === null ? null : this.open(document, path)
      if (document === null || catalog === null) continue
      resolved.set(name, resolveApi(name, catalog))
      const written = this.origins(api, catalog, path)
      const origins = api.catalog === 'aws' ? awsOrigins(api, written, path, this.findings) : written
      const digest = contentId(this.options.crypto ?? portableDigests, canonicalBytes(document))
      this.documents.set(digest, document)
      apis[name] = {
        catalog: digest,
        origins,
        ...(api.credential === undefined ? {} : { credential: api.credential }),
        ...compileProbes(this.document, api, path, this.findings),
        private:
          api.private ?? Object.values(origins).some(origin => isPrivateHost(new URL(origin).hostname)),
        awaitMark: api.awaitMark ?? false,
        ...(api.insecureTestEndpoints === undefined ? {} : { testEndpoints: true as const }),
      }
    }
    return apis
  }

  private catalogOf(name: string, api: ApiSource, path: DocumentPath): CatalogDocument | null {
    if (api.catalog !== 'aws') return catalogOf(name, api, path, this.options, this.findings)
    const credential = this.document.credentials?.[api.credential ?? '']
    return awsApiCatalog(api, credential, path, this.options.aws, this.findings)
  }

  private checkNames(name: string, api: ApiSource, path: DocumentPath): void {
    const credentials = Object.keys(this.document.credentials ?? {})
    if (api.credential !== undefined && !credentials.includes(api.credential)) {
      const hint = didYouMean(api.credential, credentials)
      this.findings.add(
        'undefined_name',
        [...path, 'credential'],
        `There is no credential "${api.credential}".${hint}`,
      )
    }
    for (const key of AWS_KEYS) {
      if (api[key] !== undefined && api.catalog !== 'aws') {
        this.findings.add(
          'key_without_use',
          [...path, key],
          `\`${key}\` belongs to the catalog aws, not to ${name}.`,
        )
      }
    }
  }

  private open(document: CatalogDocument, path: DocumentPath): Catalog | null {
    try {
      return openCatalog(document)
    } catch (error) {
      this.findings.add(
        'bad_catalog',
        path,
        error instanceof Error ? error.message : 'The catalog is malformed.',
      )
      return null
    }
  }

  /** The catalog's origins, with the policy's own in their places. */
  private origins(api: ApiSource, catalog: Catalog, path: DocumentPath): Record<string, string> {
    const origins: Record<string, string> = { ...catalog.profile.origins }
    const written: [string, string, DocumentPath][] = Object.entries(api.origins ?? {}).map(
      ([label, origin]) => [label, origin, [...path, 'origins', label]],
    )
    if (api.upstream !== undefined) written.push(['default', api.upstream, [...path, 'upstream']])
    for (const [label, origin, at] of written) {
      const url = parseOrigin(origin)
      if (url === null) this.findings.add('bad_upstream', at, `"${origin}" is not an origin.`)
      else if (!Object.hasOwn(origins, label) && label !== 'default') {
        const hint = didYouMean(label, Object.keys(origins))
        this.findings.add('undefined_name', at, `The catalog has no origin "${label}".${hint}`)
      } else origins[label] = url.origin
    }
    return origins
  }
}
