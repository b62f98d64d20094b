import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  encodeEnvelope,
  formatPublicKey,
  fromUtf8,
  type JsonObject,
  type SigningKey,
  utf8,
} from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import {
  type Enrolment,
  openPastEnrolment,
  openTrustChain,
  revokedSinceMs,
  rotateTrustRoot,
  sealEnrolment,
  type TrustRoot,
} from '../../src/policy/index.js'
import {
  cosign,
  type EntryBody,
  formatNote,
  formatVerifierKey,
  type PinnedKeys,
  parseCheckpoint,
  parseWitnessPolicy,
  type SignedCheckpoint,
  signCheckpoint,
  type Verification,
  type VerifyOptions,
  verifyEntries,
} from '../../src/receipt/index.js'
import { idOf, keyNamed, sealedChain, trustRoot } from '../policy/trust-fixture.js'
import { CHAIN, genesis, LogOnPaper, newKey } from './log-fixture.js'

const ORIGIN = 'acme.test/countersign/edge'
const OPEN = { notBefore: '2026-01-01T00:00:00Z', notAfter: '2027-01-01T00:00:00Z' }

interface Instance {
  readonly receipt: SigningKey
  readonly checkpoint: SigningKey
  readonly grant: SigningKey
}

function newInstance(): Instance {
  return { receipt: newKey(), checkpoint: newKey(), grant: newKey() }
}

function written(key: SigningKey): string {
  return formatPublicKey(key.publicKey)
}

function enrolmentOf(instance: Instance, changes: Partial<Enrolment> = {}, by = 'enrol'): string {
  const keys = {
    receipt: written(instance.receipt),
    checkpoint: written(instance.checkpoint),
    grant: written(instance.grant),
  }
  const enrolment = { v: 1, origin: ORIGIN, keys, ...OPEN, ...changes } as const
  return fromUtf8(encodeEnvelope(sealEnrolment(enrolment, [keyNamed(by)])))
}

/** What a verifier who trusts this chain of trust roots pins. */
function pinned(instance: Instance, chain: readonly Uint8Array[], pin: string): PinnedKeys {
  const versions = openTrustChain(chain, pin, nativeCrypto)
  const newest = versions.at(-1) as TrustRoot
  return {
    origin: ORIGIN,
    receipt: [instance.receipt.publicKey],
    checkpoint: [instance.checkpoint.publicKey],
    certify: envelope => openPastEnrolment(envelope, versions, nativeCrypto),
    revoked: new Map(newest.revoked.keys.map(key => [key, revokedSinceMs(newest, key) as number])),
  }
}

/** A log of one instance, and its keys handed over as the test wants it. */
class LongLog extends LogOnPaper {
  readonly first: Instance
  private now: Instance

  constructor(first = newInstance()) {
    super(first.receipt, first.checkpoint)
    this.first = first
    this.now = first
    this.start()
    this.exchange()
  }

  /** The three entries, in order, and then the new key signs. */
  handOver(next: Instance, enrolment: string | null = enrolmentOf(next), lie: JsonObject = {}): void {
    for (const role of ['checkpoint', 'grant', 'receipt'] as const) this.enrols(role, next, enrolment, lie)
    this.receiptKey = next.receipt
    this.now = next
  }

  enrols(role: keyof Instance, next: Instance, enrolment: string | null, lie: JsonObject = {}): void {
    const data: JsonObject = {
      action: 'enrolled',
      role,
      key: written(next[role]),
      ...(enrolment === null ? {} : { enrolment }),
      replaces: written(this.now[role]),
      ...lie,
    }
    this.append({ type: 'key', data })
  }

  verify(changes: Partial<VerifyOptions> = {}, keys = trusting(this.first)): Promise<Verification> {
    return verifyEntries(this.read(), { crypto: nativeCrypto, keys, checkpoints: [], ...changes })
  }
}

function trusting(instance: Instance, changes: Partial<TrustRoot> = {}): PinnedKeys {
  const root = trustRoot(changes)
  return pinned(instance, sealedChain([root, ['root']]), idOf(root))
}

async function codes(
  verifying: Promise<Verification>,
): Promise<readonly (readonly [string, number | null])[]> {
  return (await verifying).findings.map(({ code, seq }) => [code, seq] as const)
}

test('a log whose keys were replaced twice verifies from the first instance’s keys and the trust root alone', async () => {
  const log = new LongLog()
  const [second, third] = [newInstance(), newInstance()]
  log.handOver(second)
  log.exchange()
  log.handOver(third)
  log.exchange()
  const found = await log.verify({ checkpoints: [log.checkpoint(third.checkpoint)] })
  assert.deepEqual(found.findings, [])
  assert.equal(found.checkpointed, log.entries.length)
  assert.equal(found.mode, 'pinned keys')
})

