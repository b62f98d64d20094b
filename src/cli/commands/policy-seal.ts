import { existsSync, readFileSync } from 'node:fs'
import type { Command } from 'commander'
import {
  contentId,
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  equalBytes,
  formatPublicKey,
  type JsonObject,
  PAYLOAD_TYPES,
  parseCanonical,
} from '../../canon/index.js'
import { nativeCrypto } from '../../native/index.js'
import { activate, addSignature, readSealedMetadata, sealPolicy, type TrustRoot } from '../../policy/index.js'
import { timeWords } from '../entry-text.js'
import { AnswerNo, type Io, printJson, printLine, UsageError } from '../io.js'
import { ID_WORDS, type LookFlags, requireLookedAt } from '../looked-at.js'
import { type NeverProof, neverLines, proveNever } from '../never-report.js'
import { asNextVersion } from '../next-version.js'
import { compilePolicyFile, consultPolicy } from '../policy-file.js'
import { group } from '../program-group.js'
import { repeatable } from '../repeatable.js'
import { writeSealedPolicy } from '../sealed-policy.js'
import { holdersOf, type SealedSummary, summaryLines, summaryOf } from '../sealed-summary.js'
import { openSigningKeys, SIGNER_WORDS, type SigningFlags } from '../signing-keys.js'
import { openTrustFile, replaceExclusively } from '../trust-files.js'

export function registerPolicySeal(program: Command, io: Io): void {
  const policy = group(program, 'policy', 'check, explain, seal and show policies')
  policy
    .command('seal')
    .summary('compile a policy and sign it')
    .argument('<file>', 'the policy’s source')
    .option('--key <file>', 'a policy key to sign with; repeatable', repeatable)
    .option('--signer <command>', SIGNER_WORDS, repeatable)
    .option('--never <file>', 'further `never` statements, sealed with the policy')
    .option('-o, --out <file>', 'sealed file; NAME.sealed.json beside the source unless told')
    .option('--next', 'seal as the version after the last one, whatever the source says')
    .option(
      '--after <file>',
      'with --next: the policy that was sealed last; the file to be replaced unless told',
    )
    .option('--config <file>', 'with --next: ask the running sidecar which version is in force')
    .option('--trust <file>', TRUST_WORDS)
    .option('--pin <id>', 'content id that one version of it must have')
    .option('--passphrase-file <file>', 'passphrase of the locked keys')
    .option('--json', 'one JSON document')
    .addHelpText('after', SEAL_HELP)
    .action((file: string, options: SealFlags) => seal(file, options, io))
  policy
    .command('sign')
    .summary('add a signature to a sealed policy')
    .argument('<file>', 'the sealed file')
    .option('--key <file>', 'a policy key to sign with; repeatable', repeatable)
    .option('--signer <command>', SIGNER_WORDS, repeatable)
    .option('--id <id>', ID_WORDS)
    .option('--trust <file>', TRUST_WORDS)
    .option('--pin <id>', 'content id that one version of it must have')
    .option('--passphrase-file <file>', 'passphrase of the locked keys')
    .option('--json', 'one JSON document')
    .addHelpText('after', SIGN_HELP)
    .action((file: string, options: SignFlags & LookFlags) => sign(file, options, io))
  policy
    .command('show')
    .summary('show a sealed policy: id, version, audience, expiry, and who has signed')
    .argument('<file>', 'the sealed file')
    .option('--trust <file>', 'root.json to hold the signatures against')
    .option('--pin <id>', 'content id that one version of it must have')
    .option('--json', 'one JSON document')
    .addHelpText('after', SHOW_HELP)
    .action((file: string, options: ShowFlags) => show(file, options, io))
}

const TRUST_WORDS =
  'root.json to hold keys and signatures against: without it a key that is no policy key seals what nobody opens'

const SEAL_HELP = `
Writes the sealed file and, beside it, the catalogs that it pins as catalogs/<digest>.json; keep them together. Where
the file holds the very same policy already, the signature is added to those of the others; any other is replaced, and kept
beside as NAME.vVERSION.DIGEST.json. Keep every sealed file: the evidence is checked against it (\`receipts verify --policies DIR\`).

--next sets the version in the sealed policy to the one after the last; the source is not edited, and where it is
further ahead, its own version stays. One person seals with --next; the others add theirs with \`policy sign\`.

Examples:
  countersign policy seal policy.yaml --key maria.jwk -o policy.sealed.json --trust trust/root.json
  countersign policy seal policy.yaml --key maria.jwk --next --after in-force/policy.sealed.json
  countersign policy seal .countersign/policy/policy.yaml --next --key .countersign/trust/keys/policy.jwk
`

