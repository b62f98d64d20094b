import { chmod, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { FastifyInstance, FastifyServerFactory } from 'fastify'
import { base64, CountersignError, encodeEnvelope, fromBase64, parseStrictJson } from '../canon/index.js'
import type { AwsGrantKeys } from '../credential/index.js'
import type { Cosigning, CosigningStatus, FullCheckStatus, Ledger, SinkStatus } from '../ledger/index.js'
import { nativeCrypto, SCHEMALESS } from '../native/index.js'
import { observers, policyFault } from '../policy/index.js'
import { consistencyProof, inclusionProof } from '../receipt/index.js'
import type { Activation } from './activation.js'
import { type Approvals, shownApproval } from './approvals.js'
import type { Archives } from './archives.js'
import type { UsedBudget } from './budgets.js'
import type { Erasures } from './erasures.js'
import { keeperFault } from './error-table.js'
import type { Grants } from './grants.js'
import { removeStaleSocket } from './link-server.js'
import type { NoticeStatus } from './notices.js'
import type { Clock, Log } from './ports.js'
import type { HaltScope, Stops } from './stops.js'
import type { Succession } from './succession.js'
import { explainReceipt } from './why.js'

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
  }
}

export interface AdminServer {
  close(): Promise<void>
}

const MAX_BODY_BYTES = 65_536
const MAX_RECEIPTS = 1_000

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
  await listenPrivately(app, socketPath)
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
  app.get('/v1/policy', () => ({ policy: detailsOf(parts), refusedUpdate: parts.activation.refusal() }))
  routeApprovals(app, parts.approvals)
  routeStops(app, parts.stops)
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
async function listenPrivately(app: FastifyInstance, path: string): Promise<void> {
  await app.ready()
  const before = process.umask(0o177)
  try {
    await app.listen({ path })
  } finally {
    process.umask(before)
  }
  await chmod(path, 0o600)
}

function routeStatus(
  app: FastifyInstance,
  { ledger, activation, succession, clock, grants, approvals, stops, archives, facts }: AdminParts,
): void {
  app.get('/v1/status', () => ({
    chain: ledger.chain,
    head: ledger.head(),
    policy: summaryOf({ activation, clock }),
    refusedUpdate: activation.refusal(),
    distribution: activation.distribution(),
    enrolmentExpiresMs: succession.expiresMs(),
    refusedKeys: succession.refusal(),
    grants: grants.list().filter(grant => !grant.revoked).length,
    approvals: approvals.pending().length,
    stops: stops.list(),
    archives: archives.status(),
    ...facts(),
  }))
}

function routeReceipts(app: FastifyInstance, ledger: Ledger): void {
  app.get('/v1/receipts', async request => {
    const { from = '0', limit = '100' } = request.query as Record<string, string | undefined>
    const first = numberOf(from)
    const most = Math.min(numberOf(limit), MAX_RECEIPTS)
    const entries: { seq: number; entry: string }[] = []
    if (most > 0)
      for await (const bytes of ledger.entries(first)) {
        entries.push({ seq: first + entries.length, entry: base64(bytes) })
        if (entries.length >= most) break
      }
    return { size: ledger.head().size, entries }
  })
  app.get('/v1/receipts/:seq', async request => {
    const seq = numberOf((request.params as { seq: string }).seq)
    const bytes = await ledger.get(seq)
    if (bytes === undefined) throw keeperFault('receipt_unknown', String(seq))
    return { seq, entry: base64(bytes) }
  })
}

function routeEvidence(app: FastifyInstance, ledger: Ledger): void {
  // Encrypted to the auditor: the keeper itself can't read it any more after its next start.
  app.get('/v1/inputs/:id', async request => {
    const { id } = request.params as { id: string }
    if (!/^[0-9a-f-]{36}$/.test(id)) throw keeperFault('admin_malformed', 'expected the id of an attempt')
    const record = await ledger.side.get(id)
    return { inputs: record === undefined ? null : base64(record) }
  })
  app.get('/v1/why/:seq', request =>
    explainReceipt(ledger, numberOf((request.params as { seq: string }).seq)),
  )
}

