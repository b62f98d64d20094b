import { formatPublicKey, fromUtf8, utf8 } from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { rotateTrustRoot } from '../../src/policy/index.js'
import {
  type Bundle,
  formatVerifierKey,
  settledNote,
  settledPolicies,
  signatureLine,
  signCheckpoint,
} from '../../src/receipt/index.js'
import { compiled, keyNamed, signedAnyhow, written } from '../policy/trust-fixture.js'
import {
  afterRotation,
  CHANGE,
  disclosure,
  frozen,
  halted,
  laterEpoch,
  NEXT_CHECKPOINT,
  NEXT_KEYS,
  NEXT_RECEIPT,
  nine,
  noteBy,
  READ,
  resumed,
  SEALED,
  SECOND_EPOCH,
  SECOND_ROOT,
  underPolicy,
  withCommitments,
  withStops,
} from './accepted-evidence.js'
import { LOG_KEY, type Other, refused, WITNESS_KEYS, type WrittenCase } from './corpus-case.js'
import {
  bundleText,
  CHECKPOINT,
  CorpusLog,
  corpusRoot,
  cosigned,
  enrolmentOf,
  RECEIPT,
  sealedAnyhow,
  sealedVersion,
} from './corpus-log.js'
import { edgeSignatures } from './edge-signatures.js'

const NOTE: readonly Other[] = ['tlog', 'python']
const OURS: readonly Other[] = ['python']
const NOBODY: readonly Other[] = []

const bundle = (
  name: string,
  shows: string,
  findings: string | readonly string[],
  seenBy: readonly Other[],
  made: Bundle | string,
  options: Parameters<typeof refused>[6] = {},
) =>
  refused(
    'bundle',
    name,
    shows,
    typeof findings === 'string' ? [findings] : findings,
    seenBy,
    typeof made === 'string' ? made : bundleText(made),
    options,
  )

/** Bundles in which what stands around the entries is wrong. */
export async function refusedBundles(): Promise<readonly WrittenCase[]> {
  return [
    ...(await places()),
    ...(await checkpoints()),
    ...(await cosignatures()),
    ...(await roots()),
    ...(await successions()),
    ...(await documents()),
    ...(await forms()),
  ]
}

async function places(): Promise<readonly WrittenCase[]> {
  const good = await nine().bundle({}, [0, 1, 4, 5])
  const [genesis, boot, attempt, outcome] = good.entries as [Entry, Entry, Entry, Entry]
  const entries = (...each: readonly Entry[]): Bundle => ({ ...good, entries: each })
  const changed = (entry: Entry, change: Partial<Entry>): Entry => ({ ...entry, ...change })
  const text = attempt.entry.replace(
    /"sig":"(.)/,
    (_, first: string) => `"sig":"${first === 'A' ? 'B' : 'A'}`,
  )
  return [
    bundle(
      'entries-out-of-order',
      'Two heartbeats have changed places.',
      ['bundle_order', 'chain_time'],
      OURS,
      {
        ...(await nine().bundle({}, [0, 1, 6, 8])),
        entries: swapped((await nine().bundle({}, [0, 1, 6, 8])).entries),
      },
    ),
    bundle(
      'entry-doubled',
      'An entry stands twice.',
      'bundle_order',
      OURS,
      entries(genesis, boot, boot, attempt, outcome),
    ),
    bundle(
      'entry-under-another-number',
      'The number beside an entry is that of the next.',
      ['entry_seq'],
      NOTE,
      entries(genesis, boot, changed(attempt, { seq: 5 })),
    ),
    bundle(
      'entry-changed-after-signing',
      'A signature was changed after the entry came into the tree.',
      ['entry_proof', 'entry_signature'],
      ['tlog', 'openssl', 'sigstore', 'python'],
      entries(genesis, boot, changed(attempt, { entry: text })),
    ),
    bundle(
      'proof-of-another-entry',
      'The proof is that of the entry beside it.',
      'entry_proof',
      NOTE,
      entries(genesis, boot, changed(attempt, { proof: outcome.proof })),
    ),
    bundle(
      'proof-too-short',
      'The proof lacks its last hash.',
      'entry_proof',
      NOTE,
      entries(genesis, boot, changed(attempt, { proof: attempt.proof.slice(0, -1) })),
    ),
    bundle(
      'proof-too-long',
      'The proof has a hash more.',
      'entry_proof',
      NOTE,
      entries(genesis, boot, changed(attempt, { proof: [...attempt.proof, new Uint8Array(32)] })),
    ),
    bundle(
      'proof-with-short-hash',
      'A hash of the proof has 31 bytes.',
      'entry_proof',
      NOTE,
      entries(
        genesis,
        boot,
        changed(attempt, { proof: attempt.proof.map((each, at) => each.subarray(at === 0 ? 1 : 0)) }),
      ),
    ),
    bundle(
      'genesis-missing',
      'The genesis is not here.',
      ['chain_start', 'enrolment', 'entry_key', 'checkpoint_signature'],
      OURS,
      entries(boot),
    ),
    bundle(
      'boot-missing',
      'The boot entry is not here.',
      'boot_missing',
      OURS,
      entries(genesis, attempt, outcome),
    ),
    bundle('empty', 'There is no entry.', ['chain_start', 'checkpoint_signature'], OURS, entries()),
  ]
}

