import { type Crypto, canonicalize, contentId, fromUtf8, type JsonObject } from '../canon/index.js'
import type { ActivePolicy, SeenTrustRoot, TrustRoot } from '../policy/index.js'
import type { CatalogDocument } from '../protocol/index.js'
import type { HighestPolicy, OpenedPolicy } from './activation.js'
import { keeperFault } from './error-table.js'

/** What a sealed policy is held against. */
export interface Against {
  readonly trust: TrustRoot
  readonly nowMs: number
  readonly highest: HighestPolicy | null
}

/** Opens the chain against the pin of the configuration and what was seen before; throws what is wrong with it. */
export type OpenTrust = (chain: readonly Uint8Array[], seen: SeenTrustRoot | null) => TrustRoot

/** How sealed bytes become a policy, wherever they came from. */
export interface SealParts {
  readonly crypto: Pick<Crypto, 'sha256'>
  /** Verifies the seal for this deployment's audience; throws one code per refusal. */
  readonly openSealed: (
    bytes: Uint8Array,
    against: Against,
  ) => { readonly cid: string; readonly payload: JsonObject }
  readonly activate: (
    payload: JsonObject,
    cid: string,
    catalogs: ReadonlyMap<string, CatalogDocument>,
    against: Pick<Against, 'trust' | 'nowMs'>,
  ) => ActivePolicy
  /** Called with each policy that opened, as it is sealed, and the bytes of its catalogs by digest; never rejects. */
  readonly keep?: (
    cid: string,
    sealed: Uint8Array,
    catalogs: ReadonlyMap<string, Uint8Array>,
  ) => Promise<void>
}

/** The bytes of a pinned catalog by digest, unverified; undefined where there are none. */
export type CatalogBytes = (digest: string) => Promise<Uint8Array | undefined>

const DIGEST = /sha256:[0-9a-f]{64}/g

/** Opens sealed bytes with the catalogs that they pin. The seal is verified before anything that it names is looked for. */
export async function openSealedPolicy(
  parts: SealParts,
  sealed: Uint8Array,
  catalogBytes: CatalogBytes,
  against: Against,
): Promise<OpenedPolicy> {
  const { cid, payload } = parts.openSealed(sealed, against)
  const catalogs = new Map<string, CatalogDocument>()
  const pinned = new Map<string, Uint8Array>()
  for (const digest of new Set(canonicalize(payload).match(DIGEST))) {
    const bytes = await catalogBytes(digest)
    // Activation names the catalog that is missing.
    if (bytes === undefined) continue
    catalogs.set(digest, pinnedCatalog(parts, digest, bytes))
    pinned.set(digest, bytes)
  }
  const policy = parts.activate(payload, cid, catalogs, against)
  await parts.keep?.(cid, sealed, pinned)
  return {
    policy,
    catalogs,
    recheck: trust => {
      parts.openSealed(sealed, { trust, nowMs: against.nowMs, highest: null })
    },
  }
}

/** ATTACK: a catalog that was swapped under the seal has another digest. */
function pinnedCatalog({ crypto }: SealParts, digest: string, bytes: Uint8Array): CatalogDocument {
  if (contentId(crypto, bytes) !== digest)
    throw keeperFault('policy_unreadable', `the catalog ${catalogFile(digest)} was changed`)
  return JSON.parse(fromUtf8(bytes))
}

/** `<64 hex digits>.json`: name of a pinned catalog's file in `catalogs`, beside the sealed policy. */
export function catalogFile(digest: string): string {
  return `${digest.slice('sha256:'.length)}.json`
}