/** The checkpoint over the head, the newest one that witnesses have cosigned, and the hashes that lead to either. */
function routeProofs(
  app: FastifyInstance,
  { ledger, cosigning }: Pick<AdminParts, 'ledger' | 'cosigning'>,
): void {
  app.get('/v1/checkpoint', async () => {
    const note = await ledger.checkpoint()
    return {
      checkpoint: cosigning?.withCosignatures(note) ?? note,
      witnessed: cosigning?.witnessed() ?? null,
    }
  })
  app.get('/v1/proofs/inclusion', async request => {
    const { seq, size } = numbersOf(request.query, ['seq', 'size'])
    if (seq >= size || size > ledger.head().size) throw keeperFault('receipt_unknown', `${seq} of ${size}`)
    return { hashes: (await inclusionProof(nativeCrypto, seq, size, ledger.node)).map(base64) }
  })
  app.get('/v1/proofs/consistency', async request => {
    const { from, size } = numbersOf(request.query, ['from', 'size'])
    if (from === 0 || from > size || size > ledger.head().size)
      throw keeperFault('receipt_unknown', `from ${from} to ${size}`)
    return { hashes: (await consistencyProof(nativeCrypto, from, size, ledger.node)).map(base64) }
  })
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

/** Reading takes the socket alone; what counts is signed by an approver whom the policy names. */
function routeApprovals(app: FastifyInstance, approvals: Approvals): void {
  app.get('/v1/approvals', () => ({ approvals: approvals.pending().map(shownApproval) }))
  app.get('/v1/approvals/:id', request => ({
    approval: shownApproval(approvals.find((request.params as { id: string }).id)),
  }))
  app.post('/v1/approvals/:id/countersignatures', async request => ({
    approval: shownApproval(
      await approvals.countersign(
        (request.params as { id: string }).id,
        envelopeOf(request.body, 'countersignature', 'countersignature_malformed'),
      ),
    ),
  }))
}

/** Stopping takes the socket alone, going on an order of the `operate` role. */
function routeStops(app: FastifyInstance, stops: Stops): void {
  app.get('/v1/stops', () => stops.list())
  app.post('/v1/stops/halt', async request => {
    const { of, by, because, cut } = wordsOf(request.body)
    if (typeof cut !== 'boolean') throw keeperFault('admin_malformed', 'expected true or false')
    return stops.halt(haltScopeOf(of), { by, because, cut })
  })
  app.post('/v1/stops/resume', async request => ({
    halt: await stops.resume(orderOf(request.body, 'operate_order_malformed')),
  }))
  app.post('/v1/stops/freeze', async request => {
    const { by, because, untilMs } = wordsOf(request.body)
    if (untilMs !== null && !(Number.isSafeInteger(untilMs) && (untilMs as number) > 0))
      throw keeperFault('admin_malformed', 'expected Unix milliseconds')
    return { freeze: await stops.freeze(by, because, untilMs as number | null) }
  })
  app.post('/v1/stops/thaw', async request => ({
    freeze: await stops.thaw(orderOf(request.body, 'operate_order_malformed')),
  }))
}

/** Written in receipts and shown to people: no control, format or unassigned character. */
const PLAIN_TEXT = /^[^\p{C}]{1,500}$/u

function plainText(value: unknown): string {
  if (typeof value === 'string' && PLAIN_TEXT.test(value)) return value
  throw keeperFault('admin_malformed', 'expected 1 to 500 plain characters')
}

function wordsOf(body: unknown) {
  const { of, by, because, untilMs = null, cut = false } = (body ?? {}) as Readonly<Record<string, unknown>>
  return { of, by: plainText(by), because: because === undefined ? null : plainText(because), untilMs, cut }
}

function haltScopeOf(value: unknown): HaltScope {
  const { scope, agent, task } = (value ?? {}) as Readonly<Record<string, unknown>>
  if (scope === 'agent') return { scope, agent: plainText(agent) }
  if (scope === 'task') return { scope, task: plainText(task) }
  if (scope === 'all') return { scope }
  throw keeperFault('admin_malformed', 'expected the scope agent, task or all')
}

/** Looks at once whether there is another policy, or other keys for this sidecar; it would notice either by itself as well. */
function routeReloads(app: FastifyInstance, parts: AdminParts): void {
  const { activation, succession } = parts
  app.post('/v1/policy/reload', async () => ({
    inForce: await activation.reload(),
    policy: summaryOf(parts),
    distribution: activation.distribution(),
    refusedUpdate: activation.refusal(),
  }))
  app.post('/v1/keys/reload', async () => {
    const replaced = await succession.reload(activation.trust())
    if (replaced) await activation.reload()
    return { replaced, enrolmentExpiresMs: succession.expiresMs(), refusedKeys: succession.refusal() }
  })
}

function summaryOf({ activation, clock }: Pick<AdminParts, 'activation' | 'clock'>) {
  const nowMs = clock.nowMs()
  const policy = activation.inForce()
  if (policy === null) return null
  const { cid, name, version, expiresMs, audience } = policy
  return { cid, name, version, expiresMs, audience, observing: observers(policy, nowMs) }
}

function detailsOf(parts: Pick<AdminParts, 'activation' | 'clock'>) {
  const policy = parts.activation.inForce()
  if (policy === null) return null
  return {
    ...summaryOf(parts),
    apis: [...policy.apis.values()].map(({ name, catalog, catalogDigest, origins }) => ({
      name,
      catalog: catalog.name,
      catalogDigest,
      origins,
      slots: catalog.profile.slots,
    })),
    agents: [...policy.agents.values()].map(({ id, environment, sessionSeconds }) => ({
      id,
      environment,
      sessionSeconds,
    })),
    rules: policy.rules,
    approvers: [...policy.approvers.values()],
  }
}

/** One JSON value without duplicate members, or nothing at all. */
function readStrictly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (_request: unknown, body: Buffer) =>
      body.length === 0 ? null : parseStrictJson(body, { maxDepth: 16 }),
  )
}

