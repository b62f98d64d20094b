import { pino } from 'pino'
import { type Gate, type GateOptions, startGate } from '../../src/gate/index.js'
import type { ApiView, PolicyView } from '../../src/link/index.js'
import { type CatalogDocument, type Dialect, type OwnRoute, routesCatalog } from '../../src/protocol/index.js'
import { RecordingUpstream } from './recording-upstream.js'
import { TableKeeper } from './table-keeper.js'

const ROUTES: readonly OwnRoute[] = [
  { route: 'GET /invoices', classes: ['read'] },
  { route: 'GET /invoices/{id}', classes: ['read'] },
  { route: 'HEAD /invoices/{id}', classes: ['read'] },
  { route: 'POST /invoices', classes: ['create'] },
  { route: 'POST /invoices/{id}/void', classes: ['irreversible'] },
  { route: 'DELETE /invoices/{id}', classes: ['irreversible'] },
  { route: 'POST /forms', classes: ['create'], body: ['form'] },
  { route: 'POST /attachments', classes: ['create'], body: ['multipart'] },
  { route: 'PUT /blobs/{id}', classes: ['update'], body: ['stream'] },
]
export const OPERATIONS = ROUTES.map(({ route }) => route)

/** A grant by its form; nothing in these tests verifies it, the keeper of the table believes it. */
export const GRANT = `${encoded({ typ: 'at+jwt', alg: 'Ed25519' })}.${encoded({ sub: 'coder' })}.c2ln`
export const BEARER = `Authorization: Bearer ${GRANT}`

export function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

export interface ARunningGate {
  readonly gate: Gate
  readonly keeper: TableKeeper
  readonly upstream: RecordingUpstream
  /** Base URL of the main listener, without a prefix. */
  readonly url: string
  /** Lines of the log so far. */
  readonly log: string[]
  /** `fetch` with the grant, below the prefix of the API `billing`. */
  call(path: string, init?: RequestInit): Promise<Response>
  close(): Promise<void>
}

export interface AGateOptions extends Partial<GateOptions> {
  readonly dialect?: Dialect
  readonly privateUpstream?: boolean
  readonly origin?: string
  readonly upstream?: RecordingUpstream
}

export function billingCatalog(origin: string, dialect: Dialect = 'rest'): CatalogDocument {
  const catalog = routesCatalog('billing', ROUTES, { upstream: origin })
  const slots = ['bearer', 'countersign-grant', 'basic-user', 'project-access-token'] as const
  return { ...catalog, profile: { ...catalog.profile, dialect, slots } }
}

export function policyOf(cid: string, ...apis: readonly ApiView[]): PolicyView {
  return { cid, version: 1, expiresMs: 1_800_000_000_000, apis }
}

export function billingApi(origin: string, changes: Partial<ApiView> = {}): ApiView {
  return {
    name: 'billing',
    catalog: billingCatalog(origin),
    origins: { default: origin },
    privateUpstream: true,
    ...changes,
  }
}

/** A gate on a free port before a recording upstream, with a keeper that admits every operation of the catalog. */
export async function aGate(options: AGateOptions = {}): Promise<ARunningGate> {
  const { dialect, privateUpstream, origin: named, upstream: given, ...gateOptions } = options
  const upstream = given ?? (await RecordingUpstream.start())
  const origin = named ?? upstream.origin
  const keeper = new TableKeeper(
    policyOf(
      'sha256:one',
      billingApi(origin, {
        catalog: billingCatalog(origin, dialect),
        privateUpstream: privateUpstream ?? true,
      }),
    ),
  )
  for (const operation of OPERATIONS) keeper.allowed.add(operation)
  const log: string[] = []
  const logger = pino({ level: 'debug' }, { write: line => void log.push(line) })
  const gate = await startGate({ listen: '127.0.0.1:0', keeper, logger, ...gateOptions }).catch(
    async (error: unknown) => {
      await upstream.close()
      throw error
    },
  )
  const url = gate.addresses().main
  return {
    gate,
    keeper,
    upstream,
    url,
    log,
    call: (path, init = {}) => {
      const headers = new Headers(init.headers)
      if (!headers.has('authorization')) headers.set('authorization', `Bearer ${GRANT}`)
      return fetch(`${url}/billing${path}`, { redirect: 'manual', ...init, headers })
    },
    close: async () => {
      await gate.close()
      await upstream.close()
    },
  }
}
