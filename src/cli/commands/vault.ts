import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import {
  addVaultKey,
  createVault,
  keepOnlyVaultKey,
  type NewVaultEntry,
  newVaultKeyText,
  openVault,
  publicJwks,
  putEntry,
  removeEntry,
  replaceVaultKeyFile,
  unservedUses,
  VAULT_KINDS,
  type Vault,
  type VaultEntry,
  type VaultKind,
  vaultKey,
} from '../../credential/index.js'
import { type LoadedConfig, loadConfig } from '../config.js'
import { policyHere } from '../doctor/sidecar.js'
import { visible } from '../entry-text.js'
import { type Io, printJson, printLine, UsageError } from '../io.js'
import { group } from '../program-group.js'
import { repeatable } from '../repeatable.js'
import { addConfigOption } from '../session-options.js'
import { unservedWords } from '../unserved-words.js'
import { vaultKeySource, vaultLocation } from '../vault-location.js'
import { generatedMaterial, materialFromText } from '../vault-material.js'

const MAX_SECRET_BYTES = 65_536

export function registerVault(program: Command, io: Io): void {
  const vault = group(program, 'vault', 'keep the secrets that credentials are made from')
  addConfigOption(vault.command('put'))
    .summary('add a secret, or replace it; a running keeper takes it up within a second or two')
    .argument('<name>', 'name in the sealed policy’s credentials')
    .requiredOption('--kind <kind>', `what uses it: ${VAULT_KINDS.join(', ')}`)
    .requiredOption(
      '--origin <origin>',
      'origin it may be used for, https://host[:port]; repeatable',
      repeatable,
    )
    .requiredOption('--environment <name>', 'environment of the agents it may be used for')
    .option('--secret-file <file>', 'where the secret is; standard input unless given')
    .option('--generate <alg>', 'make a key for the kind jwt: Ed25519 or ES256')
    .option('--overlap <seconds>', 'keep the secret before as a second choice for so long')
    .option('--create', 'make the vault, where there is none')
    .option('--json', 'one JSON document')
    .addHelpText('after', PUT_HELP)
    .action((name: string, options: PutFlags) => put(name, options, io))
  addConfigOption(vault.command('list'))
    .summary('show what the vault holds, without a secret')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  countersign vault list\n')
    .action((options: Flags) => list(options, io))
  addConfigOption(vault.command('remove'))
    .summary('remove a secret; a running keeper stops using it within a second')
    .argument('<name>')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  countersign vault remove billing\n')
    .action((name: string, options: Flags) => remove(name, options, io))
  addConfigOption(vault.command('rekey'))
    .summary('replace the key of the vault, without a moment in which it can not be opened')
    .option('--new-key-file <file>', 'the new key; a random one unless given')
    .option('--finish', 'the keeper has the new key: shut the old one out')
    .option('--json', 'one JSON document')
    .addHelpText('after', REKEY_HELP)
    .action((options: RekeyFlags) => rekey(options, io))
  addConfigOption(vault.command('jwks'))
    .summary('print the public keys of all jwt entries, for the APIs that check them')
    .addHelpText('after', '\nExample:\n  countersign vault jwks > jwks.json\n')
    .action((options: Flags) => jwks(options, io))
}

