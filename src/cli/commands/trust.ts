import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { nativeCrypto } from '../../native/index.js'
import {
  sealTrustRoot,
  TRUST_ROLES,
  type TrustRole,
  type TrustRoot,
  trustRootId,
} from '../../policy/index.js'
import { shortWord, visible } from '../entry-text.js'
import { AnswerNo, type Io, printJson, printLine, UsageError } from '../io.js'
import { createKeyFile } from '../keyfile.js'
import { createLockedKeyFile, readPassphrase, unlockSigningKey } from '../locked-key.js'
import { type LookFlags, requireLookedAt } from '../looked-at.js'
import { group } from '../program-group.js'
import { repeatable } from '../repeatable.js'
import { openSigningKeys, SIGNER_WORDS, type SigningFlags } from '../signing-keys.js'
import { changeOf, roleOf, type TrustChangeFlags, wholeNumber } from '../trust-change.js'
import { openTrustFile, writeTrustChain } from '../trust-files.js'
import { type Proposal, pendingFile, propose, rotate, waitingProposal } from '../trust-rotation.js'
import { trustChangeLines } from '../trust-words.js'

export function registerTrust(program: Command, io: Io): void {
  const trust = group(program, 'trust', 'say which keys may seal, enrol, operate and recover')
  trust
    .command('init')
    .summary('make the first trust root, and keys for every role')
    .requiredOption('--out <dir>', 'folder for root.json and keys/')
    .option('--threshold <role=k/n>', 'n keys for a role, k of which must sign; 1/1 unless told', repeatable)
    .option('--test-audience <name>', 'a deployment that is not production; repeatable', repeatable)
    .option('--min-policy-version <n>', 'floor under policy versions', '1')
    .option('--lock', 'put the key files under a passphrase, asked for at the terminal')
    .option('--passphrase-file <file>', 'put them under the passphrase in this file')
    .option('--json', 'one JSON document')
    .addHelpText('after', INIT_HELP)
    .action((options: InitFlags) => init(options, io))
  trust
    .command('key')
    .summary('make one signing key, for a holder to keep')
    .argument('<file>', 'where to write it; never overwritten')
    .option('--lock', 'put it under a passphrase, asked for at the terminal')
    .option('--passphrase-file <file>', 'put it under the passphrase in this file')
    .addHelpText(
      'after',
      '\nPrints the public key, for `trust rotate --add` or for a group of approvers in a policy. Never make an approver’s key on the\nmachine that the agent works on.\n\nExample:\n  countersign trust key maria.jwk --lock\n',
    )
    .action((file: string, options: LockFlags) => key(file, options, io))
  trust
    .command('show')
    .summary('show a trust root: its versions, roles, thresholds and revocations')
    .argument('<file>', 'root.json')
    .option('--pin <id>', 'content id that one of its versions must have')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  countersign trust show trust/root.json --pin sha256:…\n')
    .action((file: string, options: ShowFlags) => show(file, options, io))
  trust
    .command('rotate')
    .summary('add the next version: other keys, thresholds, revocations')
    .argument('<file>', 'root.json')
    .option('--key <file>', 'a root key to sign with; repeatable', repeatable)
    .option('--signer <command>', SIGNER_WORDS, repeatable)
    .option('--add <role/name=key>', 'give a role a key, ed25519:…; repeatable', repeatable)
    .option(
      '--revoke <name|key>',
      'revoke a key for good: one of the trust root by its name, one of a sidecar as ed25519:…; repeatable',
      repeatable,
    )
    .option(
      '--revoked-since <time>',
      'what others saw of these keys before, such as 2027-02-01T00:00:00Z, is still believed; nothing is without it',
    )
    .option(
      '--retire <name>',
      'take a key out of its roles; logs of before stand, a policy or enrolment that it alone signed opens no more; repeatable',
      repeatable,
    )
    .option('--revoke-id <id>', 'revoke a sealed policy or enrolment by content id; repeatable', repeatable)
    .option('--threshold <role=k>', 'how many keys of a role must sign; repeatable', repeatable)
    .option(
      '--test-audience <name>',
      'the deployments that are not production, all of them; repeatable',
      repeatable,
    )
    .option('--min-policy-version <n>', 'raise the floor under policy versions')
    .option('--id <id>', 'sign the version that waits if this is its id')
    .option('--passphrase-file <file>', 'passphrase of the locked keys')
    .option('--json', 'one JSON document')
    .addHelpText('after', ROTATE_HELP)
    .action((file: string, options: RotateFlags) => rotateCommand(file, options, io))
}