test('ATTACK: a log that begins before its enrolment does, or after its end → key_not_current', async () => {
  const begun = async (changes: Partial<Enrolment>) => {
    const instance = newInstance()
    const log = new LogOnPaper(instance.receipt, instance.checkpoint)
    const start = genesis(instance.receipt, instance.checkpoint) as EntryBody & { data: JsonObject }
    log.append({ ...start, data: { ...start.data, enrolment: enrolmentOf(instance, changes) } } as EntryBody)
    log.append(log.bootEntry())
    return codes(
      verifyEntries(log.read(), { crypto: nativeCrypto, keys: trusting(instance), checkpoints: [] }),
    )
  }
  assert.deepEqual(await begun({}), [])
  assert.deepEqual(await begun({ notAfter: '2026-02-01T00:00:00Z' }), [['key_not_current', 0]])
  assert.deepEqual(await begun({ notBefore: '2026-12-31T00:00:00Z' }), [['key_not_current', 0]])
})

test('ATTACK: a genesis that names other keys than the enrolled ones, which sign it → key_uncertified', async () => {
  for (const role of ['receipt', 'checkpoint'] as const) {
    const first = newInstance()
    const log = new LogOnPaper(first.receipt, first.checkpoint)
    const said = genesis(first.receipt, first.checkpoint) as Extract<EntryBody, { data: JsonObject }>
    log.append({ ...said, data: { ...said.data, [role]: written(newKey()) } })
    log.append(log.bootEntry())
    const verifying = verifyEntries(log.read(), {
      crypto: nativeCrypto,
      keys: trusting(first),
      checkpoints: [],
    })
    assert.deepEqual(await codes(verifying), [['key_uncertified', 0]])
  }
})

test('an enrolment renewed over the same keys changes nothing', async () => {
  const log = new LongLog()
  const renewed = enrolmentOf(log.first)
  for (const role of ['checkpoint', 'grant', 'receipt'] as const) log.enrols(role, log.first, renewed)
  log.exchange()
  assert.deepEqual(await codes(log.verify({ checkpoints: [log.checkpoint()] })), [])
})

test('integrity only follows the log’s own word, and still finds a key that comes back', async () => {
  const log = new LongLog()
  log.handOver(newInstance(), null)
  log.exchange()
  assert.deepEqual(await codes(log.verify({}, null as never)), [])
  log.handOver(log.first, null)
  assert.ok((await codes(log.verify({}, null as never))).some(([code]) => code === 'key_returns'))
})

const refused: readonly {
  readonly attack: string
  readonly code: string
  readonly handOver: (log: LongLog, next: Instance) => void
}[] = [
  {
    attack: 'a new receipt key without a certificate',
    code: 'key_uncertified',
    handOver: (log, next) => log.handOver(next, null),
  },
  {
    attack: 'an enrolment that no enrol key has signed',
    code: 'key_uncertified',
    handOver: (log, next) => log.handOver(next, enrolmentOf(next, {}, 'p1')),
  },
  {
    attack: 'an enrolment of another origin',
    code: 'key_uncertified',
    handOver: (log, next) => log.handOver(next, enrolmentOf(next, { origin: 'acme.test/countersign/other' })),
  },
  {
    attack: 'an enrolment of other keys',
    code: 'key_uncertified',
    handOver: (log, next) => log.handOver(next, enrolmentOf(newInstance())),
  },
  {
    attack: 'a certified grant key passed off as the receipt key',
    code: 'key_uncertified',
    handOver: (log, next) => {
      const enrolment = enrolmentOf(next)
      log.enrols('receipt', next, enrolment, { key: written(next.grant) })
    },
  },
  {
    attack: 'a hand-over back-dated to before the enrolment began',
    code: 'key_not_current',
    handOver: (log, next) => log.handOver(next, enrolmentOf(next, { notBefore: '2026-12-01T00:00:00Z' })),
  },
  {
    attack: 'an enrolment that had ended by then',
    code: 'key_not_current',
    handOver: (log, next) => log.handOver(next, enrolmentOf(next, { notAfter: '2026-02-01T00:00:00Z' })),
  },
  {
    attack: 'a hand-over that says it replaces another key than it does',
    code: 'key_uncertified',
    handOver: (log, next) => log.handOver(next, enrolmentOf(next), { replaces: written(newKey()) }),
  },
]

for (const { attack, code, handOver } of refused) {
  test(`ATTACK: ${attack} → ${code}`, async () => {
    const log = new LongLog()
    const at = log.entries.length
    handOver(log, newInstance())
    log.exchange()
    const found = await log.verify()
    assert.equal(found.findings[0]?.code, code)
    assert.ok(found.validPrefix >= at && found.validPrefix < log.entries.length)
  })
}