type Entry = Bundle['entries'][number]

function swapped(entries: readonly Entry[]): readonly Entry[] {
  const [genesis, boot, one, other] = entries as [Entry, Entry, Entry, Entry]
  return [genesis, boot, other, one]
}

async function checkpoints(): Promise<readonly WrittenCase[]> {
  const log = new CorpusLog().begin()
  const good = await log.bundle()
  const note = (checkpoint: string): Bundle => ({ ...good, checkpoint })
  const { checkpoint } = good
  const resigned = (body: string, origin = log.chain) => {
    const line = signCheckpoint(
      nativeCrypto,
      { origin, size: 2, root: log.tree.rootHex() },
      { ...CHECKPOINT, sign: () => CHECKPOINT.sign(utf8(body)) },
    )
    return `${body}${line.slice(line.lastIndexOf('\n\n') + 1)}`
  }
  const body = checkpoint.slice(0, checkpoint.indexOf('\n\n') + 1)
  const other = 'acme.test/countersign/other/1'
  const edge = (kind: keyof typeof edgeSignatures) =>
    log.note({ ...CHECKPOINT, sign: message => edgeSignatures[kind]('checkpoint', message) })
  const flipped = log.note({
    ...CHECKPOINT,
    sign: message => CHECKPOINT.sign(message).map((byte, at) => (at === 3 ? byte ^ 1 : byte)),
  })
  const stray = checkpoint.replace(/(.)=\n$/, (_, last: string) => `${NEXT_LETTER[last] ?? 'B'}=\n`)
  return [
    bundle(
      'checkpoint-signature-flipped',
      'One bit of the checkpoint’s signature is another.',
      'checkpoint_signature',
      NOTE,
      note(flipped),
    ),
    bundle(
      'checkpoint-s-not-reduced',
      'S + L stands in the place of S.',
      'checkpoint_signature',
      NOTE,
      note(edge('S not below the order of the group')),
    ),
    bundle(
      'checkpoint-r-of-small-order',
      'R of the signature is the identity; Go takes it.',
      'checkpoint_signature',
      OURS,
      note(edge('R of small order')),
    ),
    bundle(
      'checkpoint-with-cofactor',
      'The equation holds only where both sides are multiplied by 8.',
      'checkpoint_signature',
      NOTE,
      note(edge('holds with the cofactor alone')),
    ),
    bundle(
      'checkpoint-by-stranger',
      'Signed under the log’s name by a key that nobody enrolled.',
      'checkpoint_signature',
      NOTE,
      note(log.note(keyNamed('stranger'))),
    ),
    bundle(
      'checkpoint-by-receipt-key',
      'Signed by the log’s receipt key.',
      'checkpoint_signature',
      NOTE,
      note(log.note(RECEIPT)),
    ),
    bundle(
      'checkpoint-of-another-log',
      'The checkpoint names another log; the same key signed it.',
      'chain_origin',
      NOTE,
      note(resigned(body.replace(log.chain, other), other)),
    ),
    bundle(
      'checkpoint-of-another-root',
      'The checkpoint has another root; the log’s key signed it.',
      'entry_proof',
      NOTE,
      note(signCheckpoint(nativeCrypto, { origin: log.chain, size: 2, root: 'ab'.repeat(32) }, CHECKPOINT)),
    ),
    bundle(
      'checkpoint-of-another-size',
      'The checkpoint says three entries over the root of two.',
      'entry_proof',
      NOTE,
      note(
        signCheckpoint(nativeCrypto, { origin: log.chain, size: 3, root: log.tree.rootHex() }, CHECKPOINT),
      ),
    ),
    bundle(
      'checkpoint-size-with-zero',
      'The size is written as 02.',
      ['checkpoint_malformed'],
      NOTE,
      note(resigned(body.replace('\n2\n', '\n02\n'))),
    ),
    bundle(
      'checkpoint-with-extension',
      'A fourth line before the signatures; this log writes none.',
      ['checkpoint_malformed'],
      NOTE,
      note(resigned(`${body}extension\n`)),
    ),
    bundle(
      'checkpoint-without-newline',
      'The last line lacks its newline.',
      ['checkpoint_malformed'],
      NOTE,
      note(checkpoint.slice(0, -1)),
    ),
    bundle(
      'checkpoint-with-hyphen',
      'A hyphen stands before the signature instead of a dash.',
      ['checkpoint_malformed'],
      NOTE,
      note(checkpoint.replace('— ', '- ')),
    ),
    bundle(
      'checkpoint-base64-stray-bits',
      'Bits behind the last byte of the line are set; Go’s decoder takes them.',
      ['checkpoint_malformed'],
      OURS,
      note(stray),
    ),
    bundle(
      'checkpoint-with-control-character',
      'A control character in the name of a line.',
      ['checkpoint_line'],
      NOTE,
      note(`${checkpoint}— a\u0001b AAAAAAAA\n`),
    ),
    bundle(
      'checkpoint-line-twice',
      'The log’s line stands twice.',
      ['bundle_order', 'checkpoint_line'],
      OURS,
      note(`${checkpoint}${checkpoint.slice(checkpoint.indexOf('—'))}`),
    ),
  ]
}

