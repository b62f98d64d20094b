import { nativeCrypto } from '../../src/native/index.js'
import { formatTlogProof, inclusionProof, signCheckpoint } from '../../src/receipt/index.js'
import { keyNamed } from '../policy/trust-fixture.js'
import { BOOT } from '../receipt/log-fixture.js'
import {
  afterRotation,
  CHANGE,
  frozen,
  growthFrom,
  halted,
  laterEpoch,
  NEXT_CHECKPOINT,
  NEXT_KEYS,
  nine,
  noteBy,
  READ,
  resumed,
  SECOND_EPOCH,
  withStops,
} from './accepted-evidence.js'
import { type CaseOptions, type Other, refused, type WrittenCase } from './corpus-case.js'
import { CHECKPOINT, CorpusLog, enrolmentOf, ORIGIN, RECEIPT } from './corpus-log.js'

const TREE: readonly Other[] = ['tlog', 'python']
const OURS: readonly Other[] = ['python']

/** Dumps of a whole log in which one thing is wrong. */
export function refusedDumps(): readonly WrittenCase[] {
  const log = brief()
  const lines = log.dump().split('\n').slice(0, -1)
  const text = (...each: readonly (string | undefined)[]) => each.map(line => `${line}\n`).join('')
  const [genesis, boot, one, two, three] = lines
  const dump = (
    name: string,
    shows: string,
    findings: readonly string[],
    seenBy: readonly Other[],
    made: string,
    options: CaseOptions = {},
  ) => refused('dump', name, shows, findings, seenBy, made, { checkpoint: log.note(), ...options })
  const note = (checkpoint: string) => ({ checkpoint })
  const head = new CorpusLog().begin()
  head.append({ type: 'boot', data: { size: 1, root: 'ab'.repeat(32), software: 'test', side_key: null } })
  const loose = new CorpusLog().begin()
  loose.append(loose.heartbeat(), { boot: BOOT.replace(/1$/, '2') })
  const before = afterRotation({
    enrolment: (receipt, checkpoint) => enrolmentOf(receipt, checkpoint, { by: 'policy' }),
  })
  const ended = new CorpusLog()
    .begin(enrolmentOf(RECEIPT, CHECKPOINT, { more: { notAfter: '2026-02-01T00:00:00Z' } }))
    .beat(1)
  const renamed = new CorpusLog(RECEIPT, keyNamed('stranger')).begin(enrolmentOf(RECEIPT, CHECKPOINT)).beat(1)
  const epoch = laterEpoch(null)
  return [
    dump(
      'entry-missing',
      'An entry in the middle was taken out.',
      ['chain_seq', 'tail_missing'],
      TREE,
      text(genesis, boot, one, three),
    ),
    dump(
      'entries-swapped',
      'Two entries have changed places.',
      ['chain_seq', 'chain_time', 'root_differs'],
      TREE,
      text(genesis, boot, two, one, three),
    ),
    dump(
      'entry-doubled',
      'An entry stands twice.',
      ['chain_seq', 'root_differs'],
      TREE,
      text(genesis, boot, one, one, two),
    ),
    dump(
      'tail-cut',
      'The last entry was cut off, which the checkpoint shows.',
      ['tail_missing'],
      TREE,
      text(genesis, boot, one, two),
    ),
    dump(
      'line-cut',
      'The last line lacks its end.',
      ['source_damaged', 'tail_missing'],
      ['tlog', 'openssl', 'sigstore', 'python'],
      log.dump().slice(0, -20),
    ),
    dump('empty', 'There is no entry.', ['log_empty', 'checkpoint_signature'], TREE, ''),
    dump(
      'another-history',
      'The log’s keys signed another history than that of the checkpoint.',
      ['root_differs'],
      TREE,
      rewritten().dump(),
    ),
    dump('genesis-missing', 'The log begins with its boot entry.', [], TREE, text(boot, one, two, three)),
    dump(
      'checkpoint-by-stranger',
      'A key that nobody enrolled signed the checkpoint.',
      ['checkpoint_signature'],
      TREE,
      log.dump(),
      note(log.note(keyNamed('stranger'))),
    ),
    dump(
      'checkpoint-of-another-log',
      'The checkpoint names another log; the same key signed it.',
      ['checkpoint_origin'],
      TREE,
      log.dump(),
      note(log.note(CHECKPOINT, `${ORIGIN}x/1`)),
    ),
    dump(
      'boot-of-another-head',
      'A boot entry cites another head than the log had.',
      ['boot_head'],
      OURS,
      head.dump(),
      note(head.note()),
    ),
    dump(
      'boot-unannounced',
      'An entry names a start that no boot entry announced.',
      ['boot_unannounced'],
      OURS,
      loose.dump(),
      note(loose.note()),
    ),
    dump(
      'key-not-certified',
      'The role policy signed the enrolment of the new keys.',
      ['key_uncertified', 'entry_key'],
      OURS,
      before.dump(),
      {
        ...note(noteBy(before, NEXT_CHECKPOINT, CHECKPOINT)),
        ...NEXT_KEYS,
      },
    ),
    dump(
      'enrolment-ended-before',
      'The enrolment of the log’s keys had ended before the log begins.',
      ['key_not_current'],
      OURS,
      ended.dump(),
      note(ended.note()),
    ),
    dump(
      'genesis-of-another-key',
      'The genesis names another checkpoint key than the enrolment that it carries.',
      ['key_uncertified'],
      OURS,
      renamed.dump(),
      note(renamed.note(CHECKPOINT)),
    ),
    dump(
      'epoch-without-recovery',
      'A later epoch that does not say what it goes on from.',
      ['recover_missing'],
      OURS,
      epoch.dump(),
      { ...note(epoch.note()), ...SECOND_EPOCH },
    ),
    dump(
      'keys-revoked',
      'The reader’s trust root has revoked the receipt key, and nothing covers its entries.',
      ['entry_key_revoked'],
      OURS,
      log.dump(),
      { trust: 'trust-root-revoking.json' },
    ),
    ...stops(),
  ]
}

