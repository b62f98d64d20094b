import { randomBytes, randomUUID } from 'node:crypto'
import process from 'node:process'
import type { JWK } from 'jose'
import { formatPublicKey, fromUtf8, parsePublicKey } from '../../canon/index.js'
import {
  awsGrantKeys,
  type CredentialBroker,
  credentialBroker,
  grantIssuer,
  grantVerifier,
  openVault,
  outbound,
  standardMinters,
  type Vault,
} from '../../credential/index.js'
import { type Log, loadRevocations, recordMint, recordVaultChange, startKeeper } from '../../keeper/index.js'
import { type Ledger, openLedger, type SideCipher, sideCipher } from '../../ledger/index.js'
import { nativeCrypto } from '../../native/index.js'
import {
  type ActivePolicy,
  type Enrolment,
  openEnrolment,
  openGrantOrder,
  type TrustRoot,
} from '../../policy/index.js'
import type { LoadedConfig } from '../config.js'
import { cliFault } from '../error-table.js'
import type { Io } from '../io.js'
import { readPrivateJwk, readSigningKey } from '../keyfile.js'
import { openNeeded, readNeeded } from '../needed-file.js'
import { packageVersion } from '../package-version.js'
import { processLog } from '../process-log.js'
import { serveUntilStopped } from '../supervise.js'
import { readTrustRoot } from '../trust-files.js'
import { vaultLocation } from '../vault-location.js'
import { policySource } from './policy-source.js'

/** The keeper as a process: everything secret is opened here and handed to nobody. */
export async function runKeeper(loaded: LoadedConfig, io: Io): Promise<void> {
  const { config, path } = loaded
  const log = processLog('keeper', config.log?.level ?? 'info', io.stderr)
  const trust = readTrustRoot(loaded)
  const enrolment = openInstance(loaded, trust)
  const vault = await openVault(vaultLocation(loaded, io.env))
  const { ledger, side } = await openInstanceLedger(loaded)
  const revocations = await loadRevocations(ledger)
  const broker = brokerOf(loaded, vault, ledger, trust)
  const clock = { nowMs: Date.now }
  const grantKey = readPrivateJwk(path(`${config.keeper.keys}/grant.jwk`))
  const keeper = await startKeeper({
    ledger,
    side,
    broker,
    revocations,
    clock,
    log,
    crypto: nativeCrypto,
    random: length => randomBytes(length),
    verifier: grantVerifier({
      keys: [parsePublicKey(enrolment.keys.grant)],
      origin: config.origin,
      isRevoked: (jti, issuedMs) => revocations.isRevoked(jti, issuedMs),
    }),
    issuer: grantIssuer(grantKey, config.origin),
    awsKeys: awsGrantKeys(grantKey),
    linkSocket: path(config.keeper.socket),
    adminSocket: path(config.keeper.admin),
    policySource: policySource(loaded, trust, log),
    enrolmentExpiresMs: Date.parse(enrolment.notAfter),
    openOrder: (envelope, root) =>
      openGrantOrder(envelope, {
        trust: root,
        crypto: nativeCrypto,
        origin: config.origin,
        nowMs: clock.nowMs(),
      }),
    ...(config.ledger.heartbeatSeconds === undefined
      ? {}
      : { heartbeatMs: config.ledger.heartbeatSeconds * 1_000 }),
  })
  await reapLeftovers(keeper.activation.inForce(), broker, log)
  const recordChange = recordVaultChange(ledger, vault)
  const unwatch = vault.watch(change => {
    if (change.kind === 'changed') {
      log.info({ names: change.names }, 'the vault was changed')
      recordChange(change.names).catch(error =>
        log.error({ err: error }, 'a change of the vault was not recorded'),
      )
    }
    if (change.kind === 'kept')
      log.error({ code: change.code }, 'the vault’s file can’t be used; the open one stays in use')
  })
  endWith(ledger, log)
  await serveUntilStopped(null, async () => {
    unwatch()
    await keeper.stop()
  })
}

/** For the answers to the requests that were under way. */
const LAST_ANSWERS_MS = 250

/**
 * A ledger that failed once takes nothing more, because what is on disk then only an opening can tell. So this process
 * ends, and the next start of it looks: a full disk is got over by making room, and by nothing else.
 */
function endWith(ledger: Ledger, log: Log): void {
  void ledger.failed.then(fault => {
    log.error({ code: fault.code }, `the keeper ends, to be started again: ${fault.message}`)
    setTimeout(() => process.exit(1), LAST_ANSWERS_MS)
  })
}

/** The instance's certificate, held against the keys that are really here. Throws `enrolment_unfit` where they differ. */
function openInstance(loaded: LoadedConfig, trust: TrustRoot): Enrolment {
  const { config, path } = loaded
  const enrolment = openNeeded(path(config.keeper.enrolment), bytes =>
    openEnrolment(bytes, trust, { crypto: nativeCrypto, nowMs: Date.now() }),
  )
  if (enrolment.origin !== config.origin) {
    throw cliFault('enrolment_unfit', `it is for ${enrolment.origin}, not ${config.origin}`)
  }
  for (const name of ['receipt', 'checkpoint', 'grant'] as const) {
    const { publicKey } = readSigningKey(path(`${config.keeper.keys}/${name}.jwk`))
    if (formatPublicKey(publicKey) !== enrolment.keys[name]) {
      throw cliFault('enrolment_unfit', `the ${name} key is not the one that was enrolled`)
    }
  }
  return enrolment
}

async function openInstanceLedger({ config, path }: LoadedConfig) {
  const { auditorKey, dir, highWater } = config.ledger
  const side = auditorKey === undefined ? null : await auditorCipher(path(auditorKey))
  const ledger = await openLedger({
    side,
    dir: path(dir),
    highWater: path(highWater),
    origin: config.origin,
    signer: readSigningKey(path(`${config.keeper.keys}/receipt.jwk`)),
    checkpointKey: readSigningKey(path(`${config.keeper.keys}/checkpoint.jwk`)),
    crypto: nativeCrypto,
    clock: Date.now,
    boot: randomUUID(),
    software: `countersign/${packageVersion()}`,
    enrolment: fromUtf8(readNeeded(path(config.keeper.enrolment))),
  })
  return { ledger, side }
}

async function auditorCipher(file: string): Promise<SideCipher> {
  const text = readNeeded(file).toString('utf8')
  try {
    return await sideCipher(JSON.parse(text) as JWK)
  } catch {
    throw cliFault('key_unusable', `${file} is not the auditor’s public key`)
  }
}

function brokerOf(
  { config, path }: LoadedConfig,
  vault: Vault,
  ledger: Ledger,
  trust: TrustRoot,
): CredentialBroker {
  const { upstreamCa } = config.gate
  const network = outbound({
    allowPlaintextLoopback: trust.testAudiences.includes(config.audience),
    ...(upstreamCa === undefined ? {} : { ca: readNeeded(path(upstreamCa)).toString('utf8') }),
  })
  return credentialBroker({
    vault,
    minters: standardMinters(network, config.origin),
    clock: Date.now,
    onMint: recordMint(ledger),
  })
}

/** Ends the upstream tokens of an earlier run. A cloud that can't be reached now is no reason not to start. */
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
