import { randomUUID } from 'node:crypto'
import { access } from 'node:fs/promises'
import { credentialFault } from './error-table.js'
import { isPlainText } from './grant-claims.js'
import { checkMaterial, isVaultKind, type Material } from './material.js'
import { readOwnFile, replaceOwnFile } from './own-file.js'
import { Secret } from './secret.js'
import type { VaultLocation } from './vault.js'
import { ENTRY_NAME, isOrigin, type VaultContents } from './vault-contents.js'
import type { VaultKey } from './vault-key.js'
import { sealVault, unsealVault } from './vault-seal.js'

/** What `vault put` writes. `material` is checked against `kind`. */
export interface NewVaultEntry {
  readonly name: string
  readonly kind: string
  readonly material: unknown
  readonly origins: readonly string[]
  readonly environment: string
  /** Keeps the secret it replaces as a second choice for so long; 0 drops it at once. */
  readonly overlapSeconds?: number
}

/** Makes a vault with these entries. Throws `vault_exists`. */
export async function createVault(
  location: VaultLocation,
  entries: readonly NewVaultEntry[] = [],
  nowMs: number = Date.now(),
): Promise<void> {
  const key = await location.key()
  await replaceOwnFile(location.file, async () => {
    if (await exists(location.file)) throw credentialFault('vault_exists', location.file)
    const contents = entries.reduce<VaultContents>((so, entry) => withEntry(so, entry, nowMs), new Map())
    return sealVault(contents, [key])
  })
}

/** Adds or replaces one entry. Throws `vault_entry_invalid` or a fault of opening or writing. */
export async function putEntry(location: VaultLocation, entry: NewVaultEntry, nowMs: number): Promise<void> {
  await edit(location, contents => withEntry(contents, entry, nowMs))
}

/** Removes one entry; throws `vault_entry_missing`. Nothing minted from it is handed out any more once the keeper has reloaded. */
export async function removeEntry(location: VaultLocation, name: string): Promise<void> {
  await edit(location, contents => {
    if (!contents.has(name)) throw credentialFault('vault_entry_missing', name)
    return new Map([...contents].filter(([each]) => each !== name))
  })
}

/** First half of a rekey: the vault opens with its present key and with the new one. */
export async function addVaultKey(location: VaultLocation, added: VaultKey): Promise<void> {
  const key = await location.key()
  await replaceOwnFile(location.file, async () =>
    sealVault((await read(location, key)).contents, [key, added]),
  )
}

/** Second half of a rekey, when `location.key` answers the new key: the vault opens with that alone, under a new content key. */
export async function keepOnlyVaultKey(location: VaultLocation): Promise<void> {
  const key = await location.key()
  await replaceOwnFile(location.file, async () => sealVault((await read(location, key)).contents, [key]))
}

async function edit(
  location: VaultLocation,
  change: (contents: VaultContents) => VaultContents,
): Promise<void> {
  const key = await location.key()
  await replaceOwnFile(location.file, async () => {
    const { contents, recipients } = await read(location, key)
    // A second key that isn't known here would lose its way in.
    if (recipients > 1) throw credentialFault('vault_rekeying')
    return sealVault(change(contents), [key])
  })
}

async function read(location: VaultLocation, key: VaultKey) {
  return unsealVault(await readOwnFile(location.file, 'vault_missing'), key)
}

function withEntry(contents: VaultContents, entry: NewVaultEntry, nowMs: number): VaultContents {
  const { name, kind, environment, overlapSeconds = 0 } = entry
  if (!ENTRY_NAME.test(name)) throw credentialFault('vault_entry_invalid', 'name')
  if (!isPlainText(environment)) throw credentialFault('vault_entry_invalid', 'environment')
  if (!isVaultKind(kind)) throw credentialFault('vault_entry_invalid', 'kind')
  const origins = [...new Set(entry.origins)]
  if (origins.length === 0 || !origins.every(isOrigin))
    throw credentialFault('vault_entry_invalid', 'origins')
  const before = contents.get(name)
  const overlaps = overlapSeconds > 0 && before?.kind === kind
  return new Map(contents).set(name, {
    name,
    kind,
    environment,
    origins,
    material: new Secret(checkMaterial(kind, entry.material) as Material),
    createdAtMs: nowMs,
    revision: randomUUID(),
    previous: overlaps ? { material: before.material, untilMs: nowMs + overlapSeconds * 1_000 } : null,
  })
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}