/** A letter of base64 with its lowest bit set, where it wasn't. */
const NEXT_LETTER: Readonly<Record<string, string>> = Object.fromEntries(
  ['AB', 'EF', 'IJ', 'MN', 'QR', 'UV', 'YZ', 'cd', 'gh', 'kl', 'op', 'st', 'wx', '01', '45', '89'].map(
    ([from, to]) => [from, to],
  ),
)

async function cosignatures(): Promise<readonly WrittenCase[]> {
  const log = new CorpusLog().begin()
  const good = await log.bundle()
  const options = { witnesses: 'witnesses.txt', checkpointKeys: [LOG_KEY, ...WITNESS_KEYS] }
  const note = (checkpoint: string): Bundle => ({ ...good, checkpoint })
  const both = cosigned(log.note())
  const lines = both.slice(both.indexOf('—')).split('\n').slice(0, -1) as [string, string, string]
  const head = both.slice(0, both.indexOf('—'))
  const written = (...each: readonly string[]) => note(`${head}${each.map(line => `${line}\n`).join('')}`)
  const earlier = lines[1].replace(/ (\S+)$/, (_, raw: string) => {
    const bytes = Buffer.from(raw, 'base64')
    bytes[11] = (bytes[11] as number) - 1
    return ` ${bytes.toString('base64')}`
  })
  return [
    bundle(
      'witness-unknown',
      'A line by a witness, and the reader has named none.',
      'checkpoint_line',
      NOTE,
      note(cosigned(log.note(), ['w1'])),
    ),
    bundle(
      'witness-missing',
      'The policy asks for two witnesses, and one has cosigned.',
      'checkpoint_witness',
      OURS,
      note(cosigned(log.note(), ['w1'])),
      options,
    ),
    bundle(
      'witness-time-changed',
      'The time of a cosignature is a second earlier than was signed.',
      ['checkpoint_line', 'checkpoint_witness'],
      NOTE,
      written(lines[0], earlier, lines[2]),
      options,
    ),
    bundle(
      'witness-of-another-checkpoint',
      'A cosignature is of another checkpoint.',
      ['checkpoint_line', 'checkpoint_witness'],
      NOTE,
      written(lines[0], linesOf(cosigned(nine().note()))[1] as string, lines[2]),
      options,
    ),
    bundle(
      'witness-lines-out-of-order',
      'The lines of the witnesses have changed places.',
      'bundle_order',
      OURS,
      written(lines[0], lines[2], lines[1]),
      options,
    ),
    bundle(
      'witness-as-log',
      'A witness’s key has signed plainly, without a time.',
      'checkpoint_line',
      NOTE,
      note(settledNote(`${log.note()}${plainLine(log.note())}`)),
    ),
  ]
}

