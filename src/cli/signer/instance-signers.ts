import { dirname } from 'node:path'
import { formatPublicKey } from '../../canon/index.js'
import type { Log } from '../../keeper/index.js'
import type { LogKey } from '../../ledger/index.js'
import { INSTANCE_ROLES, type InstanceRole } from '../../policy/index.js'
import type { LoadedConfig } from '../config.js'
import type { SignerSpec } from './protocol.js'
import { signerCommand } from './signer-command.js'
import { SignerProcess } from './signer-process.js'

/** The keys of a sidecar that are not in files: those of `keeper.signers`, and of `keeper.nextSigners`. */
export interface InstanceSigners {
  readonly now: Partial<Record<InstanceRole, LogKey>>
  readonly next: Partial<Record<InstanceRole, LogKey>>
}

export interface RunningSigners extends InstanceSigners {
  close(): Promise<void>
}

/** Starts them all. Those of `signers` have to answer: throws `signer_failed`. One of `nextSigners` that doesn't is not there. */
export async function startInstanceSigners(loaded: LoadedConfig, log: Log): Promise<RunningSigners> {
  const started: SignerProcess[] = []
  const start = async (name: string, spec: SignerSpec) => {
    const signer = await SignerProcess.start(name, spec, log)
    started.push(signer)
    return signer
  }
  try {
    const now = await collected(loaded, 'signers', start)
    const next = await collected(loaded, 'nextSigners', (name, spec) =>
      start(name, spec).catch(error => {
        log.error({ code: 'signer_failed', signer: name }, (error as Error).message)
        return undefined
      }),
    )
    return { now, next, close: async () => void (await Promise.all(started.map(each => each.close()))) }
  } catch (error) {
    await Promise.all(started.map(each => each.close()))
    throw error
  }
}

/** The same for a command beside the sidecar: each is run anew for every signature. */
export async function commandSigners(loaded: LoadedConfig): Promise<InstanceSigners> {
  const open = async (_name: string, spec: SignerSpec) => signerCommand(spec)
  return { now: await collected(loaded, 'signers', open), next: await collected(loaded, 'nextSigners', open) }
}

/** Every one of them by its public form. */
export function signersByKey({ now, next }: InstanceSigners): ReadonlyMap<string, LogKey> {
  return new Map(
    [...Object.values(now), ...Object.values(next)].map(key => [formatPublicKey(key.publicKey), key]),
  )
}

async function collected<K extends LogKey>(
  loaded: LoadedConfig,
  member: 'signers' | 'nextSigners',
  open: (name: string, spec: SignerSpec) => Promise<K | undefined>,
): Promise<Partial<Record<InstanceRole, K>>> {
  const found: Partial<Record<InstanceRole, K>> = {}
  for (const role of INSTANCE_ROLES) {
    const signer = loaded.config.keeper[member]?.[role]
    if (signer === undefined) continue
    const key = await open(`${member}.${role}`, {
      command: signer.command,
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8', ...signer.env },
      folder: dirname(loaded.file),
    })
    if (key !== undefined) found[role] = key
  }
  return found
}