const INIT_HELP = `
Examples:
  countersign trust init --out trust --threshold root=2/3 --threshold policy=2/3 --lock
  countersign trust init --out trust --test-audience staging

Move every key to its holder afterwards, and pin what is printed in the configuration.
`

const ROTATE_HELP = `
The root keys of the version before must sign, and those of the new one. Until enough have, the version waits
beside the file as FILE.next (exit code 1). Pass it on, and let the others look at it with the command and no flag, and then sign
it with their --key: they are shown what it changes and asked, or say with --id that it is the one that they were told of.

Examples:
  countersign trust rotate trust/root.json --key root.jwk --add policy/jo=ed25519:… --threshold policy=2
  countersign trust rotate trust/root.json --key root.jwk --revoke maria
  countersign trust rotate trust/root.json --key root.jwk --revoke ed25519:… --revoked-since 2027-02-01T00:00:00Z
  countersign trust rotate trust/root.json
  countersign trust rotate trust/root.json --key root-2.jwk --id sha256:…
`

interface LockFlags {
  readonly lock?: boolean
  readonly passphraseFile?: string
}

interface InitFlags extends LockFlags {
  readonly out: string
  readonly threshold?: readonly string[]
  readonly testAudience?: readonly string[]
  readonly minPolicyVersion: string
  readonly json?: boolean
}

interface ShowFlags {
  readonly pin?: string
  readonly json?: boolean
}

interface RotateFlags extends TrustChangeFlags, SigningFlags, LookFlags {}

async function init(options: InitFlags, io: Io): Promise<void> {
  const file = join(options.out, 'root.json')
  if (existsSync(file))
    throw new UsageError(`${file} exists already`, 'Change it with `countersign trust rotate`.')
  const sizes = roleSizes(options.threshold ?? [])
  const minPolicyVersion = wholeNumber(options.minPolicyVersion, '--min-policy-version')
  const passphrase = await passphraseToLock(options, io)
  const keys: Record<string, string> = {}
  for (const role of TRUST_ROLES) {
    for (const name of keyNames(role, sizes[role].count)) {
      keys[name] = await makeKey(join(options.out, 'keys', `${name}.jwk`), passphrase)
    }
  }
  const roles = Object.fromEntries(
    TRUST_ROLES.map(role => [
      role,
      { keys: keyNames(role, sizes[role].count), threshold: sizes[role].threshold },
    ]),
  ) as unknown as TrustRoot['roles']
  const root: TrustRoot = {
    v: 1,
    version: 1,
    previous: null,
    keys,
    roles,
    revoked: { keys: [], ids: [] },
    minPolicyVersion,
    testAudiences: options.testAudience ?? [],
  }
  const holders = roles.root.keys.map(name => join(options.out, 'keys', `${name}.jwk`))
  const signers = []
  for (const holder of holders) signers.push(await unlockSigningKey(holder, async () => passphrase ?? ''))
  writeTrustChain(file, [sealTrustRoot(root, signers)])
  const pin = trustRootId(root, nativeCrypto)
  if (options.json === true) {
    printJson(io, { file, pin, keys })
    return
  }
  printLine(io, `${file} is trust root version 1. Pin it in the configuration:`)
  printLine(io, `  trust: { root: ${file}, pin: "${pin}" }`)
  printLine(
    io,
    `Move the keys in ${join(options.out, 'keys')} to their holders; no running sidecar needs one of them.`,
  )
}

interface RoleSize {
  readonly threshold: number
  readonly count: number
}

function roleSizes(flags: readonly string[]): Readonly<Record<TrustRole, RoleSize>> {
  const sizes = Object.fromEntries(TRUST_ROLES.map(role => [role, { threshold: 1, count: 1 }]))
  for (const text of flags) {
    const match = /^([a-z]+)=([1-9])\/([1-9])$/.exec(text)
    if (match === null || Number(match[2]) > Number(match[3])) {
      throw new UsageError(`cannot read --threshold ${text}`, 'Write --threshold ROLE=K/N with K ≤ N ≤ 9.')
    }
    sizes[roleOf(match[1] as string)] = { threshold: Number(match[2]), count: Number(match[3]) }
  }
  return sizes as Record<TrustRole, RoleSize>
}

