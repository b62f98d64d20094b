import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import {
  contentId,
  decodeEnvelope,
  encodeEnvelope,
  formatPublicKey,
  fromUtf8,
  type SigningKey,
  utf8,
} from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import {
  type Recovery,
  sealCountersignature,
  sealRecovery,
  statementDigest,
  type TrustRoot,
  trustRootId,
} from '../../src/policy/index.js'
import {
  type AttemptBody,
  type Bundle,
  cosign,
  encodeBundle,
  formatVerifierKey,
  type NoteKey,
  parseBundle,
  parseCheckpoint,
  parseWitnessPolicy,
  settledEnvelope,
  settledNote,
  settledPolicies,
  signatureLine,
  verifyBundle,
} from '../../src/receipt/index.js'
import { compiled, keyNamed, signedAnyhow, written } from '../policy/trust-fixture.js'
import {
  CATALOG,
  codesOf,
  committedValue,
  Incident,
  nextRoot,
  ORIGIN,
  POLICY,
  sealedRoot,
  smallTrustRoot,
} from './bundle-fixture.js'
import { attemptBody, genesis, LogOnPaper, newKey, outcomeBody } from './log-fixture.js'

const incident = new Incident().tell()
const good = await incident.bundle()
const settled = (root: TrustRoot, ...keys: readonly string[]) =>
  settledEnvelope(decodeEnvelope(sealedRoot(root, ...keys)))

test('attack: many versions of a trust root are not each asked about each of many policies', async () => {
  const versions = [incident.root]
  for (let i = 1; i < 60; i++) versions.push(nextRoot(versions.at(-1) as TrustRoot, {}))
  const trust = versions.map(root => settled(root, 'admin'))
  // By the role's own key, says its id, and false.
  const policies = Array.from({ length: 60 }, (_, i) => {
    const envelope = signedAnyhow(compiled({ version: i + 1 }), ['admin'])
    return {
      ...envelope,
      signatures: envelope.signatures.map(each => ({ ...each, sig: each.sig.toReversed() })),
    }
  })
  let looks = 0
  const verify: typeof nativeCrypto.verify = (...args) => {
    looks++
    return nativeCrypto.verify(...args)
  }
  const bundle = { ...good, trust, policies: settledPolicies(nativeCrypto, policies) }
  const found = verifyBundle(encodeBundle(bundle), { crypto: { ...nativeCrypto, verify }, trust: null })
  assert.ok(codesOf(found).includes('policy_signature'))
  assert.ok(looks < 1_000, `${looks} signatures looked at`)
})

describe('a bundle', () => {
  it('reads back as it was written', () => {
    const bytes = encodeBundle(good)
    const { checkpoint, entries } = parseBundle(bytes)
    assert.deepEqual([checkpoint, entries.length], [good.checkpoint, good.entries.length])
    assert.deepEqual(encodeBundle(parseBundle(bytes)), bytes)
  })

  it('says what it proves, with the trust root that the reader brings', () => {
    const found = incident.verify(good)
    assert.deepEqual(found.findings, [])
    assert.deepEqual(
      [found.mode, found.sound, found.entries, found.size, found.trustVersions],
      ['pinned trust root', true, incident.seqs.length, incident.log.tree.size, 1],
    )
    assert.deepEqual(found.counts, {
      genesis: 1,
      boot: 1,
      policy: 1,
      grant: 1,
      'attempt allow': 1,
      'attempt deny': 1,
      outcome: 1,
    })
    const [policy] = found.policies
    assert.deepEqual([policy?.cid, policy?.trustVersion, policy?.withdrawn], [POLICY, 1, false])
    assert.deepEqual(found.disclosed, [{ seq: incident.attempt, field: 'target' }])
    assert.deepEqual([found.open, found.missing, found.witnessedT], [[], [], null])
  })

  it('is integrity only without one, whatever it brings itself', () => {
    const found = incident.verify(good, { trust: null })
    assert.deepEqual([found.mode, found.sound], ['integrity only', true])
    const bare = incident.verify({ ...good, trust: [] }, { trust: null })
    assert.deepEqual([bare.mode, bare.sound, bare.policies[0]?.trustVersion], ['integrity only', true, null])
  })

  it('needs no trust root of its own where the reader has one', () => {
    assert.equal(incident.verify({ ...good, trust: [] }).sound, true)
  })

  it('names what its attempts cite and it doesn’t hold', () => {
    const without = good.entries.filter(({ entry }) => !/"type":"(grant|policy)"/.test(payloadText(entry)))
    const found = incident.verify({ ...good, entries: without, policies: [] })
    assert.deepEqual(found.findings, [])
    assert.deepEqual(
      found.missing.map(({ kind, id }) => [kind, id]),
      [
        ['grant', 'g-1'],
        ['activation', POLICY],
        ['policy', POLICY],
      ],
    )
  })

  it('names admitted attempts whose outcome it doesn’t hold', () => {
    const without = good.entries.filter(({ entry }) => !/"type":"outcome"/.test(payloadText(entry)))
    const found = incident.verify({ ...good, entries: without })
    assert.deepEqual([found.sound, found.open], [true, [incident.attempt]])
  })
})

