import { protocolFault } from '../error-table.js'
import type { RequestHead } from '../request.js'
import { headerValue } from '../request-headers.js'
import { isUnclassifiable } from '../unclassifiable.js'
import type { AwsDocument, AwsEndpoint } from './document.js'
import { readAwsDocument } from './read-document.js'
import { CompiledService, signingNameIn } from './service.js'
import { readAuthorization } from './signature.js'

/** A service that a request may be for, and the region that it is sent to. */
export interface Candidate {
  readonly service: CompiledService
  readonly region: string
}

/** Names that older clients sign other services by: IoT was called as an API of API Gateway until 2023. */
const ALSO_SIGNED: ReadonlyMap<string, readonly string[]> = new Map([['execute-api', ['iot']]])

const SERVICES = new WeakMap<AwsDocument, Services>()

/**
 * The services of a document; throws `catalog_malformed`. A document that `readAwsDocument` made can't change any more,
 * so its services are opened once, however often the catalog is: choosing, compiling and surveying all of AWS would
 * otherwise parse it three times.
 */
export function servicesOf(body: unknown): Services {
  const known = SERVICES.get(body as AwsDocument)
  if (known !== undefined) return known
  const services = new Services(readAwsDocument(body))
  SERVICES.set(services.document, services)
  return services
}

/** The services of one policy. Each is opened when it is first asked for. */
export class Services {
  readonly document: AwsDocument
  private readonly opened = new Map<string, CompiledService>()
  private readonly bySigningName = new Map<string, string[]>()

  constructor(document: AwsDocument) {
    this.document = document
    for (const [id, text] of Object.entries(document.services)) {
      const name = signingNameIn(text) ?? ''
      const same = this.bySigningName.get(name)
      if (same === undefined) this.bySigningName.set(name, [id])
      else same.push(id)
    }
  }

  ids(): readonly string[] {
    return Object.keys(this.document.services).sort()
  }

  /** Undefined for a service that the policy doesn't have; throws `catalog_malformed` where its text is no service. */
  open(id: string): CompiledService | undefined {
    const known = this.opened.get(id)
    if (known !== undefined) return known
    if (!Object.hasOwn(this.document.services, id)) return undefined
    const more = this.document.more.filter(({ service }) => service === id)
    const service = new CompiledService(this.document.services[id] as string, more)
    if (service.id !== id || service.signingName !== signingNameIn(this.document.services[id] as string))
      throw protocolFault('catalog_malformed', id)
    this.opened.set(id, service)
    return service
  }

  endpoint(service: CompiledService): AwsEndpoint | undefined {
    const { partition } = this.document
    return Object.hasOwn(service.endpoints, partition) ? service.endpoints[partition] : undefined
  }

  /**
   * The services that the request's signature is for. Throws `aws_signature_missing`, `aws_service` or `aws_region`;
   * `catalog_malformed` where one of them can't be opened.
   */
  candidates(head: RequestHead): readonly Candidate[] {
    const authorization = headerValue(head, 'authorization')
    if (authorization === null) throw protocolFault('aws_signature_missing')
    const claim = readAuthorization(authorization)
    if (isUnclassifiable(claim))
      throw protocolFault(claim.code === 'aws_sigv4a' ? 'aws_sigv4a' : 'aws_signature_malformed')
    const names = [claim.service, ...(ALSO_SIGNED.get(claim.service) ?? [])]
    const ids = names.flatMap(name => this.bySigningName.get(name) ?? [])
    const found = ids.flatMap((id): Candidate[] => {
      const service = this.open(id) as CompiledService
      const endpoint = this.endpoint(service)
      // A client with a base URL of its own signs for its own region even where one endpoint serves all.
      return endpoint === undefined ? [] : [{ service, region: endpoint.region ?? claim.region }]
    })
    if (found.length === 0) throw protocolFault('aws_service')
    const { regions } = this.document
    const served = found.filter(
      ({ service, region }) =>
        regions.includes(claim.region) ||
        (this.endpoint(service)?.region !== undefined && claim.region === region),
    )
    if (served.length === 0) throw protocolFault('aws_region')
    return served
  }

  /** Label of the origin that serves an operation: `ec2.eu-west-1`, `111122223333.s3-control.eu-west-1`. */
  label(service: string, hostPrefix: string, region: string): string {
    return `${this.filled(hostPrefix)}${service}.${region}`
  }

  /** A host prefix with the account in it; other places stay open, and so lead to no origin. */
  filled(hostPrefix: string): string {
    return hostPrefix.replaceAll('{AccountId}', this.document.account)
  }
}