test('ATTACK: a hand-over that only the new key has signed → entry_key from there on', async () => {
  const log = new LongLog()
  const next = newInstance()
  log.receiptKey = next.receipt
  const at = log.entries.length
  log.handOver(next)
  log.exchange()
  const found = await log.verify()
  assert.deepEqual([found.findings[0]?.code, found.findings[0]?.seq], ['entry_key', at])
  assert.equal(found.findingCount, 5)
})

test('ATTACK: the replaced key signs on, and the new one before its time → entry_key', async () => {
  const log = new LongLog()
  const next = newInstance()
  log.handOver(next)
  log.exchange()
  log.receiptKey = log.first.receipt
  const at = log.entries.length
  log.append(log.heartbeat())
  assert.deepEqual(await codes(log.verify()), [['entry_key', at]])
})

test('ATTACK: a key that returns after it was replaced, certified again → key_returns', async () => {
  const log = new LongLog()
  log.handOver(newInstance())
  const at = log.entries.length
  log.handOver({ ...log.first, checkpoint: newKey(), grant: newKey() })
  const found = await log.verify()
  assert.deepEqual([found.findings[0]?.code, found.findings[0]?.seq], ['key_returns', at + 2])
})

test('ATTACK: a checkpoint by the replaced key alone counts up to the hand-over and not behind it', async () => {
  const log = new LongLog()
  const before = log.checkpoint()
  const next = newInstance()
  log.handOver(next)
  log.exchange()
  const stripped = log.checkpoint(log.first.checkpoint)
  assert.deepEqual(await codes(log.verify({ checkpoints: [before] })), [])
  assert.deepEqual(await codes(log.verify({ checkpoints: [stripped] })), [['checkpoint_signature', null]])
  const note = signCheckpoint(
    nativeCrypto,
    { origin: CHAIN, size: log.tree.size, root: log.tree.rootHex() },
    next.checkpoint,
    log.first.checkpoint,
  )
  const both = parseCheckpoint(utf8(note))
  assert.equal(both.signatures.length, 2)
  assert.deepEqual(await codes(log.verify({ checkpoints: [both] })), [])
})

test('an enrolment by an enrol key that a later trust root replaced still leads to the keys', async () => {
  const log = new LongLog()
  const second = newInstance()
  log.handOver(second)
  log.exchange()
  const one = trustRoot()
  const two = rotateTrustRoot(
    one,
    {
      keys: { ...without(one.keys, 'enrol'), enrol2: written(keyNamed('enrol2')) },
      roles: { ...one.roles, enrol: { keys: ['enrol2'], threshold: 1 } },
    },
    nativeCrypto,
  )
  const chain = sealedChain([one, ['root']], [two, ['root']])
  for (const pin of [idOf(one), idOf(two)])
    assert.deepEqual(await codes(log.verify({}, pinned(log.first, chain, pin))), [])
  log.handOver(newInstance(), null)
  const third = newInstance()
  const later = new LongLog(log.first)
  later.handOver(third, enrolmentOf(third, {}, 'enrol2'))
  assert.deepEqual(await codes(later.verify({}, pinned(log.first, chain, idOf(one)))), [])
})

test('ATTACK: an enrolment by an enrol key that was revoked since → key_uncertified', async () => {
  const log = new LongLog()
  const at = log.entries.length
  log.handOver(newInstance())
  const one = trustRoot()
  const two = rotateTrustRoot(
    one,
    {
      keys: { ...without(one.keys, 'enrol'), enrol2: written(keyNamed('enrol2')) },
      roles: { ...one.roles, enrol: { keys: ['enrol2'], threshold: 1 } },
      revoked: { keys: [written(keyNamed('enrol'))], ids: [] },
    },
    nativeCrypto,
  )
  const chain = sealedChain([one, ['root']], [two, ['root']])
  const found = await codes(log.verify({}, pinned(log.first, chain, idOf(one))))
  assert.deepEqual(found[0], ['key_uncertified', at])
})

function revoking(log: LongLog, since?: string): PinnedKeys {
  const key = written(log.first.receipt)
  const times = since === undefined ? {} : { since: { [key]: since } }
  return trusting(log.first, { revoked: { keys: [key], ids: [], ...times } })
}

test('entries by a key that was revoked count where a later key that stands covers them', async () => {
  const log = new LongLog()
  log.handOver(newInstance())
  log.exchange()
  assert.deepEqual(await codes(log.verify({}, revoking(log))), [])
})

test('ATTACK: a thief goes on with the stolen key behind the hand-over that he can’t make → entry_key_revoked', async () => {
  const log = new LongLog()
  log.exchange()
  assert.deepEqual(await codes(log.verify({}, revoking(log))), [['entry_key_revoked', 0]])
  // He may copy the hand-over, which is public, and still can't sign what follows.
  const forked = new LongLog(log.first)
  forked.handOver(newInstance())
  assert.deepEqual(await codes(forked.verify({}, revoking(forked))), [['entry_key_revoked', 0]])
})

