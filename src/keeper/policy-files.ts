import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { watchFiles } from '../native/index.js'
import { readTrustChain } from '../policy/index.js'
import type { SealedSource } from './activation.js'
import { keeperFault } from './error-table.js'
import { catalogFile, type OpenTrust, openSealedPolicy, type SealParts } from './open-sealed.js'

export interface PolicyFilesOptions extends SealParts {
  /** JSON array of trust-root envelopes, oldest first. */
  readonly trustRootFile: string
  /** The sealed policy; `catalogs/<64 hex digits>.json` stand beside it. */
  readonly sealedFile: string
  readonly openTrust: OpenTrust
  /** How often the files are looked at where the system reports no change; 30,000 unless told. */
  readonly pollMs?: number
}

/** The trust root and the sealed policy as files on disk. */
export function policyFiles(options: PolicyFilesOptions): SealedSource {
  const { trustRootFile, sealedFile } = options
  const beside = dirname(sealedFile)
  // A ConfigMap has no folders: its keys lie beside the policy. A catalog is what its digest says, wherever it lies.
  const catalog = async (digest: string) =>
    (await bytesIn(join(beside, 'catalogs'), digest)) ?? (await bytesIn(beside, digest))
  return {
    trust: async seen => options.openTrust(readTrustChain(await bytesOf(trustRootFile)), seen),
    policy: async (trust, highest, nowMs) =>
      openSealedPolicy(options, await bytesOf(sealedFile), catalog, {
        trust,
        highest,
        nowMs,
      }),
    watch: onChange => watchFiles([trustRootFile, sealedFile], options.pollMs ?? 30_000, onChange),
  }
}

function bytesIn(folder: string, digest: string): Promise<Uint8Array | undefined> {
  return readFile(join(folder, catalogFile(digest))).catch(() => undefined)
}

/** A file that must be there; throws `policy_unreadable` with its name. */
export async function bytesOf(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file)
  } catch (error) {
    throw keeperFault('policy_unreadable', `${file}: ${(error as NodeJS.ErrnoException).code}`)
  }
}