function linesOf(note: string): readonly string[] {
  return note.slice(note.indexOf('—')).split('\n').slice(0, -1)
}

function plainLine(note: string): string {
  const body = note.slice(0, note.lastIndexOf('\n\n') + 1)
  const key = keyNamed('w1')
  const [, hash = ''] = formatVerifierKey(nativeCrypto, {
    name: 'witness.test/w1',
    use: 'log',
    publicKey: key.publicKey,
  }).split('+')
  return signatureLine({
    name: 'witness.test/w1',
    keyHash: Buffer.from(hash, 'hex'),
    signature: key.sign(utf8(body)),
  })
}

async function roots(): Promise<readonly WrittenCase[]> {
  const begun = (enrolment: Uint8Array | null) => new CorpusLog().begin(enrolment).bundle()
  const nobody = ['enrolment', 'entry_key', 'checkpoint_signature']
  const good = await new CorpusLog().begin().bundle()
  const first = sealedVersion(corpusRoot())
  const elsewhere = enrolmentOf(RECEIPT, CHECKPOINT, { origin: 'acme.test/countersign/other' })
  const thief = corpusRoot({ keys: { admin: written('thief'), policy: written('policy') } })
  const third = rotateTrustRoot(SECOND_ROOT, { minPolicyVersion: 2 }, nativeCrypto)
  const stolen = rotateTrustRoot(
    corpusRoot(),
    { keys: { admin: written('thief'), policy: written('policy') } },
    nativeCrypto,
  )
  const revoking = rotateTrustRoot(
    corpusRoot(),
    {
      revoked: { keys: [formatPublicKey(RECEIPT.publicKey), formatPublicKey(CHECKPOINT.publicKey)], ids: [] },
    },
    nativeCrypto,
  )
  const revokes = rotateTrustRoot(
    corpusRoot(),
    { revoked: { keys: [written('stranger')], ids: [] } },
    nativeCrypto,
  )
  const takenBack = rotateTrustRoot(revokes, { revoked: { keys: [], ids: [] } }, nativeCrypto)
  return [
    bundle('enrolment-missing', 'The genesis carries no enrolment.', nobody, OURS, await begun(null)),
    bundle(
      'enrolment-by-policy-key',
      'The role policy signed the enrolment.',
      nobody,
      OURS,
      await begun(enrolmentOf(RECEIPT, CHECKPOINT, { by: 'policy' })),
    ),
    bundle(
      'enrolment-of-another-log',
      'The keys are enrolled for another log.',
      'chain_origin',
      OURS,
      await begun(elsewhere),
    ),
    bundle(
      'enrolment-of-other-keys',
      'The enrolment is of other keys than those that sign.',
      ['entry_key', 'checkpoint_signature'],
      OURS,
      await begun(enrolmentOf(NEXT_RECEIPT, NEXT_CHECKPOINT)),
    ),
    bundle(
      'enrolment-member-extra',
      'The enrolment has a member that it can’t have.',
      nobody,
      OURS,
      await begun(enrolmentOf(RECEIPT, CHECKPOINT, { more: { x: 'x' } })),
    ),
    bundle('trust-root-member-extra', 'Version 2 has a member that it can’t have.', 'trust_chain', OURS, {
      ...good,
      trust: [first, sealedAnyhow({ ...SECOND_ROOT, x: 'x' })],
    }),
    bundle(
      'trust-root-key-twice',
      'Version 2 gives one key two names, which could count twice.',
      'trust_chain',
      OURS,
      {
        ...good,
        trust: [
          first,
          sealedAnyhow({ ...SECOND_ROOT, keys: { ...SECOND_ROOT.keys, again: written('next') } }),
        ],
      },
    ),
    bundle('trust-root-takes-back', 'Version 3 no longer revokes what version 2 did.', 'trust_chain', OURS, {
      ...good,
      trust: [first, sealedVersion(revokes), sealedVersion(takenBack)],
    }),
    bundle(
      'trust-root-of-a-thief',
      'It brings another first version of the trust root than the reader’s.',
      'trust_pin',
      OURS,
      { ...good, trust: [sealedVersion(thief, 'thief')] },
    ),
    bundle('trust-root-with-gap', 'Version 3 follows version 1.', 'trust_chain', OURS, {
      ...good,
      trust: [first, sealedVersion(third)],
    }),
    bundle(
      'trust-root-taken-over',
      'Version 2 is signed by the keys that it names itself alone.',
      'trust_chain',
      OURS,
      { ...good, trust: [first, sealedVersion(stolen, 'thief')] },
    ),
    bundle(
      'keys-revoked',
      'It brings a version that revokes both keys of the log, without a time.',
      'key_revoked',
      OURS,
      { ...good, trust: [first, sealedVersion(revoking)] },
    ),
  ]
}