function payloadText(entry: string): string {
  return fromUtf8(decodeEnvelope(utf8(entry)).payload)
}

describe('attack: a bundle', () => {
  const is = (code: string, bundle: Bundle, options = {}) =>
    assert.ok(codesOf(incident.verify(bundle, options)).includes(code), code)
  const without = (type: string): Bundle => ({
    ...good,
    entries: good.entries.filter(({ entry }) => !payloadText(entry).includes(`"type":"${type}"`)),
  })

  it('of another log, re-signed as a whole, is refused', async () => {
    const other = new Incident().tell()
    const forged = await other.bundle()
    const [mine, theirs] = [incident.trust(), new LogOnPaper()]
    assert.equal(other.verify(forged).sound, true)
    // Same trust root, other instance: its enrolment is good. So the attacker needs a root of his own.
    const root = smallTrustRoot({ keys: { admin: written('thief') } })
    const brought = { ...forged, trust: [settled(root, 'thief')] }
    is('trust_pin', brought, { trust: mine })
    const start = genesis(theirs.receiptKey, theirs.checkpointKey)
    theirs.append(start)
    theirs.append(theirs.bootEntry())
    is('enrolment', {
      ...forged,
      entries: [{ seq: 0, entry: fromUtf8(theirs.entries[0] as Uint8Array), proof: [] }],
      checkpoint: theirs.note(),
    })
  })

  it('without genesis, or without the boot of an entry, is refused', () => {
    is('chain_start', without('genesis'))
    is('chain_start', { ...good, entries: [] })
    is('boot_missing', without('boot'))
  })

  it('with entries that were moved, doubled or exchanged is refused', () => {
    const [a, b, ...rest] = good.entries as [Bundle['entries'][0], Bundle['entries'][0]]
    is('bundle_order', { ...good, entries: [b, a, ...rest] })
    is('bundle_order', { ...good, entries: [a, a, b, ...rest] })
    is('entry_seq', { ...good, entries: [{ ...a, seq: 1 }, ...rest] })
    is('entry_proof', { ...good, entries: [{ ...a, proof: b.proof }, b, ...rest] })
    is('entry_proof', { ...good, entries: [{ ...a, proof: a.proof.slice(1) }, b, ...rest] })
    const lie = { ...a, entry: a.entry.replace('"sig":"', '"sig":"A').replace(/.=="}]}$/, '=="}]}') }
    is('entry_malformed', { ...good, entries: [{ ...lie, entry: `${lie.entry} ` }, b, ...rest] })
  })

  it('with entries that the log’s own key put into another tree is refused', async () => {
    const rogue = new Incident()
    rogue.take({ type: 'heartbeat', data: { size: 2, open: 0 } }, { chain: 'acme.test/countersign/edge/2' })
    assert.ok(
      codesOf(rogue.verify(await rogue.bundle({ policies: [], disclosures: [] }))).includes('chain_origin'),
    )
    const early = new Incident()
    early.take({ type: 'heartbeat', data: { size: 2, open: 0 } }, { t: 1 })
    assert.ok(
      codesOf(early.verify(await early.bundle({ policies: [], disclosures: [] }))).includes('chain_time'),
    )
    const loose = new Incident()
    loose.take({ type: 'heartbeat', data: { size: 2, open: 0 } }, { prev: 'ab'.repeat(32) })
    assert.ok(
      codesOf(loose.verify(await loose.bundle({ policies: [], disclosures: [] }))).includes('chain_prev'),
    )
    const twice = new Incident()
    const seq = twice.take(attemptBody())
    const leaf = twice.log.leaves[seq] as string
    twice.take(outcomeBody(seq, leaf))
    twice.take(outcomeBody(seq, leaf, { status: 'timeout' }))
    assert.deepEqual(codesOf(twice.verify(await twice.bundle({ policies: [], disclosures: [] }))), [
      'outcome_unmatched',
    ])
  })

  it('with an outcome whose attempt it doesn’t hold is refused', () => {
    is('outcome_unmatched', without('attempt'))
  })

  it('whose attempt says otherwise than the grant or the approval that it cites is refused', async () => {
    const who = { agent: 'coder', environment: 'staging', task: 'CS-17', owner: 'maria' }
    const issued = { action: 'issued', jti: 'g-1', slot: 'bearer', expires: 1_790_003_600_000 }
    let states: readonly string[] = ['requested', 'approved']
    const told = async (grant: object, ...attempts: readonly Partial<AttemptBody>[]) => {
      const story = new Incident()
      story.take({ type: 'grant', data: { ...issued, ...who, ...grant } })
      const digest = 'ab'.repeat(32)
      const approval = {
        id: 'a-1',
        ...who,
        policy: attemptBody().policy.cid,
        digest,
        expires: 1_790_003_600_000,
      }
      for (const state of states) story.take({ type: 'approval', data: { ...approval, state, by: 'maria' } })
      for (const change of attempts) story.take(attemptBody(change))
      return codesOf(story.verify(await story.bundle({ policies: [], disclosures: [] })))
    }
    assert.deepEqual(await told({}, { approval: 'a-1' }), [])
    assert.deepEqual(await told({ owner: 'eve' }, {}), ['entry_contradicts'])
    const unasked = { effect: 'allow', code: 'grant_missing', rule: null } as const
    assert.deepEqual(await told({}, { decision: unasked }), ['entry_contradicts'])
    assert.deepEqual(await told({ expires: 1_789_990_000_000 }, {}), ['entry_contradicts'])
    assert.deepEqual(await told({}, { approval: 'a-1' }, { approval: 'a-1' }), ['entry_contradicts'])
    const approved = { effect: 'allow', code: 'approved', rule: 'voids' } as const
    states = ['requested', 'approved', 'rejected']
    assert.deepEqual(await told({}, { approval: 'a-1', decision: approved }), ['entry_contradicts'])
    states = ['requested', 'rejected', 'approved']
    assert.deepEqual(await told({}), ['entry_contradicts'])
  })

  it('holds what people signed against its own policies', async () => {
    const jo = newKey()
    const finance = { keys: { jo: { ed25519: formatPublicKey(jo.publicKey) } }, threshold: 1, expires: 1_800 }
    const asking = signedAnyhow(compiled({ approvers: { finance } }), ['admin'])
    const cid = contentId(nativeCrypto, asking.payload)
    const who = { agent: 'coder', environment: 'staging', task: 'CS-17', owner: 'maria' }
    const told = async (key: SigningKey | null, requested = true) => {
      const story = new Incident()
      const { ops, req, agent } = attemptBody()
      const statement = { v: 1, origin: ORIGIN, id: 'a-1', ...who, policy: cid, api: req.api } as const
      const whole = { ...statement, operations: ops, args_c: 'cd'.repeat(32) }
      const digest = statementDigest(nativeCrypto, whole)
      const t = story.log.t
      const step = (state: string, more: object = {}) =>
        story.take({
          type: 'approval',
          data: {
            ...{ id: 'a-1', state, ...who, policy: cid, digest, expires: t + 60_000, approvers: ['finance'] },
            ...more,
          },
        })
      if (requested) step('requested')
      const word = { v: 1, verdict: 'approve', statement: whole, t } as const
      const signed = key === null ? {} : { signed: fromUtf8(encodeEnvelope(sealCountersignature(word, key))) }
      step('approved', { by: 'jo', ...signed })
      step('consumed')
      const decision = { effect: 'allow', code: 'approved', rule: 'voids' } as const
      story.take(
        attemptBody({
          agent: { ...agent, grant: '' },
          policy: { cid, version: 7 },
          approval: 'a-1',
          decision,
        }),
      )
      const bundle = { policies: settledPolicies(nativeCrypto, [asking]), disclosures: [] }
      return story.verify(await story.bundle(bundle))
    }
    const good = await told(jo)
    assert.deepEqual(
      [codesOf(good), good.countersignatures],
      [[], { proven: 1, touched: 0, doubted: 0, unproven: 0 }],
    )
    for (const key of [null, newKey()]) {
      const found = await told(key)
      // The word, and the use that it isn't enough for.
      assert.deepEqual([codesOf(found), found.findingCount], [['entry_contradicts'], 2])
    }
    const part = await told(jo, false)
    assert.deepEqual(part.countersignatures, { proven: 0, touched: 0, doubted: 0, unproven: 1 })
    assert.ok(part.missing.some(({ kind, id }) => kind === 'approval' && id === 'a-1'))
  })

  it('attack: a genesis that names other keys than its enrolment, signed by the enrolled ones', async () => {
    for (const role of ['receipt', 'checkpoint'] as const) {
      const story = new Incident({ genesis: { [role]: formatPublicKey(newKey().publicKey) } })
      story.tellBriefly()
      const found = story.verify(await story.bundle({ policies: [], disclosures: [] }))
      assert.deepEqual(codesOf(found), ['enrolment'])
    }
  })

  it('of a later epoch is refused unless the role `recover` signed for what began it', async () => {
    const root = 'ab'.repeat(32)
    const said = { chain: `${ORIGIN}/1`, size: 17, root, because: 'The disk was lost.', lost: 3 }
    const recovery: Recovery = {
      ...{
        v: 1,
        origin: ORIGIN,
        epoch: 1,
        verdict: 'ledger_behind_mark',
        because: said.because,
        lost: said.lost,
      },
      ...{
        left: { size: 17, root, leaf: root, t: 1 },
        known: null,
        policy: null,
        t: 2,
        nonce: 'n'.repeat(16),
      },
    }
    const told = async (by: string | null, change: object = {}) => {
      const story = new Incident({ epoch: 2 })
      const statement = fromUtf8(encodeEnvelope(sealRecovery(recovery, by === null ? [] : [keyNamed(by)])))
      if (by !== null) story.take({ type: 'recover', data: { ...said, statement, ...change } })
      story.tellBriefly()
      const found = story.verify(await story.bundle({ policies: [], disclosures: [] }))
      return { codes: codesOf(found), recovered: found.recovered }
    }
    const good = await told('admin')
    assert.deepEqual([good.codes, good.recovered?.lost, good.recovered?.epoch], [[], 3, 2])
    assert.equal(good.recovered?.known, null)
    assert.deepEqual((await told(null)).codes, ['recover_missing'])
    assert.deepEqual((await told('thief')).codes, ['recover_unproven'])
    assert.deepEqual((await told('admin', { lost: 0 })).codes, ['recover_unproven'])
  })

  it('with another checkpoint, or one by another key, is refused', () => {
    const { log } = incident
    is('checkpoint_signature', { ...good, checkpoint: log.note(newKey()) })
    is('chain_origin', { ...good, checkpoint: log.note(undefined, 'acme.test/countersign/edge/2') })
    is('checkpoint_malformed', { ...good, checkpoint: log.note().replace('\n\n', '\nextra\n\n') })
    const longer = new LogOnPaper(log.receiptKey, log.checkpointKey).start()
    is('entry_proof', { ...good, checkpoint: longer.note() })
    is('checkpoint_line', { ...good, checkpoint: `${log.note()}${log.note().split('\n\n')[1]}` })
  })

  it('whose trust root was cut back, forked or not sealed is judged by the reader’s own', () => {
    const second = nextRoot(incident.root, { minPolicyVersion: 3 })
    const fork = nextRoot(incident.root, { minPolicyVersion: 4 })
    const own = { chain: [sealedRoot(incident.root), sealedRoot(second)], pin: null }
    const cut = incident.verify(good, { trust: own })
    assert.deepEqual([cut.sound, cut.trustVersions], [true, 2])
    is('trust_pin', { ...good, trust: [...good.trust, settled(fork)] }, { trust: own })
    is('trust_chain', { ...good, trust: [...good.trust, good.trust[0] as string] })
    is('trust_chain', { ...good, trust: [`${good.trust[0]} `] })
    is('trust_pin', good, { trust: { chain: own.chain, pin: `sha256:${'ab'.repeat(32)}` } })
    is('trust_pin', good, { trust: { chain: [], pin: null } })
    const pinned = incident.verify(good, { trust: { ...own, pin: trustRootId(second, nativeCrypto) } })
    assert.equal(pinned.sound, true)
  })

  it('with a policy that nobody cites, or that no key of the role sealed, is refused', () => {
    const other = signedAnyhow(compiled({ version: 8 }), ['admin'])
    is('policy_uncited', { ...good, policies: settledPolicies(nativeCrypto, [other]) })
    const envelope = decodeEnvelope(utf8(good.policies[0] as string))
    const forged = { ...envelope, signatures: signedAnyhow(envelope.payload, ['thief']).signatures }
    is('policy_signature', { ...good, policies: [settledEnvelope(forged)] })
    is('policy_malformed', { ...good, policies: [good.policies[0]?.replace('{', '{ ') as string] })
    const doubled = { ...envelope, signatures: [...envelope.signatures, ...envelope.signatures] }
    const text = settledEnvelope(envelope).replace(/\[(.*)\]/, '[$1,$1]')
    assert.equal(decodeEnvelope(utf8(text)).signatures.length, doubled.signatures.length)
    is('policy_malformed', { ...good, policies: [text] })
    is('bundle_order', { ...good, policies: [...good.policies, ...good.policies] })
  })

  it('with a catalog that no policy pins is refused; one that is pinned is welcome', () => {
    assert.equal(incident.verify({ ...good, catalogs: [CATALOG] }).sound, true)
    is('catalog_uncited', { ...good, catalogs: [`${CATALOG} `] })
    is('catalog_uncited', { ...good, policies: [], catalogs: [CATALOG] })
    is('bundle_order', { ...good, catalogs: [CATALOG, CATALOG] })
  })

  it('with a disclosure that the receipt has not committed to is refused', () => {
    const { attempt } = incident
    const target = incident.disclosure('target')
    const disclose = (...disclosures: Bundle['disclosures']) => ({ ...good, disclosures })
    is('disclosure_unmatched', disclose({ ...target, value: utf8('another') }))
    is('disclosure_unmatched', disclose({ ...target, key: incident.disclosure('body').key }))
    is('disclosure_unmatched', disclose({ ...target, field: 'resp' }))
    is('disclosure_unmatched', disclose({ ...target, field: 'ops.0' }))
    is('disclosure_unmatched', disclose({ ...target, seq: attempt + 1 }))
    is('bundle_order', disclose(target, target))
    is('bundle_order', disclose(target, incident.disclosure('body')))
    // HMAC pads its key with zeros: one with a zero more opens the same commitment.
    is('disclosure_unmatched', disclose({ ...target, key: Uint8Array.of(...target.key, 0) }))
    const all = disclose(...(['body', 'inputs', 'target'] as const).map(field => incident.disclosure(field)))
    assert.equal(incident.verify(all).disclosed.length, 3)
    assert.deepEqual(committedValue('target'), target.value)
  })

  it('that is no bundle is one finding', () => {
    for (const bytes of [
      utf8(''),
      utf8('{}'),
      utf8('[]'),
      utf8('null'),
      Uint8Array.of(0xff),
      new Uint8Array(7),
    ]) {
      const found = verifyBundle(bytes, { crypto: nativeCrypto, trust: incident.trust() })
      assert.deepEqual([found.sound, codesOf(found)], [false, ['bundle_malformed']])
    }
  })
})

