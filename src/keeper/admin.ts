import { chmod, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { FastifyInstance, FastifyServerFactory } from 'fastify'
import { CountersignError } from '../canon/index.js'
import type { AwsGrantKeys, UnservedUse } from '../credential/index.js'
import type { Cosigning, CosigningStatus, FullCheckStatus, Ledger, SinkStatus } from '../ledger/index.js'
import { SCHEMALESS } from '../native/index.js'
import type { Activation } from './activation.js'
import { routeApprovals } from './admin-approvals.js'
import { orderOf, readStrictly } from './admin-body.js'
import { routeEvidence, routeProofs, routeReceipts } from './admin-receipts.js'
import { routePolicy, routeReloads, routeStatus } from './admin-status.js'
import { routeStops } from './admin-stops.js'
import type { Approvals } from './approvals.js'
import type { Archives } from './archives.js'
import type { UsedBudget } from './budgets.js'
import type { Erasures } from './erasures.js'
import { keeperFault } from './error-table.js'
import type { Grants } from './grants.js'
import { removeStaleSocket } from './link-server.js'
import type { NoticeStatus } from './notices.js'
import type { Clock, Log } from './ports.js'
import type { Stops } from './stops.js'
import type { Succession } from './succession.js'

export interface AdminParts {
  readonly ledger: Ledger
  /** Null where no witness is asked. */
  readonly cosigning: Cosigning | null
  readonly activation: Activation
  readonly succession: Succession
  readonly clock: Clock
  readonly grants: Grants
  readonly awsKeys: Pick<AwsGrantKeys, 'secretOf'>
  readonly approvals: Approvals
  readonly stops: Stops
  readonly erasures: Erasures
  readonly archives: Archives
  readonly log: Log
  /** What `GET /v1/status` says beside the ledger and the policy. */
  readonly facts: () => {
    readonly gates: number
    readonly openAttempts: number
    readonly notices: readonly NoticeStatus[]
    readonly budgets: readonly UsedBudget[]
    readonly startedMs: number
    readonly shipping: readonly SinkStatus[]
    readonly witnesses: CosigningStatus | null
    readonly fullCheck: FullCheckStatus | null
    readonly missing: readonly string[]
    readonly unserved: readonly UnservedUse[]
  }
}

export interface AdminServer {
  close(): Promise<void>
}

const MAX_BODY_BYTES = 65_536

/**
 * Serves the admin API on a Unix socket that only the keeper's own user may open (0600). Whoever reaches it can
 * read and revoke; a grant takes an order signed by the `enrol` role besides, an erasure or an archive one by the `operate` role. Errors are
 * `{"code","message","mend"}` with the status of the error's table.
 */
export async function serveAdmin(socketPath: string, parts: AdminParts): Promise<AdminServer> {
  const app = await adminApp(parts.log)
  routeForPeople(app, parts)
  routeOnTheSocket(app, parts)
  app.setNotFoundHandler((_request, reply) => {
    const { code, message, mend } = keeperFault('admin_malformed', 'no such route')
    return reply.status(404).send({ code, message, mend })
  })
  await mkdir(dirname(socketPath), { recursive: true, mode: 0o750 })
  await removeStaleSocket(socketPath)
  await listenPrivately(app, socketPath, parts.log)
  return { close: () => app.close() }
}

/** Reads strictly and answers errors, whatever it is reached through; has no route yet. */
export async function adminApp(log: Log, serverFactory?: FastifyServerFactory): Promise<FastifyInstance> {
  // Whoever else uses this room serves nothing, and needn't load a server.
  const { default: Fastify } = await import('fastify')
  const app = Fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    forceCloseConnections: true,
    schemaController: SCHEMALESS,
    ...(serverFactory === undefined ? {} : { serverFactory }),
  })
  readStrictly(app)
  answerErrors(app, log)
  return app
}

/**
 * What people do from wherever they are: look, say their word about what waits, stop, and go on by order. INVARIANT:
 * nothing here gives anybody more than they have without a signature that the sealed policy or the trust root names.
 */
export function routeForPeople(app: FastifyInstance, parts: AdminParts): void {
  routeStatus(app, parts)
  routeReceipts(app, parts.ledger)
  app.get('/v1/grants', () => ({ grants: parts.grants.list() }))
  routePolicy(app, parts)
  routeApprovals(app, parts.approvals)
  routeStops(app, parts)
}

/** What is done on the keeper's own machine: evidence, grants, policy, keys, erasures and archives. */
function routeOnTheSocket(app: FastifyInstance, parts: AdminParts): void {
  routeEvidence(app, parts.ledger)
  routeProofs(app, parts)
  routeGrants(app, parts)
  routeReloads(app, parts)
  app.post('/v1/erasures', async request => ({
    erased: await parts.erasures.fulfil(orderOf(request.body, 'operate_order_malformed')),
  }))
  app.get('/v1/archives', () => parts.archives.status())
  app.post('/v1/archives', request => parts.archives.begin(orderOf(request.body, 'operate_order_malformed')))
}

/** INVARIANT: the socket is never open to others, not even between its making and a chmod. */
async function listenPrivately(app: FastifyInstance, path: string, log: Log): Promise<void> {
  await app.ready()
  const before = process.umask(0o177)
  try {
    await app.listen({ path })
    // A connection that can't be taken is no reason to end.
    app.server.on('error', error => log.error({ err: error }, 'a connection was not taken'))
  } finally {
    process.umask(before)
  }
  await chmod(path, 0o600)
}

/** A grant for AWS has a secret beside its token: it goes to whoever ordered the grant, in this answer and nowhere else. */
function routeGrants(app: FastifyInstance, { grants, awsKeys }: AdminParts): void {
  app.post('/v1/grants', async request => {
    const { token, grant } = await grants.issue(orderOf(request.body, 'grant_order_malformed'))
    const { jti, slot, expiresMs } = grant
    return { token, jti, expiresMs, ...(slot === 'aws-sigv4' ? { secret: awsKeys.secretOf(jti) } : {}) }
  })
  app.post('/v1/grants/:jti/revoke', async request => ({
    grant: await grants.revoke((request.params as { jti: string }).jti),
  }))
}

function answerErrors(app: FastifyInstance, log: Log): void {
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const fault = asFault(error, log)
    return reply
      .status(fault.status ?? 500)
      .send({ code: fault.code, message: fault.message, mend: fault.mend })
  })
}

function asFault(error: Error & { statusCode?: number }, log: Log): CountersignError {
  if (error instanceof CountersignError) return error
  if (error.statusCode !== undefined && error.statusCode < 500) return keeperFault('admin_malformed')
  log.error({ reason: error.message }, 'the admin API failed')
  return keeperFault('admin_fault')
}