function stops(): readonly WrittenCase[] {
  const stop = (name: string, shows: string, code: string, made: CorpusLog) =>
    refused('dump', name, shows, [code], OURS, made.dump(), { checkpoint: made.note() })
  const { agent: _, ...nobody } = halted().data
  return [
    stop(
      'admitted-while-halted',
      'An agent was halted, and then a request of it was admitted.',
      'halt_ignored',
      withStops(halted(), READ),
    ),
    stop(
      'admitted-while-all-is-halted',
      'Everything was halted and one agent resumed, and then a request of it was admitted.',
      'halt_ignored',
      withStops(halted(), { type: 'halt', data: { ...nobody, scope: 'all' } }, resumed(), READ),
    ),
    stop(
      'changed-while-frozen',
      'Everything but reads was frozen, and then a change was admitted.',
      'freeze_ignored',
      withStops(frozen(), READ, CHANGE),
    ),
    stop(
      'changed-before-freeze-ended',
      'A change was admitted before the time at which a freeze ends by itself.',
      'freeze_ignored',
      withStops(frozen({ until: 1_790_009_000_000 }), CHANGE),
    ),
    stop('resumed-without-halt', 'A halt ends that never began.', 'stop_order', withStops(resumed())),
    stop(
      'halt-of-nobody',
      'A halt of an agent doesn’t say which.',
      'stop_order',
      withStops({ type: 'halt', data: nobody }),
    ),
  ]
}

/** Five entries. */
function brief(): CorpusLog {
  return new CorpusLog().begin().beat(3)
}

function rewritten(): CorpusLog {
  const log = new CorpusLog().begin()
  log.append({ type: 'close', data: { reason: 'another history' } })
  return log.beat(2)
}

/** Proofs that lead elsewhere. */
export async function refusedProofs(): Promise<readonly WrittenCase[]> {
  const log = nine()
  const hashes = await inclusionProof(nativeCrypto, 8, 9, log.nodes())
  const proof = (name: string, shows: string, made: string) =>
    refused('proof', name, shows, [], ['tlog'], made, { against: 'proofs/entry-8.json' })
  const growth = (name: string, shows: string, made: string) =>
    refused('growth', name, shows, [], ['tlog'], made, { against: 'proofs/at-6.checkpoint' })
  const from6 = await growthFrom(6)
  const written = (index: number, note = log.note()) => formatTlogProof({ index, hashes, note })
  const other = signCheckpoint(
    nativeCrypto,
    { origin: `${ORIGIN}/1`, size: 9, root: 'ab'.repeat(32) },
    CHECKPOINT,
  )
  const line = /^old 6\n(.*)\n(.*)\n/
  return [
    proof(
      'of-another-entry',
      'The proof is of the last entry under the number of the one before.',
      written(7),
    ),
    proof('beyond-the-log', 'The number is the size of the log.', written(9)),
    proof('to-another-root', 'The checkpoint has another root; the log’s key signed it.', written(8, other)),
    proof(
      'by-a-stranger',
      'A key that nobody enrolled signed the checkpoint.',
      written(8, log.note(keyNamed('stranger'))),
    ),
    proof(
      'by-the-receipt-key',
      'The log’s receipt key signed the checkpoint.',
      written(8, log.note(RECEIPT)),
    ),
    growth(
      'of-another-size',
      'The proof says that it goes on from five entries.',
      from6.replace('old 6', 'old 5'),
    ),
    growth(
      'hashes-swapped',
      'Two hashes of the proof have changed places.',
      from6.replace(line, 'old 6\n$2\n$1\n'),
    ),
    growth('hash-missing', 'The first hash of the proof is missing.', from6.replace(line, 'old 6\n$2\n')),
    growth(
      'to-another-root',
      'The newer checkpoint has another root; the log’s key signed it.',
      from6.replace(log.note(), other),
    ),
  ]
}