async function successions(): Promise<readonly WrittenCase[]> {
  const note = (log: CorpusLog) => noteBy(log, NEXT_CHECKPOINT, CHECKPOINT)
  const rotated = async (
    name: string,
    shows: string,
    findings: readonly string[],
    seenBy: readonly Other[],
    log: CorpusLog,
    checkpoint = note(log),
  ) => bundle(name, shows, findings, seenBy, await log.bundle({ checkpoint }), NEXT_KEYS)
  const returning = afterRotation()
  returning.append({
    type: 'key',
    data: {
      action: 'enrolled',
      role: 'receipt',
      key: formatPublicKey(RECEIPT.publicKey),
      enrolment: fromUtf8(enrolmentOf(RECEIPT, NEXT_CHECKPOINT)),
    },
  })
  const epoch = async (name: string, shows: string, finding: string, log: CorpusLog) =>
    bundle(name, shows, finding, OURS, await log.bundle(), SECOND_EPOCH)
  return [
    await rotated(
      'key-not-certified',
      'The role policy signed the enrolment of the new keys.',
      ['key_enrolment', 'entry_key', 'checkpoint_signature'],
      OURS,
      afterRotation({
        enrolment: (receipt, checkpoint) => enrolmentOf(receipt, checkpoint, { by: 'policy' }),
      }),
    ),
    await rotated(
      'key-replaced-signs-on',
      'The old receipt key signs behind its successor’s entry.',
      ['entry_key'],
      OURS,
      afterRotation({ signer: 'old' }),
    ),
    await rotated(
      'key-returns',
      'A key that was replaced is enrolled again.',
      ['key_enrolment'],
      OURS,
      returning,
    ),
    await rotated(
      'checkpoint-by-replaced-key',
      'Only the old checkpoint key has signed.',
      ['checkpoint_signature'],
      NOTE,
      afterRotation(),
      noteBy(afterRotation(), CHECKPOINT),
    ),
    await epoch(
      'epoch-without-recovery',
      'A later epoch that does not say what it goes on from.',
      'recover_missing',
      laterEpoch(null),
    ),
    await epoch(
      'epoch-by-policy-key',
      'The role policy signed the recovery.',
      'recover_unproven',
      laterEpoch({}, 'policy'),
    ),
    await epoch(
      'epoch-after-another-loss',
      'The statement says another loss than the entry.',
      'recover_unproven',
      laterEpoch({ lost: 4 }),
    ),
  ]
}