describe('keys of a bundle', () => {
  it('a policy that was sealed before its key was rotated out stays good, and says under which version', () => {
    const keys = { admin: written('admin'), next: written('next') }
    const role = { keys: ['next'], threshold: 1 }
    const second = nextRoot(incident.root, { keys, roles: { ...incident.root.roles, policy: role } })
    const found = incident.verify({ ...good, trust: [...good.trust, settled(second)] })
    assert.deepEqual([found.findings, found.policies[0]?.trustVersion, found.trustVersions], [[], 1, 2])
  })

  it('a policy that was withdrawn since is shown as that', () => {
    const second = nextRoot(incident.root, { revoked: { keys: [], ids: [POLICY] } })
    const found = incident.verify({ ...good, trust: [...good.trust, settled(second)] })
    assert.deepEqual([found.sound, found.policies[0]?.withdrawn], [true, true])
  })

  it('attack: what revoked keys signed counts only where witnesses saw it before', () => {
    const { receiptKey, checkpointKey } = incident.log
    const revoked = (since?: string, signers = [receiptKey, checkpointKey]) => {
      const keys = signers.map(({ publicKey }) => formatPublicKey(publicKey))
      const times = since === undefined ? {} : { since: Object.fromEntries(keys.map(key => [key, since])) }
      return nextRoot(incident.root, { revoked: { keys, ids: [], ...times } })
    }
    const { bundle, options } = witnessed(1_790_000_000)
    const judged = (root: TrustRoot) =>
      codesOf(incident.verify({ ...bundle, trust: [...good.trust, settled(root)] }, options))
    assert.deepEqual(judged(revoked()), ['key_revoked'])
    assert.deepEqual(judged(revoked('2026-09-21T00:00:00Z')), ['key_revoked'])
    assert.deepEqual(judged(revoked('2026-09-22T00:00:00Z')), [])
    // A thief of the receipt key alone makes no checkpoint.
    assert.deepEqual(judged(revoked(undefined, [receiptKey])), [])
    // A thief of both does: the verdict says that nobody else has seen it.
    const alone = (root: TrustRoot) =>
      incident.verify({ ...bundle, trust: [...good.trust, settled(root)] }, options).byCheckpointKeyAlone
    assert.deepEqual(alone(revoked(undefined, [receiptKey])), [formatPublicKey(receiptKey.publicKey)])
    assert.deepEqual(alone(revoked('2026-09-22T00:00:00Z', [receiptKey])), [])
    assert.deepEqual(judged(revoked(undefined, [checkpointKey])), ['key_revoked'])
  })

  it('attack: what a revoked policy key sealed counts only where the log cites it from before', () => {
    const revoked = (since: string) => {
      const [key, role] = [written('admin'), { keys: ['next'], threshold: 1 }]
      const roles = { root: role, policy: role, enrol: role, operate: role, recover: role }
      const keys = { next: written('next') }
      // The same key enrolled the instance, so that goes with it: only the policy's finding is looked at.
      const change = { keys, roles, revoked: { keys: [key], ids: [], since: { [key]: since } } }
      const trust = [...good.trust, settled(nextRoot(incident.root, change), 'admin', 'next')]
      return incident
        .verify({ ...good, trust })
        .findings.filter(({ message }) => message.includes(`policy ${POLICY}`))
    }
    assert.deepEqual(revoked('2026-09-22T00:00:00Z'), [])
    assert.equal(revoked('2026-09-20T00:00:00Z')[0]?.code, 'key_revoked')
  })

  const replaced = async (enrolment: (story: Incident, next: SigningKey) => Uint8Array) => {
    const story = new Incident()
    const next = newKey()
    const key = formatPublicKey(next.publicKey)
    const data = { action: 'enrolled', role: 'receipt', key, enrolment: fromUtf8(enrolment(story, next)) }
    story.take({ type: 'key', data })
    story.log.receiptKey = next
    story.take(story.log.bootEntry())
    story.tellBriefly()
    return story.verify(await story.bundle({ policies: [], disclosures: [] }))
  }

  it('follow a log whose receipt key was replaced, by the enrolment in its key entry', async () => {
    const found = await replaced((story, next) => story.enrolment(next, story.log.checkpointKey))
    assert.deepEqual(found.findings, [])
  })

  it('attack: a replacement that the trust root didn’t certify is refused with all that follows', async () => {
    const found = await replaced((story, next) => story.enrolment(newKey(), next))
    assert.deepEqual(codesOf(found), ['key_enrolment', 'entry_key'])
  })
})