const PUT_HELP = `
The secret is never an argument. Text for static, oauth2, ship-http and railway-project-token, PEM for github-app and jwt (or a
private JWK), and for every kind its JSON. railway-project-token takes the token of an account or a workspace, a UUID: a
project's own can't make others. For stripe-restricted-key:
  {"keys":[{"key":"rk_test_…","covers":{"permissions":["customers:write","charges:read"]}},
           {"key":"rk_test_…","covers":{"operations":["POST /v1/refunds"]}},
           {"key":"rk_test_…","covers":{"classes":["read"]}}]}
An unrestricted key (sk_…) is refused, unless the JSON says "acceptUnrestricted":true. For aws-sts, whose origin is that
of STS in the region that the policy names, the key of a user who may assume the role and nothing else:
  {"accessKeyId":"AKIA…","secretAccessKey":"…","externalId":"…"}
"sessionToken" goes with a temporary key, "externalId" with a role that asks for one; both may be left out.

ship-s3 and ship-http are for the places that receipts are shipped to; their origin is that of the place, and --environment
is not asked for by anything. For ship-s3: {"accessKeyId":"AKIA…","secretAccessKey":"…"}

Examples:
  countersign vault put railway-staging --kind railway-project-token --origin https://backboard.railway.com \\
    --environment staging < token.txt
  countersign vault put billing --kind jwt --generate Ed25519 --origin https://billing.internal --environment staging
  countersign vault put aws-staging --kind aws-sts --origin https://sts.eu-west-1.amazonaws.com \\
    --environment staging --secret-file aws.json
  countersign vault put archive --kind ship-s3 --origin https://s3.eu-west-1.amazonaws.com --environment evidence < key.json
`

const REKEY_HELP = `
Where the configuration reads the key from a file, this replaces the file as well. Where it is an environment variable
or a systemd credential, the vault opens with both keys until you have handed over the new one and run --finish.

Examples:
  countersign vault rekey
  countersign vault rekey --new-key-file new.key && … && countersign vault rekey --finish
`

interface Flags {
  readonly config: string
  readonly json?: boolean
}

interface PutFlags extends Flags {
  readonly kind: string
  readonly origin: readonly string[]
  readonly environment: string
  readonly secretFile?: string
  readonly generate?: string
  readonly overlap?: string
  readonly create?: boolean
}

interface RekeyFlags extends Flags {
  readonly newKeyFile?: string
  readonly finish?: boolean
}

async function put(name: string, options: PutFlags, io: Io): Promise<void> {
  const loaded = configOf(options, io)
  const location = vaultLocation(loaded, io.env)
  const kind = kindOf(options.kind)
  const entry: NewVaultEntry = {
    name,
    kind,
    origins: options.origin,
    environment: options.environment,
    material: await materialOf(kind, options, io),
    ...(options.overlap === undefined ? {} : { overlapSeconds: secondsOf(options.overlap) }),
  }
  if (options.create === true) await createVault(location, [entry], Date.now())
  else await putEntry(location, entry, Date.now())
  const vault = await openVault(location)
  const stored = vault.entry(name) as VaultEntry
  if (options.json === true) printJson(io, summaryOf(stored))
  else printLine(io, `put ${lineOf(stored)}`)
  for (const sentence of unfit(stored, vault, loaded)) io.stderr.write(`warning: ${visible(sentence)}\n`)
}

/** What the policy on this disk has to say against an entry. It is stored all the same: the next policy may be meant. */
function unfit({ name, kind }: VaultEntry, vault: Vault, loaded: LoadedConfig): readonly string[] {
  const policy = policyHere(loaded)
  // Places that receipts are shipped to have entries that no policy names.
  if ('subject' in policy || kind.startsWith('ship-')) return []
  if (!policy.credentials.has(name)) {
    const names = [...policy.credentials.keys()].join(', ')
    return [`the sealed policy has no credential ${name}, so nothing uses this entry. It has: ${names}.`]
  }
  return unservedUses(policy, vault)
    .filter(({ credential }) => credential === name)
    .map(unservedWords)
    .map(({ message, mend }) => `${message} ${mend}`)
}

async function list(options: Flags, io: Io): Promise<void> {
  const entries = (await openVault(vaultLocation(configOf(options, io), io.env))).entries()
  if (options.json === true) return printJson(io, { entries: entries.map(summaryOf) })
  if (entries.length === 0) printLine(io, 'the vault is empty')
  for (const entry of entries) printLine(io, lineOf(entry))
}

async function remove(name: string, options: Flags, io: Io): Promise<void> {
  await removeEntry(vaultLocation(configOf(options, io), io.env), name)
  if (options.json === true) printJson(io, { removed: name })
  else printLine(io, `removed ${name}`)
}

