import { randomBytes, randomUUID } from 'node:crypto'
import process from 'node:process'
import type { JWK } from 'jose'
import { CountersignError, fromUtf8 } from '../../canon/index.js'
import {
  type CredentialBroker,
  credentialBroker,
  type Outbound,
  type OutboundOptions,
  openVault,
  outbound,
  standardMinters,
  unservedUses,
  type Vault,
} from '../../credential/index.js'
import {
  type Keeper,
  type Log,
  loadRevocations,
  recordMint,
  recordVaultChange,
  startKeeper,
} from '../../keeper/index.js'
import {
  type Cosigning,
  type Ledger,
  openLedger,
  type Shipping,
  type SideCipher,
  serveTiles,
  sideCipher,
  type TilesServer,
} from '../../ledger/index.js'
import { nativeCrypto } from '../../native/index.js'
import { type ActivePolicy, openGrantOrder, openOperateOrder, type TrustRoot } from '../../policy/index.js'
import type { LoadedConfig } from '../config.js'
import { cliFault } from '../error-table.js'
import { finishPromotion, type Instance, readInstance, readNext } from '../instance-keys.js'
import type { Io } from '../io.js'
import { keeperLogErrors } from '../keeper-side-errors.js'
import { parseListenAddress } from '../listen-address.js'
import { readNeeded } from '../needed-file.js'
import { packageVersion } from '../package-version.js'
import { missingInPod } from '../pod-mode.js'
import { processLog } from '../process-log.js'
import { type InstanceSigners, startInstanceSigners } from '../signer/instance-signers.js'
import { serveUntilStopped } from '../supervise.js'
import { readTrustVersions } from '../trust-files.js'
import { unservedWords } from '../unserved-words.js'
import { vaultLocation } from '../vault-location.js'
import { podIdentities } from './identities.js'
import { openKeyRing, retiringCheckpointKey, successionOf } from './key-ring.js'
import { noticePlaces } from './notices.js'
import { policySource } from './policy-source.js'
import { remoteAdmin } from './remote-admin.js'
import { ledgerShipping } from './shipping.js'
import { type ConfiguredWitnesses, configuredWitnesses, ledgerCosigning } from './witnesses.js'

/** The keeper as a process: everything secret is opened here and handed to nobody. */
export async function runKeeper(loaded: LoadedConfig, io: Io): Promise<void> {
  const log = processLog('keeper', loaded.config.log?.level ?? 'info', io.stderr, {
    errors: keeperLogErrors,
  })
  for (const sentence of missingInPod(io.env)) log.warn({}, sentence)
  const signers = await startInstanceSigners(loaded, log)
  try {
    await serve(loaded, signers, log, io)
  } finally {
    // The last entries are signed by now.
    await signers.close()
  }
}

