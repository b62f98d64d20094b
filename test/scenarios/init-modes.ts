import { chmodSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Opens what `countersign init` leaves open to everybody, and a sandbox doesn't: nothing of it is secret. */
export function openLikeInit(folder: string): void {
  chmodSync(folder, 0o755)
  for (const open of ['trust', 'policy', 'auditor']) chmodSync(join(folder, open), 0o755)
  const policy = readdirSync(join(folder, 'policy'), { recursive: true, withFileTypes: true })
  for (const entry of policy)
    chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644)
  for (const file of ['countersign.yaml', 'trust/root.json', 'auditor/public.jwk'])
    chmodSync(join(folder, file), 0o644)
}