function witnessed(time: number) {
  const signer = keyNamed('witness')
  const key: NoteKey = { name: 'witness.example/w1', use: 'witness', publicKey: signer.publicKey }
  const { body } = parseCheckpoint(utf8(good.checkpoint))
  const line = signatureLine(cosign(nativeCrypto, body, key.name, signer, time))
  const policy = `witness W ${formatVerifierKey(nativeCrypto, key)}\nquorum W\n`
  return {
    line,
    bundle: { ...good, checkpoint: settledNote(`${good.checkpoint}${line}`) },
    options: { witnesses: parseWitnessPolicy(nativeCrypto, utf8(policy)) },
  }
}

describe('witnesses of a bundle', () => {
  it('are found where the reader’s policy names them', () => {
    const { bundle, options } = witnessed(1_790_000_123)
    const found = incident.verify(bundle, options)
    assert.deepEqual([found.findings, found.witnessedT], [[], 1_790_000_123_000])
  })

  it('attack: an entry that is dated after they had seen it is a finding', () => {
    const { lastT } = incident.verify(good)
    const { bundle, options } = witnessed(Math.floor((lastT as number) / 1_000) - 601)
    assert.deepEqual(codesOf(incident.verify(bundle, options)), ['chain_ahead'])
  })

  it('attack: a line of an unknown key is a finding, with a policy and without', () => {
    const { bundle, line, options } = witnessed(1_790_000_123)
    assert.deepEqual(codesOf(incident.verify(bundle)), ['checkpoint_line'])
    const other = line.replace('w1', 'w2')
    const both = { ...bundle, checkpoint: settledNote(`${bundle.checkpoint}${other}`) }
    assert.deepEqual(codesOf(incident.verify(both, options)), ['checkpoint_line'])
    const doubled = { ...bundle, checkpoint: `${bundle.checkpoint}${line}` }
    assert.ok(!incident.verify(doubled, options).sound)
  })

  it('attack: a checkpoint that they haven’t seen is a finding, and so is one of a log that the policy doesn’t name', () => {
    const { bundle, options } = witnessed(5)
    assert.deepEqual(codesOf(incident.verify(good, options)), ['checkpoint_witness'])
    const other: NoteKey = { name: `${ORIGIN}/1`, use: 'log', publicKey: keyNamed('other').publicKey }
    const policy = `log ${formatVerifierKey(nativeCrypto, other)}\nquorum none\n`
    const witnesses = parseWitnessPolicy(nativeCrypto, utf8(policy))
    assert.deepEqual(codesOf(incident.verify(good, { witnesses })), ['checkpoint_signature'])
    assert.ok(!incident.verify(bundle, { witnesses }).sound)
  })
})

it('the content id of the policy is what attempts cite', () => {
  assert.equal(contentId(nativeCrypto, decodeEnvelope(utf8(good.policies[0] as string)).payload), POLICY)
})
