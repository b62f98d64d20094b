import type { Command } from 'commander'
import { contentId } from '../../canon/index.js'
import { type LedgerCheck, readCheckpointFile } from '../../ledger/index.js'
import { nativeCrypto } from '../../native/index.js'
import { addSignature, type Recovery, sealRecovery } from '../../policy/index.js'
import { loadConfig } from '../config.js'
import { AnswerNo, type Io, printJson, printLine, UsageError } from '../io.js'
import { checkConfigured } from '../ledger-check.js'
import { checkJson, checkLines } from '../ledger-check-text.js'
import { openSigningKey } from '../locked-key.js'
import { ID_WORDS, type LookFlags, requireLookedAt } from '../looked-at.js'
import { group } from '../program-group.js'
import { applyRecovery } from '../recovery/apply.js'
import { isRecoverable, recoveryOf } from '../recovery/prepare.js'
import { createStatement, readStatement, replaceStatement } from '../recovery/statement-file.js'
import { recoveryLines } from '../recovery/words.js'
import { repeatable } from '../repeatable.js'
import { addConfigOption } from '../session-options.js'

interface RecoverFlags extends LookFlags {
  readonly config: string
  readonly prepare?: string
  readonly sign?: string
  readonly apply?: string
  readonly because?: string
  readonly policy?: string
  readonly checkpoint?: readonly string[]
  readonly key?: readonly string[]
  readonly passphraseFile?: string
}

export function registerLedgerRecover(program: Command, io: Io): void {
  addConfigOption(group(program, 'ledger', 'look after the ledger on disk').command('recover'))
    .summary('go on in a new epoch after a ledger was lost, with the word of the role `recover`')
    .option('--prepare <file>', 'look at the lost ledger and write what is left of it, to be signed')
    .option('--sign <file>', 'read that statement and sign it, anywhere')
    .option('--apply <file>', 'put the lost ledger aside and begin the next epoch')
    .option('--because <text>', 'with --prepare: what happened')
    .option(
      '--policy <file>',
      'with --prepare: the sealed policy that was in force last; the highest that can be found unless told',
    )
    .option(
      '--checkpoint <file>',
      'with --prepare and --apply: what a witness or a shipped copy knows of the ledger; repeatable',
      repeatable,
    )
    .option('--key <file>', 'with --sign: a key of the role recover; repeatable', repeatable)
    .option('--id <id>', `with --sign: ${ID_WORDS}`)
    .option('--passphrase-file <file>', 'with --sign: passphrase of the locked keys')
    .option('--json', 'one JSON document')
    .addHelpText('after', HELP)
    .action((options: RecoverFlags) => recover(options, io))
}

const HELP = `
Three steps, for people in different places. --prepare and --apply run beside the stopped keeper, as its user or root;
--sign runs where the key is and needs nothing but the file. It shows what it would sign and asks, or is told with --id
that it is the one that --prepare printed. --apply asks the pinned trust root whether enough have
signed. The lost ledger is kept in its folder as epoch-N, and nothing of it is deleted.

Examples:
  countersign ledger recover --prepare lost.json --because "the disk of edge-3 failed" --config countersign.yaml
  countersign ledger recover --sign lost.json --key recover-1.jwk
  countersign ledger recover --sign lost.json --key recover-2.jwk --id sha256:…
  countersign ledger recover --apply lost.json --config countersign.yaml
`

function recover(options: RecoverFlags, io: Io): Promise<void> {
  const { prepare: out, sign: file, apply: signed } = options
  const steps = [out, file, signed].filter(step => step !== undefined)
  if (steps.length !== 1)
    throw new UsageError('one step at a time', 'Pass one of --prepare FILE, --sign FILE and --apply FILE.')
  if (out !== undefined) return prepare(out, options, io)
  if (file !== undefined) return sign(file, options, io)
  return apply(signed as string, options, io)
}

async function prepare(file: string, options: RecoverFlags, io: Io): Promise<void> {
  const { because, policy, config } = options
  if (because === undefined)
    throw new UsageError(
      'nothing says what happened',
      'Pass --because TEXT; it stands in the ledger for good.',
    )
  const loaded = loadConfig(config)
  const nowMs = Date.now()
  const check = await look(options, io)
  if (!isRecoverable(check)) return refuse(check, options, io)
  const checkpoints = []
  for (const each of options.checkpoint ?? []) checkpoints.push(await readCheckpointFile(each, nativeCrypto))
  const recovery = recoveryOf(loaded, { check, checkpoints, because, policy, nowMs })
  const envelope = sealRecovery(recovery, [])
  const id = contentId(nativeCrypto, envelope.payload)
  createStatement(file, envelope)
  if (options.json === true) printJson(io, { file, id, recovery })
  else {
    for (const line of statementLines(id, recovery)) printLine(io, line)
    printLine(io, `${file} waits for signatures: countersign ledger recover --sign ${file} --key KEY`)
    printLine(io, 'Tell the holders its id, over a way that you trust.')
  }
}

/** What a holder compares with what the one who prepared it says. */
function statementLines(id: string, recovery: Recovery): readonly string[] {
  return [...recoveryLines(recovery), `  id        ${id}`]
}

/** What is sound is started, and what is somebody else's is not touched. */
function refuse(check: LedgerCheck, { json }: RecoverFlags, io: Io): never {
  if (json === true) printJson(io, checkJson(check))
  else {
    printLine(io, 'There is nothing here that a recovery would mend.')
    for (const line of checkLines(check)) printLine(io, line)
  }
  throw new AnswerNo()
}

async function sign(file: string, options: RecoverFlags, io: Io): Promise<void> {
  if (options.key === undefined)
    throw new UsageError('no key to sign with', 'Pass --key FILE, a key of the role recover.')
  const { envelope, recovery } = readStatement(file)
  const id = contentId(nativeCrypto, envelope.payload)
  await requireLookedAt({ what: 'statement', id, lines: statementLines(id, recovery) }, options, io)
  let signed = envelope
  for (const key of options.key)
    signed = addSignature(signed, await openSigningKey(key, options.passphraseFile, io))
  replaceStatement(file, signed)
  const signatures = signed.signatures.map(({ keyid }) => keyid)
  if (options.json === true) printJson(io, { file, id, recovery, signatures })
  else
    printLine(
      io,
      `${file} has ${signatures.length === 1 ? '1 signature' : `${signatures.length} signatures`} now.`,
    )
}

async function apply(file: string, options: RecoverFlags, io: Io): Promise<void> {
  const loaded = loadConfig(options.config)
  const { recovery, signers, aside } = await applyRecovery(loaded, {
    file: readStatement(file),
    check: () => look(options, io),
    nowMs: Date.now(),
  })
  const epoch = recovery.epoch + 1
  if (options.json === true) {
    printJson(io, { epoch, chain: `${recovery.origin}/${epoch}`, continues: recovery, signers, aside })
    return
  }
  printLine(io, `Epoch ${epoch} of ${recovery.origin} has begun, signed for by ${signers.join(' and ')}.`)
  printLine(
    io,
    `  aside  ${aside}: what is left of epoch ${recovery.epoch}, and its mark. Keep it: it is evidence.`,
  )
  printLine(io, '  next   start the keeper and issue new grants; every earlier one is ended.')
}

async function look(options: RecoverFlags, io: Io): Promise<LedgerCheck> {
  const checkpoints = options.checkpoint ?? []
  return checkConfigured(loadConfig(options.config), { checkpoints, withMemory: true }, io)
}
