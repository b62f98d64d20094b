import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { equalBytes, parsePublicKey } from '../../canon/index.js'
import { readCheckpointFile } from '../../ledger/index.js'
import { nativeCrypto } from '../../native/index.js'
import { openEnrolment } from '../../policy/index.js'
import { formatVerifierKey, isNoteName, logKey, parseLogList, parseVerifierKey } from '../../receipt/index.js'
import {
  contradictionsIn,
  MemoryFile,
  makeMemory,
  memoryOwner,
  serveWitness,
  Witness,
} from '../../witness/index.js'
import { loadConfig } from '../config.js'
import { ignoreByGit } from '../ignored-folder.js'
import { ignoreInspectorSignal } from '../inspector.js'
import { type Io, printJson, printLine, UsageError } from '../io.js'
import { createKeyFile } from '../keyfile.js'
import { parseListenAddress } from '../listen-address.js'
import { createLockedKeyFile, openSigningKey, readPassphrase } from '../locked-key.js'
import { openNeeded, readNeeded } from '../needed-file.js'
import { processLog } from '../process-log.js'
import { group } from '../program-group.js'
import { addConfigOption } from '../session-options.js'
import { serveUntilStopped } from '../supervise.js'
import { readTrustRoot } from '../trust-files.js'

export function registerWitness(program: Command, io: Io): void {
  const witness = group(program, 'witness', 'cosign the logs of others, so that none can show two histories')
  witness
    .command('init')
    .summary('make a witness: its key, its empty memory, and a list of logs to fill in')
    .argument('<dir>', 'folder to make')
    .requiredOption('--name <name>', 'the name that it signs under, such as witness.example/w1')
    .option('--mark <file>', 'the mark of its memory, on another volume; in the folder unless told')
    .option('--lock', 'put its key under a passphrase, asked for at the terminal')
    .option('--passphrase-file <file>', 'put its key under the passphrase in this file')
    .addHelpText('after', '\nExample:\n  countersign witness init /srv/witness --name witness.example/w1\n')
    .action((dir: string, options: InitOptions) => init(dir, options, io))
  witness
    .command('serve', { isDefault: true })
    .summary('run it; what the command does without a word behind it')
    .argument('<dir>', 'folder that `witness init` made')
    .option('--listen <host:port>', 'where logs reach it', '127.0.0.1:7080')
    .option('--prefix <path>', 'path before add-checkpoint, such as /w1', '')
    .option('--logs <file>', 'tlog-policy file whose `log` lines it knows; DIR/logs unless told')
    .option('--key <file>', 'its private key; DIR/key.jwk unless told')
    .option('--passphrase-file <file>', 'passphrase of a locked key; asked for at the terminal unless told')
    .option('--mark <file>', 'the mark of its memory, as it was told to `witness init`')
    .option('--tls-cert <file>', 'certificate chain, PEM: serves https')
    .option('--tls-key <file>', 'its private key, PEM')
    .addHelpText(
      'after',
      `
Serves POST <prefix>/add-checkpoint and GET <prefix>/<origin hash>/checkpoint as c2sp.org/tlog-witness says, and
GET /healthz. SIGTERM stops it when what it was asked is answered. It refuses to start over a memory that is missing,
damaged or older than its mark: it would cosign a second history. Run it where the operator of the logs can't reach it.

Example:
  countersign witness serve /srv/witness --listen 127.0.0.1:7080
`,
    )
    .action((dir: string, options: ServeOptions) => serve(dir, options, io))
  witness
    .command('key')
    .summary('print its verifier key, or with --url the line of a tlog-policy that names it')
    .argument('<dir>', 'folder that `witness init` made')
    .option('--url <url>', 'where logs reach it: prints that line')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      '\nExample:\n  countersign witness key /srv/witness --url https://witness.example >> witnesses.policy\n',
    )
    .action((dir: string, options: KeyOptions) => key(dir, options, io))
  addConfigOption(witness.command('log'))
    .summary('print the line by which witnesses know the log of this sidecar')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      '\nThe line names the log with its epoch; a new epoch is a log of its own.\n\nExample:\n  countersign witness log --config countersign.yaml >> logs\n',
    )
    .action((options: LogOptions) => log(options, io))
}

interface InitOptions {
  readonly name: string
  readonly mark?: string
  readonly lock?: true
  readonly passphraseFile?: string
}

interface ServeOptions {
  readonly listen: string
  readonly prefix: string
  readonly logs?: string
  readonly key?: string
  readonly passphraseFile?: string
  readonly mark?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
}

interface KeyOptions {
  readonly url?: string
  readonly json?: true
}

interface LogOptions {
  readonly config: string
  readonly json?: true
}

const LOGS_FILE = `# The logs that this witness cosigns, a line each (c2sp.org/tlog-policy):
#
#   log acme.dev/countersign/edge/1+1a2b3c4d+AQ…
#
# \`countersign witness log\` prints the line of a sidecar. A new epoch of a log is an origin of its own.
`

function placesIn(dir: string, mark: string | undefined) {
  return {
    key: join(dir, 'key.jwk'),
    logs: join(dir, 'logs'),
    file: join(dir, 'memory', 'memory.json'),
    mark: mark ?? join(dir, 'mark', 'mark.json'),
    contradictions: join(dir, 'contradictions'),
  }
}

