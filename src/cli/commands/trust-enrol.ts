import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { contentId, utf8 } from '../../canon/index.js'
import { nativeCrypto } from '../../native/index.js'
import {
  enrolmentIn,
  INSTANCE_ROLES,
  type InstanceRole,
  openEnrolmentRequest,
  type TrustRoot,
} from '../../policy/index.js'
import { connectAdmin } from '../admin-client.js'
import { loadConfig } from '../config.js'
import { enrolInto, type RequestReview, reviewRequest } from '../enrolment-file.js'
import { timeWords } from '../entry-text.js'
import { fitting } from '../instance-keys.js'
import { AnswerNo, type Io, printJson, printLine, UsageError } from '../io.js'
import type { KeeperStatus } from '../keeper-status.js'
import { openNeeded, readNeeded } from '../needed-file.js'
import { group } from '../program-group.js'
import { repeatable } from '../repeatable.js'
import { installEnrolment, requestKeys } from '../request-keys.js'
import { addConfigOption } from '../session-options.js'
import { commandSigners } from '../signer/instance-signers.js'
import { openSigningKeys, SIGNER_WORDS, type SigningFlags } from '../signing-keys.js'
import { wholeNumber } from '../trust-change.js'
import { openTrustVersions, readTrustRoot } from '../trust-files.js'

/** The three steps in which a sidecar gets other keys, or the same for longer: asked for, certified, installed. */
export function registerTrustEnrol(program: Command, io: Io): void {
  const trust = group(program, 'trust', 'say which keys may seal, enrol, operate and recover')
  addConfigOption(trust.command('request'))
    .summary('on the sidecar: make its next keys, and ask for their enrolment')
    .option(
      '--keep <role>',
      'a key that stays: receipt, checkpoint or grant; repeatable. All three renew the enrolment alone',
      repeatable,
    )
    .option('--json', 'one JSON document')
    .addHelpText('after', REQUEST_HELP)
    .action((options: RequestFlags) => request(options, io))
  trust
    .command('enrol')
    .summary('where the enrol key is: show what a sidecar asks for, and certify it')
    .argument('<request>', 'what `countersign trust request` made')
    .requiredOption('--trust <file>', 'your own copy of the trust root, root.json')
    .option('--pin <id>', 'content id that one of its versions must have, where the copy is not your own')
    .option(
      '--key <file>',
      'an enrol key to sign with; repeatable; without one the request is only shown',
      repeatable,
    )
    .option('--signer <command>', SIGNER_WORDS, repeatable)
    .option(
      '--id <id>',
      'the request’s id as the sidecar printed it: needed where its old keys prove nothing',
    )
    .option('--days <n>', 'how long the enrolment is good for', '365')
    .option(
      '--out <file>',
      'where the enrolment goes; one that another holder began is signed on',
      'enrolment.json',
    )
    .option('--passphrase-file <file>', 'passphrase of the locked keys')
    .option('--json', 'one JSON document')
    .addHelpText('after', ENROL_HELP)
    .action((file: string, options: EnrolFlags) => enrol(file, options, io))
  addConfigOption(trust.command('install'))
    .summary('on the sidecar: put an enrolment and its keys in force')
    .argument('<enrolment>', 'what `countersign trust enrol` wrote')
    .option('--json', 'one JSON document')
    .addHelpText('after', INSTALL_HELP)
    .action((file: string, options: InstallFlags) => install(file, options, io))
}

const STEPS = `
The keys of a sidecar (receipts, checkpoints, grants) are replaced, or their enrolment is renewed, in three steps:
  1. on the sidecar        countersign trust request --config countersign.yaml
  2. where the key is      countersign trust enrol request.json --trust root.json --key enrol.jwk
  3. on the sidecar        countersign trust install enrolment.json --config countersign.yaml
`

const REQUEST_HELP = `${STEPS}
The new keys lie in keys/next, mode 0600, and never leave it. The request holds no secret: old and new keys have signed
it. Nothing changes before step 3.

Examples:
  countersign trust request
  countersign trust request --keep receipt --keep checkpoint --keep grant     # the same keys for another year
`

const ENROL_HELP = `${STEPS}
Without --key it only shows the request. With a threshold above 1, the holders pass the enrolment on: exit code 1 until
enough have signed.

Examples:
  countersign trust enrol request.json --trust root.json
  countersign trust enrol request.json --trust root.json --key enrol.jwk --days 90 --out enrolment.json
  countersign trust enrol request.json --trust root.json --signer './signer --key enrol'
`

const INSTALL_HELP = `${STEPS}
A running keeper hands its ledger over at once and stops nothing: the old receipt key signs for the new ones, grants that
were issued stay good, and the old checkpoint key signs beside the new one for keeper.overlapDays. A stopped one does so
at its next start. Exit code 1: the keeper refused.

Example:
  countersign trust install enrolment.json
`

interface RequestFlags {
  readonly config: string
  readonly keep?: readonly string[]
  readonly json?: boolean
}

interface EnrolFlags extends SigningFlags {
  readonly trust: string
  readonly pin?: string
  readonly id?: string
  readonly days: string
  readonly out: string
  readonly json?: boolean
}

interface InstallFlags {
  readonly config: string
  readonly json?: boolean
}

async function request(options: RequestFlags, io: Io): Promise<void> {
  const loaded = loadConfig(options.config)
  const signers = await commandSigners(loaded)
  const made = requestKeys(loaded, (options.keep ?? []).map(instanceRole), signers, Date.now())
  if (options.json === true) {
    printJson(io, made)
    return
  }
  printLine(io, `${made.file} asks for the enrolment of`)
  for (const role of INSTANCE_ROLES) printLine(io, `  ${role.padEnd(11)} ${made.keys[role]}`)
  printLine(io, `Its id is ${made.id}`)
  printLine(io, 'Hand it to the holder of an enrol key, who runs `countersign trust enrol`.')
}