async function rekey(options: RekeyFlags, io: Io): Promise<void> {
  const loaded = configOf(options, io)
  const location = vaultLocation(loaded, io.env)
  const source = vaultKeySource(loaded)
  if (options.finish === true) {
    await keepOnlyVaultKey(location)
    return say(options, io, 'finished', 'the vault opens with the configured key alone')
  }
  if (!('file' in source) && options.newKeyFile === undefined)
    throw new UsageError(
      'the key is not in a file that could be replaced',
      'Pass the new one with --new-key-file.',
    )
  const text = options.newKeyFile === undefined ? newVaultKeyText() : await textOf(options.newKeyFile, io)
  await addVaultKey(location, vaultKey(Buffer.from(text)))
  if (!('file' in source))
    return say(
      options,
      io,
      'both',
      'the vault opens with both keys; hand over the new one, then run --finish',
    )
  await replaceVaultKeyFile(source.file, text)
  await keepOnlyVaultKey(location)
  return say(options, io, 'finished', `the vault has a new key, in ${source.file}`)
}

async function jwks(options: Flags, io: Io): Promise<void> {
  printJson(io, await publicJwks(await openVault(vaultLocation(configOf(options, io), io.env)), Date.now()))
}

function say({ json }: Flags, io: Io, state: string, line: string): void {
  if (json === true) printJson(io, { rekey: state })
  else printLine(io, line)
}

function configOf(options: Flags, io: Io): LoadedConfig {
  return loadConfig(resolve(io.cwd, options.config))
}

function kindOf(kind: string): VaultKind {
  const known = VAULT_KINDS.find(each => each === kind)
  if (known === undefined)
    throw new UsageError(`there is no kind ${kind}`, `Use one of ${VAULT_KINDS.join(', ')}.`)
  return known
}

function secondsOf(text: string): number {
  if (!/^\d{1,7}$/.test(text))
    throw new UsageError('--overlap takes whole seconds', 'For a day: --overlap 86400')
  return Number(text)
}

async function materialOf(kind: VaultKind, options: PutFlags, io: Io): Promise<object> {
  if (options.generate === undefined) return materialFromText(kind, await secretText(options, io))
  if (kind !== 'jwt')
    throw new UsageError(`nothing can be generated for ${kind}`, 'Pass the secret on standard input.')
  return generatedMaterial(options.generate)
}

async function secretText(options: PutFlags, io: Io): Promise<string> {
  const text =
    options.secretFile === undefined ? await standardInput(io) : await textOf(options.secretFile, io)
  if (text.trim() === '')
    throw new UsageError(
      'there is no secret',
      'Pass it on standard input, or name a file with --secret-file.',
    )
  return text
}

async function textOf(file: string, io: Io): Promise<string> {
  try {
    return await readFile(resolve(io.cwd, file), 'utf8')
  } catch {
    throw new UsageError(`cannot read ${file}`, 'Check the path and its mode.')
  }
}

async function standardInput(io: Io): Promise<string> {
  if ('isTTY' in io.stdin && io.stdin.isTTY === true)
    io.stderr.write('Paste the secret, then press Enter and Ctrl-D:\n')
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of io.stdin) {
    const bytes = Buffer.from(chunk)
    length += bytes.length
    if (length > MAX_SECRET_BYTES)
      throw new UsageError(`the secret is longer than ${MAX_SECRET_BYTES} bytes`, 'Check what is piped in.')
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function summaryOf(entry: VaultEntry) {
  const { name, kind, origins, environment, createdAtMs, previous } = entry
  return {
    name,
    kind,
    origins,
    environment,
    createdAt: new Date(createdAtMs).toISOString(),
    previousUntil: previous === null ? null : new Date(previous.untilMs).toISOString(),
  }
}

function lineOf(entry: VaultEntry): string {
  const { name, kind, origins, environment, createdAt, previousUntil } = summaryOf(entry)
  const overlap = previousUntil === null ? '' : `, the one before until ${previousUntil}`
  return `${name}: ${kind} for ${origins.join(', ')} in ${environment}, since ${createdAt}${overlap}`
}