async function init(dir: string, options: InitOptions, io: Io): Promise<void> {
  const { name } = options
  if (!isNoteName(name))
    throw new UsageError(`${name} can’t be a witness’s name`, 'Write it without spaces and plus signs.')
  const { key, logs, file, mark } = placesIn(dir, options.mark)
  if (existsSync(file)) throw new UsageError(`${dir} holds a witness already`, 'Choose another folder.')
  const locked = options.lock === true || options.passphraseFile !== undefined
  const publicKey = locked
    ? await createLockedKeyFile(
        key,
        await readPassphrase(options.passphraseFile, `Passphrase for ${key}: `, io),
      )
    : createKeyFile(key)
  const identity = { name, use: 'witness', publicKey: parsePublicKey(publicKey) } as const
  const witness = formatVerifierKey(nativeCrypto, identity)
  await makeMemory({ file, mark, witness, crypto: nativeCrypto })
  await mkdir(dir, { recursive: true, mode: 0o700 })
  ignoreByGit(dir)
  await writeFile(logs, LOGS_FILE, { flag: 'wx', mode: 0o600 })
  printLine(io, `The witness ${name} is in ${dir}. Verifiers and logs know it by this key:`)
  printLine(io, `  ${witness}`)
  printLine(io, `Name the logs that it cosigns in ${logs}, then start it:`)
  printLine(
    io,
    `  countersign witness serve ${dir}${options.mark === undefined ? '' : ` --mark ${options.mark}`}`,
  )
}

async function serve(dir: string, options: ServeOptions, io: Io): Promise<void> {
  ignoreInspectorSignal()
  const { host, port } = parseListenAddress(options.listen)
  const prefix = prefixOf(options.prefix)
  const places = placesIn(dir, options.mark)
  const owner = await memoryOwner(places.file)
  const identity = parseVerifierKey(nativeCrypto, owner)
  const signer = await openSigningKey(options.key ?? places.key, options.passphraseFile, io)
  if (!equalBytes(signer.publicKey, identity.publicKey))
    throw new UsageError(
      'the key is not that of this witness’s memory',
      'Pass the key that `witness init` made.',
    )
  const logs = openNeeded(options.logs ?? places.logs, bytes => parseLogList(nativeCrypto, bytes))
  const memory = await MemoryFile.open({ ...places, witness: owner, crypto: nativeCrypto })
  const log = processLog('witness', 'info', io.stderr)
  const witness = new Witness({
    crypto: nativeCrypto,
    name: identity.name,
    key: signer,
    logs,
    memory,
    clock: Date.now,
    log,
    keepContradiction: contradictionsIn(places.contradictions),
  })
  const server = await serveWitness({
    witness,
    isHealthy: () => !memory.halted,
    host,
    port,
    prefix,
    tls: tlsOf(options),
    log,
  })
  printLine(io, `The witness ${identity.name} listens on ${server.url} and knows ${logs.length} log(s).`)
  await serveUntilStopped({ url: server.url }, async () => {
    await server.close()
    await memory.close()
  })
}

function prefixOf(prefix: string): string {
  if (prefix !== '' && !/^(\/[A-Za-z0-9._~-]+)+$/.test(prefix))
    throw new UsageError(
      `${prefix} is no path`,
      'Write --prefix /NAME, with a slash before it and none behind.',
    )
  return prefix
}

function tlsOf({ tlsCert, tlsKey }: ServeOptions) {
  if (tlsCert === undefined && tlsKey === undefined) return null
  if (tlsCert === undefined || tlsKey === undefined)
    throw new UsageError('a certificate needs its key', 'Pass both --tls-cert and --tls-key.')
  return { cert: readNeeded(tlsCert).toString('utf8'), key: readNeeded(tlsKey).toString('utf8') }
}

async function key(dir: string, options: KeyOptions, io: Io): Promise<void> {
  const verifierKey = await memoryOwner(placesIn(dir, undefined).file)
  const { name } = parseVerifierKey(nativeCrypto, verifierKey)
  const line = `witness ${name} ${verifierKey}${options.url === undefined ? '' : ` ${options.url}`}`
  if (options.json === true) printJson(io, { name, verifierKey, line })
  else printLine(io, options.url === undefined ? verifierKey : line)
}

async function log(options: LogOptions, io: Io): Promise<void> {
  const loaded = loadConfig(options.config)
  const { config, path } = loaded
  const trust = readTrustRoot(loaded)
  const { origin, keys } = openNeeded(path(config.keeper.enrolment), bytes =>
    openEnrolment(bytes, trust, { crypto: nativeCrypto, nowMs: Date.now() }),
  )
  const mark = path(config.ledger.highWater)
  const chain = existsSync(mark) ? (await readCheckpointFile(mark, nativeCrypto)).origin : `${origin}/1`
  const verifierKey = formatVerifierKey(nativeCrypto, logKey(chain, parsePublicKey(keys.checkpoint)))
  if (options.json === true) printJson(io, { origin: chain, verifierKey, line: `log ${verifierKey}` })
  else printLine(io, `log ${verifierKey}`)
}