function instanceRole(name: string): InstanceRole {
  const role = INSTANCE_ROLES.find(each => each === name)
  if (role === undefined)
    throw new UsageError(`there is no key ${name}`, `The keys are ${INSTANCE_ROLES.join(', ')}.`)
  return role
}

async function enrol(file: string, options: EnrolFlags, io: Io): Promise<void> {
  const days = wholeNumber(options.days, '--days')
  if (days < 1 || days > 3_650) throw new UsageError('cannot read --days', 'Write 1 to 3650.')
  const nowMs = Date.now()
  const { id, request: asked } = openNeeded(file, bytes => openEnrolmentRequest(bytes, nativeCrypto))
  const versions = openTrustVersions(options.trust, options.pin)
  const review = reviewRequest(asked, versions, nowMs)
  const shown = {
    id,
    origin: asked.origin,
    keys: asked.keys,
    made: timeWords(asked.t),
    ...review,
  }
  if (options.key === undefined && options.signer === undefined) {
    if (options.json === true) printJson(io, shown)
    else for (const line of reviewLines(shown)) printLine(io, line)
    return
  }
  refuseUnproven(id, review, options.id)
  const keys = await openSigningKeys(options, io)
  const enrolling = enrolInto(options.out, asked, versions.at(-1) as TrustRoot, keys, { nowMs, days })
  if (options.json === true) printJson(io, { file: options.out, ...enrolling, request: id })
  else {
    for (const line of reviewLines(shown)) printLine(io, line)
    printLine(
      io,
      enrolling.kind === 'done'
        ? `${options.out} enrols these keys until ${enrolling.enrolment.notAfter}. Back on the sidecar: countersign trust install ${options.out}`
        : `${options.out} waits; not signed by ${enrolling.missing.join(', ')}.`,
    )
  }
  if (enrolling.kind === 'pending') throw new AnswerNo()
}

/** ATTACK: a request of the attacker's own making, in the name of an instance whose old keys don't vouch for it. */
function refuseUnproven(id: string, { unproven }: RequestReview, compared: string | undefined): void {
  if (compared !== undefined && compared !== id)
    throw new UsageError(
      `the request’s id is ${id}`,
      'It is not the request that the sidecar made. Ask where it came from.',
    )
  if (unproven !== null && compared === undefined)
    throw new UsageError(
      `nothing proves where the request comes from: ${unproven}`,
      'Compare its id with what the sidecar printed, over a way that you trust, and pass it as --id.',
    )
}

interface Shown extends RequestReview {
  readonly id: string
  readonly origin: string
  readonly made: string
  readonly keys: Readonly<Record<InstanceRole, string>>
}

function reviewLines({ id, origin, made, keys, unproven, before }: Shown): readonly string[] {
  const change = (role: InstanceRole) =>
    before === null
      ? 'first key'
      : before.keys[role] === keys[role]
        ? 'stays'
        : `replaces ${before.keys[role]}`
  return [
    `${origin} asks, ${made}, for the enrolment of`,
    ...INSTANCE_ROLES.map(role => `  ${role.padEnd(11)} ${keys[role]}  ${change(role)}`),
    `  id          ${id}`,
    unproven === null
      ? `  proof       signed by all of these keys, and by those of the enrolment until ${before?.notAfter}`
      : `  proof       NONE of where it comes from: ${unproven}`,
  ]
}

async function install(file: string, options: InstallFlags, io: Io): Promise<void> {
  const loaded = loadConfig(options.config)
  const trust = readTrustRoot(loaded)
  const signers = await commandSigners(loaded)
  const instance = openNeeded(file, bytes => fitting(loaded, bytes, trust, signers))
  const former = loaded.path(loaded.config.keeper.enrolment)
  const before = existsSync(former) ? enrolmentIn(readNeeded(former)).keys.checkpoint : null
  installEnrolment(loaded, instance.envelope)
  const enrolment = contentId(nativeCrypto, utf8(instance.envelope))
  const keeper = await handOver(loaded.path(loaded.config.keeper.admin))
  if (options.json === true) printJson(io, { enrolment, until: instance.enrolment.notAfter, keeper })
  else if (keeper === null)
    printLine(io, 'Installed. The keeper isn’t running: it hands its ledger over at its next start.')
  else if (keeper.refusedKeys !== null)
    printLine(io, `Refused: ${keeper.refusedKeys.code}: ${keeper.refusedKeys.message}`)
  else printLine(io, `In force, until ${new Date(keeper.enrolmentExpiresMs).toISOString()}.`)
  const other = before !== null && instance.enrolment.keys.checkpoint !== before
  if (other && options.json !== true && keeper?.refusedKeys == null) printLine(io, WITNESS_WORDS)
  if (keeper !== null && keeper.refusedKeys !== null) throw new AnswerNo()
}

const WITNESS_WORDS =
  'Another key signs checkpoints: while the old one signs beside, give each witness the line of `countersign witness log` as well, and have it restarted.'

type HandedOver = Pick<KeeperStatus, 'enrolmentExpiresMs' | 'refusedKeys'> & { readonly replaced: boolean }

/** Null where no keeper runs. */
async function handOver(socket: string): Promise<HandedOver | null> {
  if (!existsSync(socket)) return null
  const admin = connectAdmin(socket)
  try {
    return await admin.post<HandedOver>('/v1/keys/reload')
  } catch (error) {
    // A socket that a killed keeper left behind.
    if (error instanceof UsageError && /ECONNREFUSED|ENOENT/.test(error.message)) return null
    throw error
  } finally {
    await admin.close()
  }
}
