import {
  canonicalize,
  contentId,
  decodeEnvelope,
  encodeEnvelope,
  formatPublicKey,
  fromUtf8,
  type JsonObject,
  type SigningKey,
  utf8,
} from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { rotateTrustRoot, sealEnrolment, sealTrustRoot, type TrustRoot } from '../../src/policy/index.js'
import {
  type AttemptBody,
  type Bundle,
  type BundleOptions,
  type BundleVerification,
  type CommittedField,
  commitment,
  encodeBundle,
  fieldKey,
  gatherProofs,
  type OwnTrust,
  settledDisclosures,
  settledEnvelope,
  settledNote,
  settledPolicies,
  verifyBundle,
} from '../../src/receipt/index.js'
import { compiled, keyNamed, signedAnyhow, written } from '../policy/trust-fixture.js'
import { attemptBody, genesis, LogOnPaper, outcomeBody } from './log-fixture.js'

export const ORIGIN = 'acme.test/countersign/edge'
const SECRET = nativeCrypto.sha256(utf8('the secret of an attempt'))
export const CATALOG = canonicalize({ name: 'railway', v: 1 })

/** One key in every role: bundles stay small. */
export function smallTrustRoot(change: Partial<TrustRoot> = {}): TrustRoot {
  const role = { keys: ['admin'], threshold: 1 }
  return {
    v: 1,
    version: 1,
    previous: null,
    keys: { admin: written('admin') },
    roles: { root: role, policy: role, enrol: role, operate: role, recover: role },
    revoked: { keys: [], ids: [] },
    minPolicyVersion: 1,
    testAudiences: [],
    ...change,
  }
}

export function sealedRoot(root: TrustRoot, ...keys: readonly string[]): Uint8Array {
  return encodeEnvelope(sealTrustRoot(root, (keys.length === 0 ? ['admin'] : keys).map(keyNamed)))
}

/** The version after, sealed by the same key. */
export function nextRoot(root: TrustRoot, change: Parameters<typeof rotateTrustRoot>[1]): TrustRoot {
  return rotateTrustRoot(root, change, nativeCrypto)
}

const sealed = signedAnyhow(
  compiled({
    name: 'acme',
    apis: { railway: { catalog: contentId(nativeCrypto, utf8(CATALOG)) } },
    rules: [{ id: 'work-in-staging', because: 'Work is done in staging.' }],
  }),
  ['admin'],
)
export const POLICY = contentId(nativeCrypto, sealed.payload)

/** An incident on paper: a log with one agent's attempts among others', and the bundle of it. */
export class Incident {
  readonly log: LogOnPaper
  readonly root = smallTrustRoot()
  readonly seqs: number[] = []
  /** The admitted attempt that has an outcome. */
  attempt = -1

  constructor({
    enrolled = true,
    epoch = 1,
    genesis: said = {},
    log = new LogOnPaper(),
  }: {
    readonly enrolled?: boolean
    readonly epoch?: number
    readonly genesis?: JsonObject
    readonly log?: LogOnPaper
  } = {}) {
    this.log = log
    this.log.chain = `${ORIGIN}/${epoch}`
    const start = genesis(this.log.receiptKey, this.log.checkpointKey)
    const enrolment = enrolled ? fromUtf8(this.enrolment(this.log.receiptKey, this.log.checkpointKey)) : null
    if (start.type === 'genesis') this.take({ ...start, data: { ...start.data, enrolment, ...said } })
    this.take(this.log.bootEntry())
  }

  /** What a keeper of these keys is enrolled with. */
  enrolment(receipt: SigningKey, checkpoint: SigningKey): Uint8Array {
    return encodeEnvelope(
      sealEnrolment(
        {
          v: 1,
          origin: ORIGIN,
          keys: {
            receipt: formatPublicKey(receipt.publicKey),
            checkpoint: formatPublicKey(checkpoint.publicKey),
            grant: written('grant'),
          },
          notBefore: '2026-01-01T00:00:00Z',
          notAfter: '2027-01-01T00:00:00Z',
        },
        [keyNamed('admin')],
      ),
    )
  }