async function serve(loaded: LoadedConfig, signers: InstanceSigners, log: Log, io: Io): Promise<void> {
  const { config, path } = loaded
  const versions = readTrustVersions(loaded)
  const trust = versions.at(-1) as TrustRoot
  // Before the ledger is opened, as everything that an operator may have got wrong.
  const remote = remoteAdmin(loaded)
  const identities = podIdentities(loaded, io)
  const start = openInstance(loaded, versions, signers)
  const vault = await openVault(vaultLocation(loaded, io.env))
  const witnesses = await configuredWitnesses(loaded, checkpointKeysOf(loaded, start, signers))
  const { ledger, side } = await openInstanceLedger(loaded, start, signers, witnesses)
  let shipping: Shipping | null = null
  let cosigning: Cosigning | null = null
  try {
    const instance = settleInstance(loaded, start, log)
    shipping = await ledgerShipping(loaded, { ledger, vault, trust, log })
    cosigning = ledgerCosigning(loaded, witnesses, { ledger, log })
    const revocations = await loadRevocations(ledger)
    const broker = brokerOf(loaded, vault, ledger, outbound(wayOut(loaded, trust)))
    const clock = { nowMs: Date.now }
    const toThisOne = () => ({ crypto: nativeCrypto, origin: config.origin, nowMs: clock.nowMs() })
    const ring = await openKeyRing(loaded, instance, signers, ledger, revocations, log)
    const keeper = await startKeeper({
      ledger,
      side,
      shipping,
      cosigning,
      noticePlaces: noticePlaces(loaded, { vault, trust }),
      broker,
      network: outbound({ ...wayOut(loaded, trust), ...ASKING }),
      revocations,
      clock,
      log,
      missing: missingInPod(io.env),
      unserved: policy => unservedUses(policy, vault),
      crypto: nativeCrypto,
      random: length => randomBytes(length),
      verifier: ring.verifier,
      identities,
      issuer: ring.issuer,
      awsKeys: ring.awsKeys,
      instanceKeys: ring.instanceKeys,
      linkSocket: path(config.keeper.socket),
      adminSocket: path(config.keeper.admin),
      remoteAdmin: remote,
      policySource: policySource(loaded, trust, log, () => Object.values(ring.instanceKeys.inForce())),
      openOrder: (envelope, trust) => openGrantOrder(envelope, { ...toThisOne(), trust }),
      openOperateOrder: (envelope, trust) => openOperateOrder(envelope, { ...toThisOne(), trust }),
      ...(config.ledger.heartbeatSeconds === undefined
        ? {}
        : { heartbeatMs: config.ledger.heartbeatSeconds * 1_000 }),
    })
    const tiles = await serveLog(loaded, ledger, cosigning, log).catch(async error => {
      await keeper.stop()
      throw error
    })
    warnOfUnserved(keeper.activation.inForce(), vault, log)
    const recordChange = recordVaultChange(ledger, vault)
    const unwatch = vault.watch(change => {
      if (change.kind === 'changed') {
        log.info({ names: change.names }, 'the vault was changed')
        warnOfUnserved(keeper.activation.inForce(), vault, log)
        recordChange(change.names).catch(error =>
          log.error({ err: error }, 'a change of the vault was not recorded'),
        )
      }
      if (change.kind === 'kept')
        log.error({ code: change.code }, 'the vault’s file can’t be used; the open one stays in use')
    })
    endWith(ledger, keeper, log)
    reportFullCheck(ledger, log)
    void reapLeftovers(keeper.activation.inForce(), broker, log)
    await serveUntilStopped(null, async () => {
      unwatch()
      ring.close()
      await tiles?.close()
      await keeper.stop()
    })
  } catch (error) {
    // What follows the ledger would keep this process alive for ever, and the ledger locked.
    const follows = () => Promise.all([shipping?.stop(), cosigning?.stop()])
    await ledger.close(async () => void (await follows())).catch(() => undefined)
    throw error
  }
}

/** Before an agent meets it: `status` says the same, and a container's log is what people see of one. */
function warnOfUnserved(policy: ActivePolicy | null, vault: Vault, log: Log): void {
  if (policy === null) return
  for (const use of unservedUses(policy, vault)) {
    const { message, mend } = unservedWords(use)
    log.warn({ code: use.code, credential: use.credential, api: use.api, mend }, message)
  }
}

/** For the answers to the requests that were under way. */
const LAST_ANSWERS_MS = 250
/** For those who are told that the ledger takes nothing more. */
const LAST_NOTICES_MS = 2_000

/**
 * A ledger that failed once takes nothing more, because what is on disk then only an opening can tell. So this process
 * ends, and the next start of it looks: a full disk is got over by making room, and by nothing else.
 */
function endWith(ledger: Ledger, keeper: Keeper, log: Log): void {
  void ledger.failed.then(fault => {
    log.error({ code: fault.code }, `the keeper ends, to be started again: ${fault.message}`)
    const answered = new Promise(resolve => setTimeout(resolve, LAST_ANSWERS_MS))
    void Promise.all([answered, keeper.told(LAST_NOTICES_MS)]).finally(() => process.exit(1))
  })
}

/** A finding ends the ledger as well; that the reading could not be done is for somebody to look at. */
function reportFullCheck(ledger: Ledger, log: Log): void {
  void ledger.fullCheckEnded()?.then(({ state, size, problem }) => {
    if (state === 'sound') log.info({ size }, 'every entry that this start found was read and holds')
    else if (state === 'unsound') log.error({ size }, `the ledger does not hold together: ${problem}`)
    else log.warn({ size }, `the whole ledger could not be read: ${problem}`)
  })
}

/** The keys to start with, and those that are to follow. */
interface InstanceStart {
  readonly current: Instance
  readonly next: Instance | null
}

function openInstance(
  loaded: LoadedConfig,
  versions: readonly TrustRoot[],
  signers: InstanceSigners,
): InstanceStart {
  const next = readNext(loaded, versions.at(-1) as TrustRoot, signers)
  const current = readInstance(loaded, versions, signers, next !== null)
  return { current, next: next?.envelope === current.envelope ? null : next }
}

