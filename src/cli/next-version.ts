import { existsSync, readFileSync } from 'node:fs'
import { decodeEnvelope, type JsonObject, PAYLOAD_TYPES, parseCanonical } from '../canon/index.js'
import { readSealedMetadata } from '../policy/index.js'
import { connectAdmin } from './admin-client.js'
import { loadConfig } from './config.js'
import { UsageError } from './io.js'
import type { KeeperStatus } from './keeper-status.js'

/** Where the version before comes from: a sealed file that is named, a running keeper, or the sealed file to be replaced. */
export interface Before {
  readonly after?: string
  /** Configuration of a running sidecar. */
  readonly config?: string
  /** The file that will be written. */
  readonly out: string
}

/**
 * The payload as the version after the one before; a source that is further ahead keeps its own. Only the sealed
 * payload is changed, not the YAML. Signatures of the file before are not looked at: a number that is too low is
 * refused by the ledger, and one that is too high harms nobody.
 */
export async function asNextVersion(payload: JsonObject, before: Before): Promise<JsonObject> {
  const { version, name } = readSealedMetadata(payload)
  const found = await versionBefore(before)
  if (found.name !== name)
    throw new UsageError(
      `what was sealed before is the policy ${found.name}, not ${name}`,
      'Pass --after FILE.',
    )
  return { ...payload, version: Math.max(version, found.version + 1) }
}

async function versionBefore({ after, config, out }: Before): Promise<{ name: string; version: number }> {
  if (after !== undefined) return versionIn(after)
  if (config !== undefined) return versionInForce(config)
  if (existsSync(out)) return versionIn(out)
  throw new UsageError(
    `there is no ${out} that says which version was before`,
    'Pass --after FILE, the policy that was sealed last, or --config FILE of a running sidecar.',
  )
}

function versionIn(file: string): { name: string; version: number } {
  if (!existsSync(file))
    throw new UsageError(`cannot read ${file}`, 'Pass what `countersign policy seal` wrote.')
  const { payloadType, payload } = decodeEnvelope(readFileSync(file))
  if (payloadType !== PAYLOAD_TYPES.policy)
    throw new UsageError(`${file} is no sealed policy`, 'Pass what `countersign policy seal` wrote.')
  return readSealedMetadata(parseCanonical(payload) as JsonObject)
}

async function versionInForce(file: string): Promise<{ name: string; version: number }> {
  const loaded = loadConfig(file)
  const admin = connectAdmin(loaded.path(loaded.config.keeper.admin))
  try {
    const { policy } = await admin.get<KeeperStatus>('/v1/status')
    if (policy === null)
      throw new UsageError(
        'the keeper has no policy in force',
        'Pass --after FILE, the policy that was sealed last.',
      )
    return policy
  } finally {
    await admin.close()
  }
}