  /** Activation, grant, an attempt under them with its outcome, a denial. */
  tell(): this {
    this.take({ type: 'policy', data: { action: 'activated', cid: POLICY, version: 7 } })
    const who = { agent: 'coder', environment: 'staging', task: 'CS-17', owner: 'maria' }
    this.log.append(this.log.heartbeat())
    this.take({
      type: 'grant',
      data: {
        action: 'issued',
        jti: 'g-1',
        ...who,
        slot: 'bearer',
        expires: 1_790_003_600_000,
        session: 'g-1',
      },
    })
    this.log.append(attemptBody())
    this.attempt = this.take(committed())
    this.log.append(this.log.heartbeat())
    this.take(outcomeBody(this.attempt, this.log.leaves[this.attempt] as string))
    this.take(committed({ decision: { effect: 'deny', code: 'denied_by_rule', rule: 'work-in-staging' } }))
    this.log.append(this.log.heartbeat())
    return this
  }

  /** As little as has everything that a bundle can have: a log's start, and one attempt with its outcome. */
  tellBriefly(): this {
    this.attempt = this.take(
      committed({ agent: { id: 'a', environment: 's', task: 't', owner: 'o', grant: '' } }),
    )
    this.take(outcomeBody(this.attempt, this.log.leaves[this.attempt] as string))
    return this
  }

  /** Appends an entry that belongs into the bundle. */
  take(...entry: Parameters<LogOnPaper['append']>): number {
    const seq = this.log.append(...entry)
    this.seqs.push(seq)
    return seq
  }

  trust(): OwnTrust {
    return { chain: [sealedRoot(this.root)], pin: null }
  }

  async bundle(change: Partial<Bundle> = {}): Promise<Bundle> {
    const { entries, size } = { entries: this.log.entries, size: this.log.tree.size }
    const gathered = await gatherProofs(nativeCrypto, from(entries), this.seqs, size)
    return {
      checkpoint: settledNote(this.log.note()),
      entries: gathered.entries.map(({ seq, bytes, proof }) => ({ seq, entry: fromUtf8(bytes), proof })),
      policies: settledPolicies(nativeCrypto, [sealed]),
      catalogs: [],
      trust: [settledEnvelope(decodeEnvelope(sealedRoot(this.root)))],
      disclosures: settledDisclosures([this.disclosure('target')]),
      ...change,
    }
  }

  disclosure(field: CommittedField, value = committedValue(field)): Bundle['disclosures'][number] {
    return { seq: this.attempt, field, key: fieldKey(nativeCrypto, SECRET, field), value }
  }

  verify(bundle: Bundle, options: Partial<BundleOptions> = {}): BundleVerification {
    return verifyBundle(encodeBundle(bundle), { crypto: nativeCrypto, trust: this.trust(), ...options })
  }
}

export function committedValue(field: CommittedField): Uint8Array {
  return utf8(`value of ${field}`)
}

/** An attempt whose commitments can be opened. */
function committed(change: Partial<AttemptBody> = {}): AttemptBody {
  const c = (field: CommittedField) => commitment(nativeCrypto, SECRET, field, committedValue(field))
  return attemptBody({
    req: { api: 'railway', method: 'POST', target_c: c('target'), body_c: c('body'), body_len: 42 },
    policy: { cid: POLICY, version: 7 },
    inputs_c: c('inputs'),
    ...change,
  })
}

async function* from(entries: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* entries
}

export function codesOf({ findings }: BundleVerification): string[] {
  return [...new Set(findings.map(({ code }) => code))]
}

const MARKUP = '<img src=x onerror=pwned=1>'
const HIDDEN = '\u202e\u200b\u0000\u001b\u2066\u00a0\u3164\n'

/** An incident whose every name was chosen to be run by whoever shows it. */
export function hostile(): Incident {
  const story = new Incident()
  const name = (what: string) => `${what}${MARKUP}</script><script>pwned=1</script>${HIDDEN}`
  const who = {
    id: name('agent'),
    environment: name('e'),
    task: name('t'),
    owner: name('o'),
    grant: name('g'),
  }
  const ops = [
    {
      name: name('operation'),
      classes: ['update' as const],
      scope: { [name('scope')]: name('value') },
      resources: [{ type: name('type'), id: name('id') }],
    },
  ]
  const credential = { minter: name('minter'), scope: name('scope'), expires: Number.MAX_SAFE_INTEGER }
  story.attempt = story.take(committed({ agent: who, ops, credential, approval: name('approval') }))
  const leaf = story.log.leaves[story.attempt] as string
  story.take(outcomeBody(story.attempt, leaf, { upstream_id: name('upstream') }))
  story.take({ type: 'close', data: { reason: name('reason') } })
  return story
}