/** Those that may have signed what witnesses saw last: a hand-over may have come behind it. */
function checkpointKeysOf(
  loaded: LoadedConfig,
  { current, next }: InstanceStart,
  signers: InstanceSigners,
): readonly Uint8Array[] {
  const retiring = retiringCheckpointKey(loaded, current, signers)?.key
  const keys = [current.keys.checkpoint.key, next?.keys.checkpoint.key, retiring]
  return keys.flatMap(key => key?.publicKey ?? [])
}

/** The ledger is handed over: where keys were to follow, they are the ones in force, and their files take their place. */
function settleInstance(loaded: LoadedConfig, { current, next }: InstanceStart, log: Log): Instance {
  try {
    finishPromotion(loaded)
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error
    log.error({ code: error.code }, error.message)
  }
  return next ?? current
}

/** It may take its time: what a start must know, the start itself looks at. */
const FULL_CHECK = { share: 0.25, afterMs: 10_000 }

async function openInstanceLedger(
  loaded: LoadedConfig,
  { current, next }: InstanceStart,
  signers: InstanceSigners,
  witnesses: ConfiguredWitnesses | null,
) {
  const { config, path } = loaded
  const { auditorKey, dir, highWater } = config.ledger
  const side = auditorKey === undefined ? null : await auditorCipher(path(auditorKey))
  const ledger = await openLedger({
    side,
    dir: path(dir),
    highWater: path(highWater),
    origin: config.origin,
    signer: current.keys.receipt.key,
    checkpointKey: current.keys.checkpoint.key,
    retiring: retiringCheckpointKey(loaded, current, signers),
    succession: next === null ? null : successionOf(loaded, current, next),
    crypto: nativeCrypto,
    clock: Date.now,
    boot: randomUUID(),
    software: `countersign/${packageVersion()}`,
    enrolment: fromUtf8(readNeeded(path(config.keeper.enrolment))),
    witnessed: witnesses?.known?.checkpoint ?? null,
    fullCheck: FULL_CHECK,
  })
  return { ledger, side }
}

/** Null where the configuration asks for none. The keeper's own process serves it: what is read is the durable log. */
async function serveLog(
  { config }: LoadedConfig,
  ledger: Ledger,
  cosigning: Cosigning | null,
  log: Log,
): Promise<TilesServer | null> {
  const { tiles } = config.ledger
  if (tiles === undefined) return null
  const server = await serveTiles({
    ledger,
    checkpoint: async () => {
      const note = await ledger.checkpoint()
      return cosigning?.withCosignatures(note) ?? note
    },
    ...parseListenAddress(tiles.listen),
    onFault: error => log.error({ err: error }, 'the log could not be read for somebody'),
  })
  log.info({ at: server.url }, 'the log is served to read')
  return server
}

async function auditorCipher(file: string): Promise<SideCipher> {
  const text = readNeeded(file).toString('utf8')
  try {
    return await sideCipher(JSON.parse(text) as JWK)
  } catch {
    throw cliFault('key_unusable', `${file} is not the auditor’s public key`)
  }
}

/** What an API is asked before a decision has to be short, and soon. */
const ASKING = { timeoutMs: 2_000, maxAnswerBytes: 262_144 }

/** TLS as for the requests of agents. */
function wayOut({ config, path }: LoadedConfig, trust: TrustRoot): OutboundOptions {
  const { upstreamCa } = config.gate
  return {
    allowPlaintextLoopback: trust.testAudiences.includes(config.audience),
    ...(upstreamCa === undefined ? {} : { ca: readNeeded(path(upstreamCa)).toString('utf8') }),
  }
}

function brokerOf(
  { config }: LoadedConfig,
  vault: Vault,
  ledger: Ledger,
  network: Outbound,
): CredentialBroker {
  return credentialBroker({
    vault,
    minters: standardMinters(network, config.origin),
    clock: Date.now,
    onMint: recordMint(ledger),
  })
}

/** Ends the upstream tokens of an earlier run, beside what is asked of this one: a cloud that answers slowly keeps no start. */
async function reapLeftovers(policy: ActivePolicy | null, broker: CredentialBroker, log: Log): Promise<void> {
  const orders = [...(policy?.apis.values() ?? [])].flatMap(api => {
    const spec = api.credential === null ? undefined : policy?.credentials.get(api.credential)
    if (api.credential === null || spec === undefined) return []
    const origin = api.origins.default ?? ''
    return [{ credential: api.credential, spec, origin, privateUpstream: api.privateUpstream }]
  })
  try {
    const reaped = await broker.reap(orders)
    if (reaped > 0) log.info({ reaped }, 'ended credentials that an earlier run left behind')
  } catch (error) {
    log.warn(
      { code: String((error as { code?: unknown }).code) },
      'could not look for credentials of an earlier run',
    )
  }
}
