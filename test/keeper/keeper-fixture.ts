import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { JWK } from 'jose'
import {
  base64url,
  CountersignError,
  canonicalBytes,
  type Envelope,
  encodeEnvelope,
  formatPublicKey,
  type JsonObject,
  PAYLOAD_TYPES,
  portableSigningKey,
  type SigningKey,
  signEnvelope,
} from '../../src/canon/index.js'
import {
  awsGrantKeys,
  type CredentialBroker,
  type GrantIssuer,
  grantIssuer,
  grantVerifier,
  type MintScope,
  type RecordedCredential,
} from '../../src/credential/index.js'
import { type AdmitCall, connectKeeper, type KeeperClient } from '../../src/gate/index.js'
import {
  type ApprovalSummary,
  carryOver,
  type HighestPolicy,
  type InstanceKeys,
  type Keeper,
  type KeeperOptions,
  loadRevocations,
  type OpenedPolicy,
  type SealedSource,
  type ShownApproval,
  startKeeper,
} from '../../src/keeper/index.js'
import {
  beginEpoch,
  type Ledger,
  type OpenLedgerOptions,
  openEvidence,
  openLedger,
} from '../../src/ledger/index.js'
import type { Verdict } from '../../src/link/index.js'
import { nativeCrypto, nativeSigningKey } from '../../src/native/index.js'
import {
  activate,
  type CompileOptions,
  compilePolicy,
  openGrantOrder,
  openOperateOrder,
  parsePolicySource,
  policyFault,
  type Recovery,
  type SeenTrustRoot,
  type TrustRoot,
} from '../../src/policy/index.js'
import {
  type AttemptBody,
  type ControlBody,
  decodeEntry,
  type Entry,
  type EntryBody,
  type EntryPosition,
  type OutcomeBody,
} from '../../src/receipt/index.js'

export const ORIGIN = 'acme.test/countersign/edge'
export const REMIND = 'POST /invoices/{id}/remind'

export function signingKey(seed: Uint8Array = randomBytes(32)): SigningKey {
  return nativeSigningKey(seed, portableSigningKey(seed).publicKey)
}

/** A sealed policy of this version as it comes out of its file: compiled and activated for real. */
export function policyOf(version: number, extraRules = ''): OpenedPolicy {
  return openedPolicy(`
apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: acme, version: ${version}, expires: 2099-01-01T00:00:00Z, audience: [staging] }
apis:
  billing:
    upstream: https://billing.acme.test
    credential: billing
    routes:
      - { route: "GET /invoices/{id}", class: read }
      - { route: "POST /invoices/{id}/remind", class: update }
      - { route: "POST /invoices/{id}/void", class: irreversible }
      - { route: "DELETE /invoices/{id}", class: irreversible }
credentials:
  billing: { minter: jwt, audience: https://billing.acme.test }
agents:
  coder: { environment: staging, session: 8h, identity: [{ grant: true }] }
  pod: { environment: staging, session: 8h, identity: [{ issuer: https://k8s.acme.test, subject: "a:b" }] }
approvers:
  finance: { keys: { maria: "${formatPublicKey(signingKey(Buffer.alloc(32, 7)).publicKey)}" }, threshold: 1, expires: 30m }
rules:
  - id: read-invoices
    allow: { api: billing, class: [read] }
    to: [coder]
  - id: three-reminders
    allow: { api: billing, operations: ["${REMIND}"] }
    to: [coder]
    limit: { count: 3, per: 1h }
  - id: finance-voids
    hold: { api: billing, operations: ["POST /invoices/{id}/void"] }
    to: [coder]
    approvers: finance
  - id: never-delete
    deny: { api: billing, operations: ["DELETE /invoices/{id}"] }
    because: Invoices are kept for ten years.
${extraRules}`)
}

