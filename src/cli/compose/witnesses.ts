import type { Log } from '../../keeper/index.js'
import {
  askWitnesses,
  type Cosigning,
  exchange,
  type Ledger,
  readWitnessed,
  startCosigning,
  type Witnessed,
  witnessedBeside,
} from '../../ledger/index.js'
import { nativeCrypto } from '../../native/index.js'
import { parseWitnessPolicy, type WitnessPolicy } from '../../receipt/index.js'
import type { LoadedConfig } from '../config.js'
import { cliFault } from '../error-table.js'
import { openNeeded, readNeeded } from '../needed-file.js'

/** The witnesses of a configuration, with what they are known to have cosigned. */
export interface ConfiguredWitnesses {
  readonly policy: WitnessPolicy
  readonly known: Witnessed | null
}

/** Null where the configuration names none. Throws `witnesses_unfit`, `witness_policy_malformed`, `witnessed_invalid` or `file_unreachable`. */
export async function configuredWitnesses(
  { config, path }: LoadedConfig,
  checkpointKeys: readonly Uint8Array[],
): Promise<ConfiguredWitnesses | null> {
  if (config.witnesses === undefined) return null
  const file = path(config.witnesses.policy)
  const policy = openNeeded(file, bytes => parseWitnessPolicy(nativeCrypto, bytes))
  if (policy.quorum === null) throw cliFault('witnesses_unfit', `${file}: the quorum is none`)
  for (const [name, { url }] of policy.witnesses)
    if (!isSubmissionPrefix(url))
      throw cliFault('witnesses_unfit', `${file}: ${name} has no URL to ask it at`)
  const known = await readWitnessed(
    witnessedBeside(path(config.ledger.highWater)),
    nativeCrypto,
    checkpointKeys,
    policy,
  )
  return { policy, known }
}

/** Starts asking. What goes to and fro is signed by those whose word counts, so that plain HTTP is as good as TLS. */
export function ledgerCosigning(
  { config, path }: LoadedConfig,
  witnesses: ConfiguredWitnesses | null,
  parts: { readonly ledger: Ledger; readonly log: Log },
): Cosigning | null {
  if (witnesses === null || config.witnesses === undefined) return null
  const { ca, intervalSeconds = 10, timeoutSeconds = 5 } = config.witnesses
  const { policy, known } = witnesses
  return startCosigning({
    ...parts,
    policy,
    // Another epoch is another log.
    known: known?.checkpoint.origin === parts.ledger.chain ? known : null,
    crypto: nativeCrypto,
    ask: askWitnesses(exchange(ca === undefined ? {} : { ca: readNeeded(path(ca)).toString('utf8') })),
    file: witnessedBeside(path(config.ledger.highWater)),
    everyMs: intervalSeconds * 1_000,
    timeoutMs: timeoutSeconds * 1_000,
    nowMs: Date.now,
  })
}

function isSubmissionPrefix(url: string | null): boolean {
  try {
    const { protocol, username, password, search, hash } = new URL(url ?? '')
    return ['http:', 'https:'].includes(protocol) && username + password + search + hash === ''
  } catch {
    return false
  }
}