test('a checkpoint that the verifier has kept covers what a revoked key signed before, and nothing behind it', async () => {
  const log = new LongLog()
  const kept = log.checkpoint()
  const size = log.entries.length
  assert.deepEqual(await codes(log.verify({ checkpoints: [kept], kept: [kept] }, revoking(log))), [])
  log.exchange()
  const found = await log.verify({ checkpoints: [kept], kept: [kept] }, revoking(log))
  assert.deepEqual([found.findings[0]?.code, found.findings[0]?.seq], ['entry_key_revoked', size])
  assert.equal(found.validPrefix, size)
  // Handed over by somebody, it covers nothing: the thief may have signed it yesterday.
  assert.equal((await codes(log.verify({ checkpoints: [kept] }, revoking(log))))[0]?.[1], 0)
})

const WITNESS = { name: 'witness.test/w1', key: newKey() }
const witnesses = parseWitnessPolicy(
  nativeCrypto,
  utf8(
    `witness w1 ${formatVerifierKey(nativeCrypto, { name: WITNESS.name, use: 'witness', publicKey: WITNESS.key.publicKey })}\nquorum w1\n`,
  ),
)

function cosignedAt(log: LongLog, time: string): SignedCheckpoint {
  const { body, signatures } = log.checkpoint()
  const line = cosign(nativeCrypto, body, WITNESS.name, WITNESS.key, Date.parse(time) / 1_000)
  return parseCheckpoint(utf8(formatNote({ body, signatures: [...signatures, line] })))
}

test('a cosignature covers what a revoked key signed where it is older than the time of the revocation', async () => {
  const log = new LongLog()
  const seen = { checkpoints: [cosignedAt(log, '2026-10-01T12:00:00Z')], witnesses }
  assert.deepEqual(await codes(log.verify(seen, revoking(log, '2026-10-01T12:00:01Z'))), [])
  for (const keys of [revoking(log, '2026-10-01T12:00:00Z'), revoking(log)])
    assert.deepEqual(await codes(log.verify(seen, keys)), [['entry_key_revoked', 0]])
})

test('ATTACK: a checkpoint by a revoked checkpoint key → checkpoint_signature, unless kept or seen before', async () => {
  const log = new LongLog()
  const key = written(log.first.checkpoint)
  const keys = (since?: string) =>
    trusting(log.first, {
      revoked: { keys: [key], ids: [], ...(since === undefined ? {} : { since: { [key]: since } }) },
    })
  const checkpoint = log.checkpoint()
  const found = await log.verify({ checkpoints: [checkpoint] }, keys())
  assert.match(found.findings[0]?.message ?? '', /its key is revoked/)
  assert.equal(found.checkpointed, null)
  assert.deepEqual(await codes(log.verify({ checkpoints: [checkpoint], kept: [checkpoint] }, keys())), [])
  const seen = { checkpoints: [cosignedAt(log, '2026-10-01T12:00:00Z')], witnesses }
  assert.deepEqual(await codes(log.verify(seen, keys('2026-11-01T00:00:00Z'))), [])
  assert.deepEqual(await codes(log.verify(seen, keys())), [['checkpoint_signature', null]])
})

test('ATTACK: what the log itself has declared revoked signs no more, whatever the pinned trust root says', async () => {
  const log = new LongLog()
  const second = newInstance()
  log.handOver(second)
  log.append({ type: 'key', data: { action: 'revoked', role: 'receipt', key: written(log.first.receipt) } })
  log.exchange()
  assert.deepEqual(await codes(log.verify()), [])
  log.append({ type: 'key', data: { action: 'revoked', role: 'receipt', key: written(second.receipt) } })
  const at = log.entries.length
  log.append(log.heartbeat())
  assert.deepEqual(await codes(log.verify()), [['entry_key', at]])
})

test('keys named by hand follow one another in the order in which the log enrols them', async () => {
  const log = new LongLog()
  const second = newInstance()
  log.handOver(second, null)
  log.exchange()
  const keys = (...receipt: readonly SigningKey[]): PinnedKeys => ({
    origin: null,
    receipt: receipt.map(key => key.publicKey),
    checkpoint: [log.first.checkpoint.publicKey, second.checkpoint.publicKey],
  })
  assert.deepEqual(await codes(log.verify({}, keys(log.first.receipt, second.receipt))), [])
  const found = await codes(log.verify({}, keys(log.first.receipt)))
  assert.equal(found[0]?.[0], 'key_uncertified')
})

function without(keys: Readonly<Record<string, string>>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(keys).filter(([each]) => each !== name))
}