function orderOf(body: unknown, malformed: 'grant_order_malformed' | 'operate_order_malformed'): Uint8Array {
  return envelopeOf(body, 'order', malformed)
}

/** `{"order": <DSSE envelope>}`, or another name, with its members as on the wire. */
function envelopeOf(
  body: unknown,
  name: string,
  malformed: 'grant_order_malformed' | 'operate_order_malformed' | 'countersignature_malformed',
): Uint8Array {
  const order = (body as Readonly<Record<string, unknown>> | null)?.[name]
  if (typeof order !== 'object' || order === null) throw policyFault(malformed)
  const { payload, payloadType, signatures } = order as Record<string, unknown>
  if (typeof payload !== 'string' || typeof payloadType !== 'string' || !Array.isArray(signatures))
    throw policyFault(malformed)
  try {
    return encodeEnvelope({
      payload: fromBase64(payload),
      payloadType,
      signatures: signatures.map(({ keyid, sig }) => ({
        keyid: String(keyid),
        sig: fromBase64(String(sig)),
      })),
    })
  } catch {
    throw policyFault(malformed)
  }
}

function numbersOf<K extends string>(query: unknown, names: readonly K[]): Record<K, number> {
  const given = query as Record<string, string | undefined>
  return Object.fromEntries(names.map(name => [name, numberOf(given[name] ?? '')])) as Record<K, number>
}

function numberOf(text: string): number {
  if (!/^[0-9]{1,15}$/.test(text)) throw keeperFault('admin_malformed', 'expected a number')
  return Number(text)
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
