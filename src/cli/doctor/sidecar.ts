import { CountersignError } from '../../canon/index.js'
import { openVault, unservedUses, type Vault } from '../../credential/index.js'
import type { ActivePolicy } from '../../policy/index.js'
import type { LoadedConfig } from '../config.js'
import { AHEAD_MS, NEXT_POLICY, timeOf } from '../health.js'
import type { Io } from '../io.js'
import { openFolders } from '../open-folders.js'
import { openListenerWords } from '../open-listeners.js'
import { readSealedPolicy } from '../sealed-policy.js'
import { unservedWords } from '../unserved-words.js'
import { vaultLocation } from '../vault-location.js'
import type { Finding } from './finding.js'

/** Listeners that other machines reach, and files that everybody may write. */
export function openDoors(loaded: LoadedConfig): Finding[] {
  return [
    ...openListenerWords(loaded.config).map(({ address, words, mend }) => ({
      code: 'open_listener' as const,
      subject: address,
      message: words,
      mend,
    })),
    ...openFolders(loaded).map(subject => ({
      code: 'open_folder' as const,
      subject,
      message:
        'Every user of this machine may write here, and so say which trust root, policy or ledger is used.',
      mend: `\`chmod o-w ${subject}\``,
    })),
  ]
}

/** The policy on this disk, or the finding that there is none that this user can read. */
export function policyHere(loaded: LoadedConfig): ActivePolicy | Finding {
  try {
    return readSealedPolicy(loaded)
  } catch (error) {
    return {
      code: 'policy_missing',
      subject: loaded.file,
      message: `Upstreams and credentials were not looked at, for want of the sealed policy: ${(error as Error).message}`,
      mend:
        error instanceof CountersignError
          ? error.mend
          : 'Seal one (`countersign policy seal`), and let this user read it and the `catalogs` beside it.',
    }
  }
}

export function expiry(policy: ActivePolicy, nowMs: number): Finding[] {
  if (policy.expiresMs - nowMs >= AHEAD_MS) return []
  return [
    {
      code: 'policy_expires',
      subject: `${policy.name}, version ${policy.version}`,
      message: `It ends at ${timeOf(policy.expiresMs)}, and everything is denied from then on.`,
      mend: `${NEXT_POLICY}.`,
    },
  ]
}

/** Credentials without a secret, for whoever may open the vault; nothing for others, whom that is kept from. */
export async function unservedCredentials(
  loaded: LoadedConfig,
  policy: ActivePolicy,
  io: Io,
): Promise<Finding[]> {
  const vault = await opened(loaded, io)
  if (vault === null) return []
  return unservedUses(policy, vault).map(use => {
    const { message, mend } = unservedWords(use)
    return { code: 'credential_unserved', subject: use.credential, message, mend }
  })
}

async function opened(loaded: LoadedConfig, io: Io): Promise<Vault | null> {
  try {
    return await openVault(vaultLocation(loaded, io.env))
  } catch (error) {
    if (error instanceof CountersignError) return null
    throw error
  }
}
