import { formatPublicKey, keyIdOf, utf8 } from '../../src/canon/index.js'
import { keyNamed } from '../policy/trust-fixture.js'
import { outcomeBody } from '../receipt/log-fixture.js'
import { type CaseOptions, type Other, refused, type WrittenCase } from './corpus-case.js'
import {
  bundleText,
  CHECKPOINT,
  CorpusLog,
  enrolmentOf,
  type Forgery,
  RECEIPT,
  smallAttempt,
} from './corpus-log.js'
import { edgeSignatures, WEAK_KEY, weakSignature } from './edge-signatures.js'

const DSSE: readonly Other[] = ['openssl', 'sigstore', 'python']
const FORM: readonly Other[] = ['python']

type Row = readonly [name: string, shows: string, finding: string, seenBy: readonly Other[], forgery: Forgery]

const member = (from: string | RegExp, to: string) => (json: string) => json.replace(from, to)
const edge = (kind: keyof typeof edgeSignatures): Forgery => ({
  signature: signed => edgeSignatures[kind]('receipt', signed),
})

/** One heartbeat with one thing wrong, signed and put into the tree as it is. */
const FORGERIES: readonly Row[] = [
  [
    'signature-flipped',
    'One bit of the signature is another.',
    'entry_signature',
    DSSE,
    {
      signature: signed => RECEIPT.sign(signed).map((byte, at) => (at === 40 ? byte ^ 1 : byte)),
    },
  ],
  [
    'signature-of-another-type',
    'Signed under the payload type of a policy, and written under that of a receipt.',
    'entry_signature',
    DSSE,
    {
      payloadType: 'application/vnd.countersign.policy.v1+json',
      envelope: member('countersign.policy', 'countersign.receipt'),
    },
  ],
  [
    'signature-s-not-reduced',
    'S + L stands in the place of S.',
    'entry_signature',
    DSSE,
    edge('S not below the order of the group'),
  ],
  [
    'signature-r-of-small-order',
    'R is the identity; OpenSSL takes it.',
    'entry_signature',
    FORM,
    edge('R of small order'),
  ],
  [
    'signature-r-not-canonical',
    'R is the identity, written as y + p.',
    'entry_signature',
    DSSE,
    edge('R not canonical'),
  ],
  [
    'signature-with-cofactor',
    'The equation holds only where both sides are multiplied by 8.',
    'entry_signature',
    DSSE,
    edge('holds with the cofactor alone'),
  ],
  ['key-unknown', 'Signed by a key that nobody enrolled.', 'entry_key', DSSE, { key: keyNamed('stranger') }],
  ['key-of-checkpoints', 'Signed by the log’s checkpoint key.', 'entry_key', DSSE, { key: CHECKPOINT }],
  [
    'keyid-of-another',
    'Signed by the receipt key, under the key id of another; a library that ignores key ids takes it.',
    'entry_key',
    ['openssl', 'python'],
    {
      key: { ...keyNamed('stranger'), sign: RECEIPT.sign },
    },
  ],
  [
    'payload-with-space',
    'White space in the payload.',
    'entry_malformed',
    FORM,
    { payload: member('{', '{ ') },
  ],
  [
    'payload-members-unsorted',
    'Two members have changed places.',
    'entry_malformed',
    FORM,
    {
      payload: json => json.replace(/^{("boot":"[^"]*"),("chain":"[^"]*"),/, '{$2,$1,'),
    },
  ],
  [
    'payload-member-twice',
    'A member stands twice.',
    'entry_malformed',
    FORM,
    { payload: member(',"v":1}', ',"v":1,"v":1}') },
  ],
  [
    'payload-member-extra',
    'A member that no table has.',
    'entry_malformed',
    FORM,
    { payload: member(',"v":1}', ',"v":1,"x":1}') },
  ],
  [
    'payload-member-extra-inside',
    'A member of `data` that no table has.',
    'entry_malformed',
    FORM,
    { payload: member('"data":{', '"data":{"a":1,') },
  ],
  [
    'payload-member-missing',
    'There is no `t`.',
    'entry_malformed',
    FORM,
    { payload: member(/"t":\d+,/, '') },
  ],
  [
    'payload-fraction',
    'A number is written with a fraction.',
    'entry_malformed',
    FORM,
    { payload: member('"v":1', '"v":1.0') },
  ],
  [
    'payload-exponent',
    'A number is written with an exponent.',
    'entry_malformed',
    FORM,
    { payload: member('"open":0', '"open":0e0') },
  ],
  [
    'payload-minus-zero',
    'A number is −0.',
    'entry_malformed',
    FORM,
    { payload: member('"open":0', '"open":-0') },
  ],
  [
    'payload-number-negative',
    'A number is below zero.',
    'entry_malformed',
    FORM,
    { payload: member('"open":0', '"open":-1') },
  ],
  [
    'payload-number-too-large',
    'A number is 2^53.',
    'entry_malformed',
    FORM,
    { payload: member('"open":0', '"open":9007199254740992') },
  ],
  [
    'payload-number-as-text',
    'A number is written as text.',
    'entry_malformed',
    FORM,
    { payload: member('"open":0', '"open":"0"') },
  ],
  [
    'payload-escape',
    'A letter is written as an escape.',
    'entry_malformed',
    FORM,
    { payload: member('heartbeat', '\\u0068eartbeat') },
  ],
  [
    'payload-lone-surrogate',
    'Text with half of a surrogate pair.',
    'entry_malformed',
    FORM,
    {
      payload: () => '{"v":1,"x":"\\ud800"}',
    },
  ],
  [
    'payload-not-utf8',
    'A byte that is no UTF-8.',
    'entry_malformed',
    FORM,
    {
      payload: json => utf8(json).map(byte => (byte === 0x68 ? 0xff : byte)),
    },
  ],
  [
    'payload-with-mark',
    'A byte order mark before the payload.',
    'entry_malformed',
    FORM,
    { payload: json => `\ufeff${json}` },
  ],
  [
    'payload-newline',
    'A newline behind the payload.',
    'entry_malformed',
    FORM,
    { payload: json => `${json}\n` },
  ],
  [
    'payload-type-unknown',
    'A type of entry that there is not.',
    'entry_malformed',
    FORM,
    { payload: member('heartbeat', 'heartbeet') },
  ],
  [
    'payload-upper-case-hex',
    'A digest in capitals.',
    'entry_malformed',
    FORM,
    { payload: json => json.replace(/"prev":"[^"]*"/, text => text.toUpperCase().replace('PREV', 'prev')) },
  ],
  ['payload-of-another-version', '`v` is 2.', 'entry_malformed', FORM, { payload: member('"v":1', '"v":2') }],
  [
    'envelope-of-another-type',
    'The payload type of a policy.',
    'entry_malformed',
    ['openssl', 'python'],
    { payloadType: 'application/vnd.countersign.policy.v1+json' },
  ],
  [
    'envelope-with-space',
    'White space in the envelope.',
    'entry_malformed',
    ['openssl', 'python'],
    { envelope: member('{', '{ ') },
  ],
  [
    'envelope-newline',
    'A newline behind the envelope.',
    'entry_malformed',
    FORM,
    { envelope: json => `${json}\n` },
  ],
  [
    'envelope-member-extra',
    'A member more in the envelope.',
    'entry_malformed',
    FORM,
    { envelope: member(/}$/, ',"x":1}') },
  ],
  [
    'envelope-signed-twice',
    'The one signature stands twice.',
    'entry_malformed',
    ['sigstore', 'python'],
    { envelope: json => json.replace(/\[(.*)\]/, '[$1,$1]') },
  ],
  [
    'envelope-base64-unpadded',
    'The signature lacks its padding.',
    'entry_malformed',
    ['openssl', 'python'],
    { envelope: member('=="}]}', '"}]}') },
  ],
  [
    'envelope-base64-stray-bits',
    'Bits behind the last byte of the signature are set.',
    'entry_malformed',
    FORM,
    {
      envelope: json => json.replace(/(.)=="}]}$/, (_, last: string) => `${strayBit(last)}=="}]}`),
    },
  ],
  [
    'envelope-base64url',
    'The signature in the alphabet of base64url.',
    'entry_malformed',
    ['openssl', 'python'],
    {
      envelope: json => json.replace(/"sig":"[^"]*"/, text => text.replaceAll('+', '-').replaceAll('/', '_')),
    },
  ],
  [
    'chain-of-another-log',
    'The entry says that it is of another log; the log’s own key signed it.',
    'chain_origin',
    FORM,
    { payload: member('/edge/', '/other/') },
  ],
  [
    'chain-of-another-epoch',
    'The entry says that it is of another epoch.',
    'chain_origin',
    FORM,
    { payload: member('/edge/1', '/edge/2') },
  ],
  [
    'seq-of-another-place',
    'The entry says that it is another one.',
    'entry_seq',
    FORM,
    { payload: member('"seq":2', '"seq":3') },
  ],
  [
    'prev-of-nothing',
    'It does not name the leaf before it.',
    'chain_prev',
    FORM,
    { payload: json => json.replace(/"prev":"[^"]*"/, `"prev":"${'ab'.repeat(32)}"`) },
  ],
  [
    'time-backwards',
    'It is older than the entry before it.',
    'chain_time',
    FORM,
    { payload: json => json.replace(/"t":1790/, '"t":1780') },
  ],
  [
    'boot-unannounced',
    'It names a start that no boot entry announced.',
    'boot_missing',
    FORM,
    { payload: member('-000000000001"', '-000000000002"') },
  ],
]

/** Bundles in which one entry is not what it has to be. */
export async function refusedEntries(): Promise<readonly WrittenCase[]> {
  const made = await Promise.all(
    FORGERIES.map(async ([name, shows, finding, seenBy, forgery]) => {
      const log = new CorpusLog().begin().forge(forgery)
      return refused('bundle', name, shows, [finding], seenBy, bundleText(await log.bundle()))
    }),
  )
  return [...made, await weakKey(), ...(await pairings())]
}

/** ATTACK: an enrolment that names a key for which anybody can sign. */
async function weakKey(): Promise<WrittenCase> {
  const weak = formatPublicKey(WEAK_KEY)
  const signer = { keyid: keyIdOf(WEAK_KEY), publicKey: WEAK_KEY, sign: () => weakSignature() }
  const log = new CorpusLog(signer)
  log.begin(enrolmentNaming(weak))
  const findings = ['enrolment', 'entry_key', 'checkpoint_signature']
  const shows = 'The enrolment names a receipt key of small order, for which anybody can sign.'
  const options: CaseOptions = { receiptKeys: [weak] }
  return refused(
    'bundle',
    'key-of-small-order',
    shows,
    findings,
    ['python'],
    bundleText(await log.bundle()),
    options,
  )
}

/** Sealed by hand: what seals enrolments refuses such a key. */
function enrolmentNaming(receipt: string): Uint8Array {
  return enrolmentOf(RECEIPT, CHECKPOINT, { receipt })
}

async function pairings(): Promise<readonly WrittenCase[]> {
  const start = () => new CorpusLog().begin()
  const pair = async (name: string, shows: string, log: CorpusLog, seqs?: readonly number[]) =>
    refused('bundle', name, shows, ['outcome_unmatched'], FORM, bundleText(await log.bundle({}, seqs)))
  const twice = start().pair()
  twice.append(outcomeBody(2, twice.leaves[2] as string, { status: 'timeout' }))
  const denial = start()
  denial.append(smallAttempt({ decision: { effect: 'deny', code: 'denied_by_rule', rule: null } }))
  denial.append(outcomeBody(2, denial.leaves[2] as string))
  const leaf = start()
  leaf.append(smallAttempt())
  leaf.append(outcomeBody(2, leaf.leaves[1] as string))
  const beat = start()
  beat.append(beat.heartbeat())
  beat.append(outcomeBody(2, beat.leaves[2] as string))
  return [
    await pair(
      'outcome-without-attempt',
      'The attempt of an outcome is not here.',
      start().pair(),
      [0, 1, 3],
    ),
    await pair('outcome-twice', 'An attempt has two outcomes.', twice),
    await pair('outcome-of-denial', 'A denied attempt has an outcome.', denial),
    await pair('outcome-with-another-leaf', 'The outcome names another leaf than its attempt’s.', leaf),
    await pair('outcome-of-heartbeat', 'The outcome names an entry that is no attempt.', beat),
  ]
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** The next letter of base64, which decodes to the same byte here: only its last bits are others. */
function strayBit(letter: string): string {
  return ALPHABET[ALPHABET.indexOf(letter) + 1] as string
}