const SIGN_HELP = `
Look at it first, with \`policy show\` and \`policy diff\`, and compare the id that is shown here with theirs. Where the policy
states what never happens, that is proven again before it is signed, with the catalogs beside the file.

Examples:
  countersign policy sign policy.sealed.json --key jo.jwk
  countersign policy sign policy.sealed.json --key jo.jwk --id sha256:…
`

const SHOW_HELP = `
With --trust, exits with 1 while signatures are missing.

Example:
  countersign policy show policy.sealed.json --trust trust/root.json --pin sha256:…
`

interface SignFlags extends SigningFlags {
  readonly trust?: string
  readonly pin?: string
  readonly json?: boolean
}

interface SealFlags extends SignFlags {
  readonly out?: string
  readonly next?: boolean
  readonly after?: string
  readonly config?: string
  readonly never?: string
}

interface ShowFlags {
  readonly trust?: string
  readonly pin?: string
  readonly json?: boolean
}

async function seal(file: string, options: SealFlags, io: Io): Promise<void> {
  if (options.next !== true && (options.after !== undefined || options.config !== undefined))
    throw new UsageError('--after and --config say which version was before', 'Pass --next with them.')
  const { payload, cid, catalogs } = compilePolicyFile(file, options.never)
  refuseBroken(proveNever(payload, activate(payload, cid, catalogs, nativeCrypto), Date.now()), options, io)
  const out = options.out ?? `${file.replace(/\.ya?ml$/, '')}.sealed.json`
  const { after, config } = options
  const before = {
    out,
    ...(after === undefined ? {} : { after }),
    ...(config === undefined ? {} : { config }),
  }
  const unsigned = sealPolicy(options.next === true ? await asNextVersion(payload, before) : payload, [])
  refuseOlder(out, unsigned)
  const trust = trustOf(options)
  if (trust !== null) refuseBelowFloor(unsigned, trust)
  const envelope = await signWith(withSignaturesOf(out, unsigned), trust, options, io)
  const summary = judged(out, envelope, trust, options)
  warnExpired(envelope, io)
  const kept = keepBefore(out, envelope)
  writeSealedPolicy(out, envelope, catalogs)
  print(io, kept === null ? summary : { ...summary, kept }, options.json === true)
}

/** Two holders who seal the same source from their own checkouts mean one policy with two signatures. */
function withSignaturesOf(file: string, unsigned: Envelope): Envelope {
  if (!existsSync(file)) return unsigned
  try {
    const known = decodeEnvelope(readFileSync(file))
    const same = known.payloadType === unsigned.payloadType && equalBytes(known.payload, unsigned.payload)
    return same ? known : unsigned
  } catch {
    // What stands there is no envelope, and is replaced as any other file.
    return unsigned
  }
}

/** No sidecar that has seen the later version takes an earlier one again. */
function refuseOlder(file: string, unsigned: Envelope): void {
  if (!existsSync(file)) return
  let known: SealedSummary
  try {
    known = { file, ...summaryOf(decodeEnvelope(readFileSync(file))) }
  } catch {
    return
  }
  const { name, version } = summaryOf(unsigned)
  if (known.name === name && known.version > version)
    throw new UsageError(
      `${file} holds version ${known.version} of ${name}, and this is version ${version}`,
      'Pass --next to seal it as the version after that one, or raise metadata.version.',
    )
}

/** INVARIANT: nothing is signed that lets happen what it says never happens; not by a second holder either, who was handed it. */
function refuseBroken(proof: NeverProof, { json }: SignFlags, io: Io): void {
  if (proof.breaches.length === 0) return
  if (json === true) printJson(io, { sealed: false, ...proof })
  else {
    for (const line of neverLines(proof)) printLine(io, line)
    printLine(io, 'Nothing was signed: the policy lets happen what it says never happens.')
  }
  throw new AnswerNo()
}

async function sign(file: string, options: SignFlags & LookFlags, io: Io): Promise<void> {
  const unsigned = readSealed(file)
  const summary = summaryOf(unsigned)
  if (summary.never.length > 0) {
    const { payload, active } = consultPolicy(file)
    // ATTACK: another file is put there between two reads, and what is proven of it is believed of this one.
    if (active.cid !== summary.id)
      throw new UsageError(`${file} changed while it was read`, 'Look at it again, and ask who changed it.')
    refuseBroken(proveNever(payload, active, Date.now()), options, io)
  }
  const lines = summaryLines({ file, ...summary })
  await requireLookedAt({ what: 'policy', id: summary.id, lines }, options, io)
  const trust = trustOf(options)
  const envelope = await signWith(unsigned, trust, options, io)
  const signed = judged(file, envelope, trust, options)
  warnExpired(envelope, io)
  replaceExclusively(file, () => encodeEnvelope(envelope))
  print(io, signed, options.json === true)
}