async function documents(): Promise<readonly WrittenCase[]> {
  const log = new CorpusLog().begin()
  const seq = withCommitments(log)
  const disclosing = (each: Partial<Bundle['disclosures'][number]>) =>
    log.bundle({ disclosures: [{ ...disclosure(seq, 'target'), ...each }] })
  const sealedBy = (...names: readonly string[]) =>
    settledPolicies(nativeCrypto, [signedAnyhow(compiled({ name: 'corpus' }), names)])
  const other = settledPolicies(nativeCrypto, [signedAnyhow(compiled({ name: 'other' }), ['policy'])])
  const under = underPolicy()
  return [
    bundle(
      'disclosure-of-another-value',
      'The value is not the one that was committed to.',
      'disclosure_unmatched',
      OURS,
      await disclosing({ value: utf8('/v2/rest') }),
    ),
    bundle(
      'disclosure-with-another-key',
      'The key is that of another field.',
      'disclosure_unmatched',
      OURS,
      await disclosing({ key: disclosure(seq, 'body').key }),
    ),
    bundle(
      'disclosure-with-longer-key',
      'A zero stands behind the key, which HMAC can’t tell.',
      'disclosure_unmatched',
      OURS,
      await disclosing({ key: Uint8Array.of(...disclosure(seq, 'target').key, 0) }),
    ),
    bundle(
      'policy-by-enrol-key',
      'The role enrol sealed the policy.',
      'policy_signature',
      OURS,
      await under.bundle({ policies: sealedBy('admin') }),
    ),
    bundle(
      'policy-uncited',
      'No entry cites the policy.',
      'policy_uncited',
      OURS,
      await under.bundle({ policies: other }),
    ),
    bundle(
      'grant-of-another-owner',
      'The attempt is for another owner than its grant.',
      'entry_contradicts',
      NOBODY,
      await underPolicy({ owner: 'eve' }).bundle({ policies: settledPolicies(nativeCrypto, [SEALED]) }),
    ),
    bundle(
      'grant-expired',
      'The grant had expired when the attempt came.',
      'entry_contradicts',
      NOBODY,
      await underPolicy({ expires: 1_789_990_000_000 }).bundle({
        policies: settledPolicies(nativeCrypto, [SEALED]),
      }),
    ),
    ...(await stops()),
  ]
}

async function stops(): Promise<readonly WrittenCase[]> {
  const contradicts = async (name: string, shows: string, log: CorpusLog, seqs?: readonly number[]) =>
    bundle(name, shows, 'entry_contradicts', OURS, await log.bundle({}, seqs))
  return [
    await contradicts(
      'admitted-while-halted',
      'An agent was halted, and then a request of it was admitted.',
      withStops(halted(), READ),
    ),
    await contradicts(
      'changed-while-frozen',
      'Everything but reads was frozen, and then a change was admitted.',
      withStops(frozen(), CHANGE),
    ),
    await contradicts(
      'end-of-halt-left-out',
      'The end of a halt is in the log, and was left out of the bundle.',
      withStops(halted(), resumed(), READ),
      [0, 1, 2, 3, 6, 8, 9],
    ),
  ]
}

async function forms(): Promise<readonly WrittenCase[]> {
  const text = bundleText(await new CorpusLog().begin().bundle())
  const form = (name: string, shows: string, made: string, seenBy = OURS) =>
    bundle(name, shows, 'bundle_malformed', seenBy, made)
  return [
    form('form-with-space', 'White space in the bundle.', text.replace(',"checkpoint"', ', "checkpoint"')),
    form('form-with-newline', 'A newline behind the bundle.', `${text}\n`),
    form('form-member-extra', 'A member that a bundle doesn’t have.', text.replace(/}$/, ',"x":1}')),
    form('form-member-missing', 'There is no list of policies.', text.replace('"policies":[],', '')),
    form(
      'form-of-another-kind',
      'It says that it is something else.',
      text.replace('vnd.countersign.bundle.v1', 'vnd.countersign.bundle.v2'),
    ),
    form(
      'form-base64-unpadded',
      'A hash of a proof lacks its padding.',
      text.replace(/"proof":\["([^"]*)="/, '"proof":["$1"'),
      NOTE,
    ),
    form(
      'form-number-as-text',
      'The number of an entry is written as text.',
      text.replace('"seq":0', '"seq":"0"'),
      NOTE,
    ),
  ]
}