/** What comes out of the sealed file of a policy with this source. */
export function openedPolicy(text: string, shipped: CompileOptions['catalogs'] = new Map()): OpenedPolicy {
  const source = parsePolicySource(text)
  assert.ok('document' in source, JSON.stringify(source))
  const compiled = compilePolicy(source, { catalogs: shipped, files: new Map() })
  assert.equal(compiled.kind, 'compiled', JSON.stringify(compiled))
  if (compiled.kind !== 'compiled') throw new Error('unreachable')
  return {
    policy: activate(compiled.payload, compiled.cid, compiled.catalogs, nativeCrypto),
    catalogs: compiled.catalogs,
    recheck: trust => {
      if (trust.revoked.ids.includes(compiled.cid)) throw policyFault('content_revoked')
    },
  }
}

/** A source whose next answer the test decides; it refuses a rollback as the real one does. */
export class PolicyShelf implements SealedSource {
  next: OpenedPolicy | CountersignError
  root: TrustRoot
  private changed: () => void = () => undefined

  constructor(next: OpenedPolicy, root: TrustRoot) {
    this.next = next
    this.root = root
  }

  async trust(seen: SeenTrustRoot | null): Promise<TrustRoot> {
    if (seen !== null && this.root.version < seen.version) throw policyFault('trust_root_behind')
    return this.root
  }

  async policy(_trust: TrustRoot, highest: HighestPolicy | null): Promise<OpenedPolicy> {
    if (this.next instanceof CountersignError) throw this.next
    if (highest !== null && this.next.policy.version < highest.version)
      throw policyFault('compiled_policy_malformed', 'version below the highest')
    return this.next
  }

  watch(onChange: () => void): () => void {
    this.changed = onChange
    return () => undefined
  }

  put(next: OpenedPolicy | CountersignError): void {
    this.next = next
    this.changed()
  }
}

/** Mints at once, counts, and fails on demand. */
export class CountingBroker implements CredentialBroker {
  readonly minted: MintScope[] = []
  readonly revoked: object[] = []
  failure: Error | null = null
  closed = false
  private pausing: Promise<void> | null = null
  private onObtain: () => void = () => {}

  /** The next minting waits: `asked` resolves when it has begun. */
  pause(): { readonly asked: Promise<void>; goOn(): void } {
    let goOn = (): void => {}
    this.pausing = new Promise(resolve => {
      goOn = resolve
    })
    const asked = new Promise<void>(resolve => {
      this.onObtain = resolve
    })
    return { asked, goOn }
  }

  async obtain(scope: MintScope): Promise<RecordedCredential> {
    this.onObtain()
    if (this.pausing !== null) await this.pausing
    if (this.failure !== null) throw this.failure
    this.minted.push(scope)
    return {
      minter: scope.spec.minter,
      scope: `audience of ${scope.api}`,
      expiresMs: scope.nowMs + 60_000,
      headers: [['authorization', `Bearer minted-${this.minted.length}`]],
      mint: 'm-1',
    }
  }

  async revoke(match: object): Promise<void> {
    this.revoked.push(match)
  }

  async reap(): Promise<number> {
    return 0
  }

  async close(): Promise<void> {
    this.closed = true
  }
}

/** A sidecar's folder and keys, in which keepers start, stop and start again. */
export class House {
  readonly folder: string
  readonly broker = new CountingBroker()
  readonly enrolKey: SigningKey
  readonly shelf: PolicyShelf
  readonly logged: { facts: object; sentence: string }[] = []
  /** Added to the real clock. */
  aheadMs = 0
  private readonly receiptKey: SigningKey
  private readonly checkpointKey: SigningKey
  readonly grantKey: JWK
  private readonly closing: (() => Promise<unknown>)[] = []

  /** All keys come from the seed, so that another process can move into the same house. */
  constructor(folder: string, seed: Uint8Array = randomBytes(32)) {
    const seedOf = (name: string) => nativeCrypto.sha256(seed, Buffer.from(name))
    this.folder = folder
    this.enrolKey = signingKey(seedOf('enrol'))
    this.receiptKey = signingKey(seedOf('receipt'))
    this.checkpointKey = signingKey(seedOf('checkpoint'))
    this.grantKey = {
      kty: 'OKP',
      crv: 'Ed25519',
      d: base64url(seedOf('grant')),
      x: base64url(signingKey(seedOf('grant')).publicKey),
    }
    this.shelf = new PolicyShelf(policyOf(1), this.trustRoot())
  }

