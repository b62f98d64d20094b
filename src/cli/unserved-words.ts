import type { UnservedUse } from '../credential/index.js'

/** What a policy uses and the vault doesn't serve, with what comes nearest to it; and the command that mends it. */
export function unservedWords(use: UnservedUse): { readonly message: string; readonly mend: string } {
  const { code, credential, minter, api, origin, environment } = use
  return {
    message: `${code}: requests to ${api} get no credential. The policy uses ${credential} (${minter}) for ${origin} in ${environment}; the vault has ${nearestWords(use)}.`,
    mend: `Put it: \`countersign vault put ${credential} --kind ${minter} --origin ${origin} --environment ${environment} ${minter === 'jwt' ? '--generate Ed25519' : '< SECRET-FILE'}\``,
  }
}

function nearestWords({ credential, nearest }: UnservedUse): string {
  if (nearest === null) return `no entry ${credential}`
  const { name, kind, origins, environment } = nearest
  const other = name === credential ? '' : `no entry ${credential}, and nearest to it `
  return `${other}${name}: ${kind} for ${origins.join(', ')} in ${environment}`
}
