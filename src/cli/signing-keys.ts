import type { SigningKey } from '../canon/index.js'
import { type Io, UsageError } from './io.js'
import { openSigningKey } from './locked-key.js'
import { shellWords } from './policy-test/shell-words.js'
import { signerCommand } from './signer/signer-command.js'

/** What a command that signs is given: key files, locked or not, and programs that hold a key. */
export interface SigningFlags {
  readonly key?: readonly string[]
  readonly signer?: readonly string[]
  readonly passphraseFile?: string
}

/** How `--signer` is explained in every command that has it. */
export const SIGNER_WORDS =
  'a program that holds such a key and signs with it, a token’s for one, with its arguments; repeatable (see docs/keys.md)'

/** Opens them all, files first. A program gets this command’s environment. Throws a UsageError where there is none. */
export async function openSigningKeys(flags: SigningFlags, io: Io): Promise<readonly SigningKey[]> {
  const keys: SigningKey[] = []
  for (const file of flags.key ?? []) keys.push(await openSigningKey(file, flags.passphraseFile, io))
  for (const line of flags.signer ?? []) {
    const env = Object.fromEntries(
      Object.entries(io.env).filter((pair): pair is [string, string] => pair[1] !== undefined),
    )
    keys.push(signerCommand({ command: shellWords(line), env, folder: io.cwd }))
  }
  if (keys.length === 0)
    throw new UsageError('there is no key to sign with', 'Pass --key FILE or --signer COMMAND.')
  return keys
}