  static async build(t: TestContext, seed?: Uint8Array): Promise<House> {
    const house = new House(await mkdtemp(join(tmpdir(), 'keeper-')), seed)
    t.after(async () => {
      for (const close of house.closing.splice(0).reverse()) await close()
      await rm(house.folder, { recursive: true, force: true, maxRetries: 5 })
    })
    return house
  }

  /** What was begun last is ended first, and the folder goes when all is. */
  beforeEnd(close: () => Promise<unknown>): void {
    this.closing.push(close)
  }

  get linkSocket(): string {
    return join(this.folder, 'run', 'keeper.sock')
  }

  get adminSocket(): string {
    return join(this.folder, 'run', 'admin.sock')
  }

  readonly clock = { nowMs: () => Date.now() + this.aheadMs }

  trustRoot(changes: Partial<TrustRoot> = {}): TrustRoot {
    const role = { keys: ['enrol'], threshold: 1 }
    return {
      v: 1,
      version: 1,
      previous: null,
      keys: { enrol: formatPublicKey(this.enrolKey.publicKey) },
      roles: { root: role, policy: role, enrol: role, operate: role, recover: role },
      revoked: { keys: [], ids: [] },
      minPolicyVersion: 1,
      testAudiences: [],
      ...changes,
    }
  }

  async openLedger(changes: Partial<OpenLedgerOptions> = {}): Promise<Ledger> {
    return openLedger({
      dir: join(this.folder, 'ledger'),
      highWater: join(this.folder, 'mark', 'high-water.json'),
      origin: ORIGIN,
      signer: this.receiptKey,
      checkpointKey: this.checkpointKey,
      crypto: nativeCrypto,
      clock: this.clock.nowMs,
      boot: randomUUID(),
      software: 'countersign/test',
      enrolment: null,
      side: null,
      ...changes,
    })
  }

  /** What a signed recovery that was prepared now does to the ledger of a keeper that has stopped. */
  async recover(epoch: number, changes: Partial<Recovery> = {}): Promise<void> {
    const [dir, highWater] = [join(this.folder, 'ledger'), join(this.folder, 'mark', 'high-water.json')]
    const lost = await openEvidence(dir, nativeCrypto)
    const states = await lost.states()
    await lost.close()
    const root = '0'.repeat(64)
    const recovery: Recovery = {
      v: 1,
      origin: ORIGIN,
      epoch: epoch - 1,
      verdict: 'ledger_behind_mark',
      left: { size: 0, root, leaf: root, t: 0 },
      known: null,
      lost: 0,
      policy: null,
      because: 'a test',
      t: this.clock.nowMs(),
      nonce: 'n'.repeat(16),
      ...changes,
    }
    await beginEpoch({
      dir,
      highWater,
      origin: ORIGIN,
      signer: this.receiptKey,
      checkpointKey: this.checkpointKey,
      crypto: nativeCrypto,
      clock: this.clock.nowMs,
      boot: randomUUID(),
      software: 'countersign/test',
      enrolment: null,
      epoch,
      sinceMs: recovery.left.t,
      state: carryOver(states, recovery),
      recover: {
        type: 'recover',
        data: { chain: `${ORIGIN}/${epoch - 1}`, size: 0, root, because: recovery.because },
      },
    })
  }

  /** The ledger of a keeper that has stopped; closed after the test. */
  async reopenLedger(): Promise<Ledger> {
    const ledger = await this.openLedger()
    this.closing.push(() => ledger.close())
    return ledger
  }

