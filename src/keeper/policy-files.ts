import { type FSWatcher, watch } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Crypto, canonicalize, contentId, type JsonObject } from '../canon/index.js'
import { type ActivePolicy, readTrustChain, type TrustRoot } from '../policy/index.js'
import type { CatalogDocument } from '../protocol/index.js'
import type { HighestPolicy, OpenedPolicy, SealedSource } from './activation.js'
import { keeperFault } from './error-table.js'

export interface PolicyFilesOptions {
  /** JSON array of trust-root envelopes, oldest first. */
  readonly trustRootFile: string
  /** The sealed policy; `catalogs/<64 hex digits>.json` stand beside it. */
  readonly sealedFile: string
  readonly crypto: Pick<Crypto, 'sha256'>
  /** Opens the chain against the pin of the configuration; throws what is wrong with it. */
  readonly openTrust: (chain: readonly Uint8Array[]) => TrustRoot
  /** Verifies the seal for this deployment's audience; throws one code per refusal. */
  readonly openSealed: (
    bytes: Uint8Array,
    against: { readonly trust: TrustRoot; readonly nowMs: number; readonly highest: HighestPolicy | null },
  ) => { readonly cid: string; readonly payload: JsonObject }
  readonly activate: (
    payload: JsonObject,
    cid: string,
    catalogs: ReadonlyMap<string, CatalogDocument>,
    trust: TrustRoot,
  ) => ActivePolicy
  /** How often the files are looked at where the system reports no change; 30,000 unless told. */
  readonly pollMs?: number
}

/** A change is looked at when the files have been quiet for so long. */
const QUIET_MS = 50
const DIGEST = /sha256:[0-9a-f]{64}/g

/** The trust root and the sealed policy as files on disk. */
export function policyFiles(options: PolicyFilesOptions): SealedSource {
  const { trustRootFile, sealedFile } = options
  return {
    trust: async () => options.openTrust(readTrustChain(await bytesOf(trustRootFile))),
    policy: (trust, highest, nowMs) => openPolicyFile(options, { trust, highest, nowMs }),
    watch: onChange => watchFiles([trustRootFile, sealedFile], options.pollMs ?? 30_000, onChange),
  }
}

async function openPolicyFile(
  options: PolicyFilesOptions,
  against: { readonly trust: TrustRoot; readonly nowMs: number; readonly highest: HighestPolicy | null },
): Promise<OpenedPolicy> {
  const sealed = await bytesOf(options.sealedFile)
  const { cid, payload } = options.openSealed(sealed, against)
  const catalogs = new Map<string, CatalogDocument>()
  const folder = join(dirname(options.sealedFile), 'catalogs')
  for (const digest of new Set(canonicalize(payload).match(DIGEST))) {
    const document = await pinnedCatalog(folder, digest, options.crypto)
    if (document !== undefined) catalogs.set(digest, document)
  }
  return {
    policy: options.activate(payload, cid, catalogs, against.trust),
    catalogs,
    recheck: trust => {
      options.openSealed(sealed, { trust, nowMs: against.nowMs, highest: null })
    },
  }
}

/** ATTACK: a catalog that was swapped under the seal has another digest. Undefined where no such file stands there: activation names what is missing. */
async function pinnedCatalog(
  folder: string,
  digest: string,
  crypto: Pick<Crypto, 'sha256'>,
): Promise<CatalogDocument | undefined> {
  const file = join(folder, `${digest.slice('sha256:'.length)}.json`)
  const bytes = await readFile(file).catch(() => undefined)
  if (bytes === undefined) return undefined
  if (contentId(crypto, bytes) !== digest) throw keeperFault('policy_unreadable', `${file} was changed`)
  return JSON.parse(bytes.toString('utf8'))
}

async function bytesOf(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file)
  } catch (error) {
    throw keeperFault('policy_unreadable', `${file}: ${(error as NodeJS.ErrnoException).code}`)
  }
}

/** Watches the folders (a rename replaces the file), and polls where no event comes, as on network volumes. */
function watchFiles(files: readonly string[], pollMs: number, onChange: () => void): () => void {
  let seen = ''
  let quiet: NodeJS.Timeout | undefined
  const look = async () => {
    const now = await fingerprint(files)
    if (now === seen) return
    seen = now
    onChange()
  }
  const soon = () => {
    clearTimeout(quiet)
    quiet = setTimeout(look, QUIET_MS)
    quiet.unref()
  }
  const watchers = [...new Set(files.map(dirname))].flatMap(folder => watchFolder(folder, soon))
  const poll = setInterval(look, pollMs)
  poll.unref()
  fingerprint(files).then(first => {
    seen = first
  })
  return () => {
    clearTimeout(quiet)
    clearInterval(poll)
    for (const watcher of watchers) watcher.close()
  }
}

function watchFolder(folder: string, onEvent: () => void): FSWatcher[] {
  try {
    // Without events, for want of inotify watches, say, the poll still sees the change.
    return [watch(folder, { persistent: false }, onEvent).on('error', () => undefined)]
  } catch {
    return []
  }
}

async function fingerprint(files: readonly string[]): Promise<string> {
  const marks = files.map(async file => {
    const found = await stat(file).catch(() => null)
    return found === null ? 'absent' : `${found.ino}:${found.size}:${found.mtimeMs}`
  })
  return (await Promise.all(marks)).join()
}
