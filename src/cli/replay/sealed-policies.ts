import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  CountersignError,
  contentId,
  decodeEnvelope,
  type JsonObject,
  PAYLOAD_TYPES,
  parseStrictJson,
} from '../../canon/index.js'
import { nativeCrypto } from '../../native/index.js'
import {
  type ActivePolicy,
  activate,
  couldSign,
  keysOfRole,
  openPolicy,
  readSealedMetadata,
  revokedSigners,
  signersOf,
  type TrustRoot,
} from '../../policy/index.js'
import type { CatalogDocument } from '../../protocol/index.js'
import { UsageError } from '../io.js'

/** The sealed policies of a folder, by content id. */
export interface SealedPolicies {
  /** The policy with this id, verified under the trust root; or why it can't be had. */
  find(cid: string): FoundPolicy
}

export type FoundPolicy =
  | {
      readonly kind: 'policy'
      readonly policy: ActivePolicy
      /** Those of the keys that sealed it which the newest version has revoked, as `ed25519:…`. */
      readonly revoked: readonly string[]
      /** The keys that have sealed it, `ed25519:…`. */
      readonly signers: readonly string[]
    }
  | { readonly kind: 'none'; readonly why: string }

/** A sealed file, its signatures not looked at yet. */
interface Candidate {
  readonly file: string
  readonly bytes: Uint8Array
}

/** How deep folders are looked through: a folder of versions, each with its own `catalogs`. */
const MAX_DEPTH = 3
const MAX_FILE_BYTES = 32 * 1024 * 1024

/**
 * Looks for sealed policies in folders and the folders in them: `*.json` that hold an envelope of the type, the catalogs
 * that they pin in `catalogs/<64 hex digits>.json` beside each, as `policy seal` lays them out. Old ones may lie beside new
 * ones under any name. `trust` holds the versions of the trust root, the newest first: a policy was sealed under the one
 * of its time. Throws UsageError where a folder can't be read.
 */
export function sealedPolicies(folders: readonly string[], trust: readonly TrustRoot[]): SealedPolicies {
  const candidates = candidatesIn(folders)
  const found = new Map<string, FoundPolicy>()
  return {
    find: cid => {
      const known = found.get(cid) ?? open(cid, candidates.get(cid) ?? [], trust)
      found.set(cid, known)
      return known
    },
  }
}

function candidatesIn(folders: readonly string[]): ReadonlyMap<string, readonly Candidate[]> {
  const byCid = new Map<string, Candidate[]>()
  for (const file of folders.flatMap(folder => jsonFiles(folder, MAX_DEPTH))) {
    const bytes = readPlain(file)
    if (bytes === null) continue
    const cid = policyId(bytes)
    if (cid !== undefined) byCid.set(cid, [...(byCid.get(cid) ?? []), { file, bytes }])
  }
  return byCid
}

function jsonFiles(folder: string, depth: number): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
      const path = join(folder, entry.name)
      // Catalogs are large, and asked for by their digest.
      if (entry.isDirectory()) return depth > 1 && entry.name !== 'catalogs' ? jsonFiles(path, depth - 1) : []
      return entry.name.endsWith('.json') ? [path] : []
    })
  } catch (error) {
    throw new UsageError(
      `cannot read ${folder} (${(error as NodeJS.ErrnoException).code})`,
      'Pass the folder that holds the sealed policies.',
    )
  }
}

/** ATTACK: a pipe among them, on which whoever opens it waits for ever, or a file that is larger than memory. Null for what is no policy anyway. */
function readPlain(file: string): Buffer | null {
  const found = statSync(file, { throwIfNoEntry: false })
  return found?.isFile() === true && found.size <= MAX_FILE_BYTES ? readFileSync(file) : null
}

/** Content id of the policy in an envelope; undefined where the file holds something else. */
function policyId(bytes: Uint8Array): string | undefined {
  try {
    const { payload, payloadType } = decodeEnvelope(bytes)
    return payloadType === PAYLOAD_TYPES.policy ? contentId(nativeCrypto, payload) : undefined
  } catch {
    return undefined
  }
}

function open(cid: string, candidates: readonly Candidate[], trust: readonly TrustRoot[]): FoundPolicy {
  let why = `the sealed policy ${cid} is not at hand`
  const revokedOf = ({ bytes }: Candidate) => revokedSealers(bytes, trust)
  const ageOf = ({ bytes }: Candidate) => lastSealable(bytes, trust)
  // One of the envelopes may have been sealed anew since.
  const inOrder = candidates.toSorted(
    (a, b) => revokedOf(a).length - revokedOf(b).length || ageOf(a) - ageOf(b),
  )
  for (const candidate of inOrder)
    for (const root of trust)
      try {
        const { file, bytes } = candidate
        const { payload } = openUnder(bytes, root)
        const policy = activate(payload, cid, catalogsBeside(file, payload), nativeCrypto)
        const signers = [...signersOf(nativeCrypto, decodeEnvelope(bytes), keysOfRole(root, 'policy'))]
        return { kind: 'policy', policy, revoked: revokedOf(candidate), signers }
      } catch (error) {
        if (!(error instanceof CountersignError)) throw error
        why = `the sealed policy ${cid} can’t be used (${error.code})`
      }
  return { kind: 'none', why }
}

function revokedSealers(bytes: Uint8Array, [newest]: readonly TrustRoot[]): readonly string[] {
  return newest === undefined ? [] : revokedSigners(decodeEnvelope(bytes), newest)
}

/** How many versions, the newest first, have passed since one whose keys could have sealed it. */
function lastSealable(bytes: Uint8Array, trust: readonly TrustRoot[]): number {
  const place = trust.findIndex(root => couldSign(root, 'policy', decodeEnvelope(bytes)))
  return place < 0 ? trust.length : place
}

/** Signatures and revocations under one version of the trust root. Audience and expiry were the keeper's to check, when it was. */
function openUnder(bytes: Uint8Array, trust: TrustRoot): { readonly payload: JsonObject } {
  const { audience } = readSealedMetadata(JSON.parse(Buffer.from(decodeEnvelope(bytes).payload).toString()))
  return openPolicy(bytes, {
    crypto: nativeCrypto,
    trust,
    audience: audience[0] ?? '',
    nowMs: 0,
    highest: null,
  })
}

function catalogsBeside(file: string, payload: JsonObject): ReadonlyMap<string, CatalogDocument> {
  const catalogs = new Map<string, CatalogDocument>()
  for (const { catalog } of Object.values((payload.apis ?? {}) as Record<string, { catalog?: unknown }>)) {
    if (typeof catalog !== 'string' || !/^sha256:[0-9a-f]{64}$/.test(catalog)) continue
    try {
      const path = join(dirname(file), 'catalogs', `${catalog.slice('sha256:'.length)}.json`)
      catalogs.set(catalog, parseStrictJson(readFileSync(path)) as unknown as CatalogDocument)
    } catch {
      // Activation names the catalog that is missing.
    }
  }
  return catalogs
}