  /** Starts a keeper; it is stopped after the test unless the test did. */
  async start(changes: Partial<KeeperOptions> = {}): Promise<Running> {
    const ledger = changes.ledger ?? (await this.openLedger())
    const revocations = await loadRevocations(ledger)
    const keeper = await startKeeper({
      ledger,
      revocations,
      verifier: grantVerifier({
        keys: [Buffer.from(this.grantKey.x as string, 'base64url')],
        origin: ORIGIN,
        isRevoked: (jti, issuedMs) => revocations.isRevoked(jti, issuedMs),
      }),
      issuer: this.issuer(),
      awsKeys: awsGrantKeys(this.grantKey),
      broker: this.broker,
      network: { send: () => Promise.reject(new Error('nothing is asked here')) },
      crypto: nativeCrypto,
      clock: this.clock,
      random: randomBytes,
      side: null,
      log: this.log(),
      linkSocket: this.linkSocket,
      adminSocket: this.adminSocket,
      policySource: this.shelf,
      instanceKeys: this.instanceKeys(),
      openOrder: (envelope, trust) => openGrantOrder(envelope, { trust, ...this.toThisOne() }),
      openOperateOrder: (envelope, trust) => openOperateOrder(envelope, { trust, ...this.toThisOne() }),
      drainMs: 20,
      ...changes,
    })
    this.closing.push(() => keeper.stop().catch(() => undefined))
    return { keeper, ledger }
  }

  private toThisOne() {
    return { crypto: nativeCrypto, origin: ORIGIN, nowMs: this.clock.nowMs() }
  }

  async connect(): Promise<KeeperClient> {
    const client = connectKeeper({ socketPath: this.linkSocket, gate: randomUUID(), callTimeoutMs: 5_000 })
    this.closing.push(() => client.close())
    await client.whenConnected()
    return client
  }

  /** A keeper with one gate, and calls as that gate would make them. */
  async ask(client: KeeperClient, changes: Partial<AdmitCall> = {}): Promise<Asked> {
    const { verdict, receipt } = await client.admit({ ...(await this.call(client)), ...changes })
    return { verdict, seq: receipt?.seq ?? null }
  }

  async call(client: KeeperClient): Promise<AdmitCall> {
    return {
      policyCid: client.policy()?.cid ?? '',
      api: 'billing',
      method: 'GET',
      target: '/invoices/7',
      presented: { slot: 'bearer', token: await this.token() },
      signed: null,
      foreign: [],
      body: { kind: 'none' },
      classifier: this.shelf.next instanceof CountersignError ? 'rest/3' : classifierOf(this.shelf.next),
      finding: { kind: 'operations', operations: [{ name: 'GET /invoices/{id}', args: { id: '7' } }] },
    }
  }

  private readonly tokens = new Map<string, string>()

  /** The next calls come with grants of their own. */
  forgetTokens(): void {
    this.tokens.clear()
  }

  /** A grant issued for real, one per agent and environment. */
  async token(agent = 'coder', environment = 'staging', owner = 'maria'): Promise<string> {
    const key = `${agent}/${environment}/${owner}`
    const known = this.tokens.get(key)
    if (known !== undefined) return known
    const order = {
      agent,
      environment,
      task: 't-1',
      owner,
      slot: 'bearer',
      ttlSeconds: 3_600,
    } as const
    const { token } = await this.issuer().issue(order, this.clock.nowMs())
    this.tokens.set(key, token)
    return token
  }

  order(changes: Record<string, unknown> = {}, key = this.enrolKey): Envelope {
    const payload = {
      v: 1,
      origin: ORIGIN,
      agent: 'coder',
      environment: 'staging',
      task: 't-9',
      owner: 'maria',
      slot: 'bearer',
      ttlSeconds: 600,
      t: this.clock.nowMs(),
      nonce: randomUUID(),
      ...changes,
    }
    return signEnvelope(PAYLOAD_TYPES.grantOrder, canonicalBytes(payload), [key])
  }