function keyNames(role: TrustRole, count: number): readonly string[] {
  return count === 1 ? [role] : Array.from({ length: count }, (_, index) => `${role}-${index + 1}`)
}

async function key(file: string, options: LockFlags, io: Io): Promise<void> {
  printLine(io, await makeKey(file, await passphraseToLock(options, io)))
}

function passphraseToLock(options: LockFlags, io: Io): Promise<string | null> {
  if (options.lock !== true && options.passphraseFile === undefined) return Promise.resolve(null)
  return readPassphrase(options.passphraseFile, 'New passphrase: ', io)
}

function makeKey(file: string, passphrase: string | null): Promise<string> {
  return passphrase === null ? Promise.resolve(createKeyFile(file)) : createLockedKeyFile(file, passphrase)
}

function show(file: string, options: ShowFlags, io: Io): void {
  const { root, ids } = openTrustFile(file, options.pin)
  const pinned = options.pin ?? null
  if (options.json === true) {
    printJson(io, { pinned, ids, root })
    return
  }
  printLine(
    io,
    `trust root version ${root.version}, ${pinned === null ? 'whole in itself; NOT compared with a pin' : `pinned by ${pinned}`}`,
  )
  for (const [index, id] of ids.entries()) printLine(io, `  version ${index + 1}  ${id}`)
  for (const role of TRUST_ROLES) {
    const { keys, threshold } = root.roles[role]
    printLine(io, `${role}: ${threshold} of ${keys.length}`)
    for (const name of keys) printLine(io, `  ${name}  ${root.keys[name]}`)
  }
  for (const each of root.revoked.keys) {
    const since = root.revoked.since?.[each]
    printLine(io, `revoked  ${each}${since === undefined ? '' : `  since ${since}`}`)
  }
  for (const each of root.revoked.ids) printLine(io, `revoked  ${each}`)
  printLine(io, `policies from version ${root.minPolicyVersion} on`)
  printLine(io, `not production: ${root.testAudiences.map(shortWord).join(', ') || 'none'}`)
}

async function rotateCommand(file: string, options: RotateFlags, io: Io): Promise<void> {
  const { root: current } = openTrustFile(file)
  const change = changeOf(current, options)
  const proposal = change === null ? waitingProposal(file, current) : propose(file, current, change)
  const id = trustRootId(proposal.next, nativeCrypto)
  const changes = trustChangeLines(current, proposal.next)
  if (change === null) {
    const lines = waitingLines(file, proposal, id, changes)
    if (options.key === undefined && options.signer === undefined) {
      if (options.json === true)
        printJson(io, { kind: 'waiting', root: proposal.next, file, missing: proposal.missing, id, changes })
      else for (const line of lines) printLine(io, visible(line))
      throw new AnswerNo()
    }
    await requireLookedAt({ what: 'version that waits', id, lines }, options, io)
  }
  const keys = await openSigningKeys(options, io)
  const rotation = rotate(file, current, proposal, keys)
  if (options.json === true) printJson(io, { ...rotation, id, changes })
  else if (rotation.kind === 'done') {
    printLine(io, `${file} is at version ${rotation.root.version} now: ${id}`)
    printLine(
      io,
      'A sidecar that pins an older version follows by itself; after a revocation, move its pin to this one.',
    )
  } else {
    printLine(io, `${rotation.file} waits; not signed by ${rotation.missing.join(', ')}.`)
    printLine(io, `Tell them its id, over a way that you trust: ${id}`)
  }
  if (rotation.kind === 'pending') throw new AnswerNo()
}

function waitingLines(
  file: string,
  { next, missing }: Proposal,
  id: string,
  changes: readonly string[],
): readonly string[] {
  return [
    `${pendingFile(file)} is version ${next.version}: ${id}`,
    ...changes.map(line => `  ${line}`),
    `not signed by ${missing.join(', ')}`,
  ]
}