/** Nothing is signed by a key that would make the whole file one that no sidecar opens. */
async function signWith(
  envelope: Envelope,
  trust: TrustRoot | null,
  options: SignFlags,
  io: Io,
): Promise<Envelope> {
  const keys = await openSigningKeys(options, io)
  const stranger = keys.find(({ publicKey }) => trust !== null && !isPolicyKey(publicKey, trust))
  if (stranger !== undefined)
    throw new UsageError(
      `${formatPublicKey(stranger.publicKey)} is no key of the policy role in ${options.trust}`,
      'A signature by any other key keeps every sidecar from opening the policy. Sign with a key of that role; `countersign trust show` lists them.',
    )
  return keys.reduce(addSignature, envelope)
}

function isPolicyKey(publicKey: Uint8Array, trust: TrustRoot): boolean {
  const { keys } = trust.roles.policy
  return keys.some(name => trust.keys[name] === formatPublicKey(publicKey))
}

function trustOf({ trust, pin }: SignFlags): TrustRoot | null {
  if (trust !== undefined) return openTrustFile(trust, pin).root
  if (pin === undefined) return null
  throw new UsageError('--pin names a version of a trust root', 'Pass the root itself with --trust FILE.')
}

/** The floor of the trust root: what is below it no sidecar loads. */
function refuseBelowFloor(unsigned: Envelope, { minPolicyVersion }: TrustRoot): void {
  const { version } = summaryOf(unsigned)
  if (version < minPolicyVersion)
    throw new UsageError(
      `this is version ${version}, and the trust root lets none below ${minPolicyVersion}`,
      'Raise metadata.version, or pass --next.',
    )
}

function warnExpired({ payload }: Envelope, io: Io): void {
  const { expiresMs } = readSealedMetadata(parseCanonical(payload) as JsonObject)
  if (expiresMs <= Date.now())
    io.stderr.write(
      `warning: the policy expired at ${timeWords(expiresMs)}, and no sidecar loads it. Raise metadata.expires.\n`,
    )
}

/**
 * Another policy that is replaced is kept beside, under a name of its own: decisions that it made are checked against it. Returns
 * where; null where there is none.
 */
function keepBefore(file: string, envelope: Envelope): string | null {
  if (!existsSync(file)) return null
  const bytes = readFileSync(file)
  let before: Omit<SealedSummary, 'file'>
  try {
    before = summaryOf(decodeEnvelope(bytes))
  } catch {
    return null
  }
  const { id, version } = before
  if (id === contentId(nativeCrypto, envelope.payload)) return null
  const digits = id.slice('sha256:'.length, 'sha256:'.length + 8)
  const kept = `${file.replace(/\.json$/, '')}.v${version}.${digits}.json`
  if (!existsSync(kept)) replaceExclusively(kept, () => bytes)
  return kept
}

function judged(
  file: string,
  envelope: Envelope,
  trust: TrustRoot | null,
  { pin }: SignFlags,
): SealedSummary {
  const summary = { file, ...summaryOf(envelope) }
  return trust === null ? summary : { ...summary, holders: holdersOf(envelope, trust, pin !== undefined) }
}

function show(file: string, options: ShowFlags, io: Io): void {
  const envelope = readSealed(file)
  const summary = { file, ...summaryOf(envelope) }
  if (options.trust === undefined) {
    print(io, summary, options.json === true)
    return
  }
  const holders = holdersOf(
    envelope,
    openTrustFile(options.trust, options.pin).root,
    options.pin !== undefined,
  )
  print(io, { ...summary, holders }, options.json === true)
  if (!holders.enough) throw new AnswerNo()
}

function readSealed(file: string): Envelope {
  const envelope = decodeEnvelope(readBytes(file))
  if (envelope.payloadType !== PAYLOAD_TYPES.policy)
    throw new UsageError(`${file} is no sealed policy`, 'Pass what `countersign policy seal` wrote.')
  return envelope
}

function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file)
  } catch {
    throw new UsageError(`cannot read ${file}`, 'Pass the file that `countersign policy seal` wrote.')
  }
}

function print(io: Io, summary: SealedSummary, json: boolean): void {
  if (json) printJson(io, summary)
  else for (const line of summaryLines(summary)) printLine(io, line)
}