  admin(method: string, path: string, body?: unknown): Promise<{ status: number; body: JsonObject }> {
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        { socketPath: this.adminSocket, method, path, headers: { 'content-type': 'application/json' } },
        response => resolve(bodyOf(response)),
      )
      request.on('error', reject)
      request.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }

  /** Everything that waits, each as people are shown it. */
  async waiting(): Promise<readonly ShownApproval[]> {
    const { approvals } = (await this.admin('GET', '/v1/approvals')).body
    const ids = (approvals as unknown as readonly ApprovalSummary[]).map(({ id }) => id)
    const answers = await Promise.all(ids.map(id => this.admin('GET', `/v1/approvals/${id}`)))
    return answers.map(({ body }) => body.approval as unknown as ShownApproval)
  }

  /** Keys that nothing follows. */
  instanceKeys(): InstanceKeys {
    return {
      expiresMs: () => 4_000_000_000_000,
      inForce: () => ({
        receipt: formatPublicKey(this.receiptKey.publicKey),
        checkpoint: formatPublicKey(this.checkpointKey.publicKey),
        grant: `ed25519:${this.grantKey.x}`,
      }),
      next: async () => null,
      watch: () => () => undefined,
    }
  }

  private issuer() {
    return grantIssuer(this.grantKey, ORIGIN)
  }

  private log() {
    const note = (facts: object, sentence: string) => {
      this.logged.push({ facts, sentence })
    }
    return { info: note, warn: note, error: note }
  }
}

export interface Running {
  readonly keeper: Keeper
  readonly ledger: Ledger
}

export interface Asked {
  readonly verdict: Verdict
  readonly seq: number | null
}

/** A call for one operation of the billing API. */
export function operation(name: string, id = '7'): Pick<AdmitCall, 'method' | 'target' | 'finding'> {
  const [method, template] = name.split(' ') as [string, string]
  return {
    method,
    target: template.replace('{id}', id),
    finding: { kind: 'operations', operations: [{ name, args: { id } }] },
  }
}

/** Something that waits: `asked` resolves when somebody has come to it. */
export function pause() {
  let [come, goOn] = [(): void => {}, (): void => {}]
  const asked = new Promise<void>(resolve => {
    come = resolve
  })
  const over = new Promise<void>(resolve => {
    goOn = resolve
  })
  const wait = (): Promise<void> => {
    come()
    return over
  }
  return { asked, wait, goOn }
}

/** Signs grants for real, and only when it may. */
export function slowIssuer(house: House) {
  const signing = pause()
  const own = grantIssuer(house.grantKey, ORIGIN)
  const issuer: GrantIssuer = {
    issue: async (order, nowMs) => {
      await signing.wait()
      return own.issue(order, nowMs)
    },
  }
  return { issuer, ...signing }
}

/** A real ledger that has such an entry on disk before it may say so. */
export function slowLedger(ledger: Ledger, isSlow: (body: EntryBody) => boolean) {
  const writing = pause()
  const slow = new Proxy(ledger, {
    get(target, name) {
      const value = Reflect.get(target, name, target)
      if (name !== 'append') return typeof value === 'function' ? value.bind(target) : value
      return async (...given: Parameters<Ledger['append']>) => {
        const appended = await target.append(...given)
        if (isSlow(given[0])) await writing.wait()
        return appended
      }
    },
  })
  return { ledger: slow, ...writing }
}

export async function entriesOf(ledger: Ledger): Promise<readonly Entry[]> {
  const entries: Entry[] = []
  for await (const bytes of ledger.entries()) entries.push(decodeEntry(bytes))
  return entries
}

type EntryOf<T extends Entry['type']> = EntryPosition &
  (T extends 'attempt' ? AttemptBody : T extends 'outcome' ? OutcomeBody : ControlBody)

export async function ofType<T extends Entry['type']>(
  ledger: Ledger,
  type: T,
): Promise<readonly EntryOf<T>[]> {
  return (await entriesOf(ledger)).filter(entry => entry.type === type) as unknown as EntryOf<T>[]
}

/** An envelope with its members as on the wire, for the admin API. */
export function onTheWire(envelope: Envelope): JsonObject {
  return JSON.parse(Buffer.from(encodeEnvelope(envelope)).toString())
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise(setImmediate)
}

function classifierOf({ policy }: OpenedPolicy): string {
  return policy.apis.get('billing')?.catalog.classifier ?? ''
}

async function bodyOf(response: IncomingMessage): Promise<{ status: number; body: JsonObject }> {
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode ?? 0, body: JSON.parse(text) }
}
