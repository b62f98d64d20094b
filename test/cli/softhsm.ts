import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

const MODULE = '/usr/lib/softhsm/libsofthsm2.so'
const PIN = '48151623'
const LABEL = 'countersign-test'
const PROGRAM = fileURLToPath(new URL('../../../deploy/signers/pkcs11-signer.py', import.meta.url))
/** Debian's, which has python3-pykcs11: another one first in PATH may not. */
const PYTHON = '/usr/bin/python3'

/** A token in software, with PKCS#11 in front of it, as the signer of this repository drives it. */
export interface SoftToken {
  /** The command of a signer for the key with this label, and what it needs in its environment. */
  signer(key: string): { readonly command: string[]; readonly env: Record<string, string> }
  /** Makes a key pair in the token; its private half can't be taken out. */
  generate(key: string): void
  /** Takes the token away from every process that looks for it from now on, and puts it back. */
  remove(): void
  insert(): void
  readonly pin: string
}

/** What is missing for a token here; null where nothing is. */
export function missingForToken(): string | null {
  if (!existsSync(MODULE)) return 'softhsm2 is not installed'
  for (const program of ['softhsm2-util', 'pkcs11-tool'])
    if (!runs('/bin/sh', '-c', `command -v ${program}`)) return `${program} is not installed`
  return runs(PYTHON, '-c', 'import PyKCS11') ? null : 'python3-pykcs11 is not installed'
}

export function softToken(t: TestContext): SoftToken {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-token-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const conf = join(folder, 'softhsm2.conf')
  for (const name of ['tokens', 'nothing']) mkdirSync(join(folder, name))
  const point = (tokens: string) =>
    writeFileSync(
      conf,
      `directories.tokendir = ${join(folder, tokens)}\nobjectstore.backend = file\nlog.level = ERROR\n`,
    )
  point('tokens')
  writeFileSync(join(folder, 'pin'), `${PIN}\n`, { mode: 0o600 })
  const env = { PATH: process.env.PATH ?? '', SOFTHSM2_CONF: conf }
  const token = (program: string, ...args: readonly string[]) =>
    execFileSync(program, args, { env, stdio: 'pipe' })
  token('softhsm2-util', '--init-token', '--free', '--label', LABEL, '--pin', PIN, '--so-pin', '00000000')
  return {
    pin: PIN,
    signer: key => ({
      command: [
        PYTHON,
        PROGRAM,
        '--module',
        MODULE,
        '--token',
        LABEL,
        '--key',
        key,
        '--pin-file',
        join(folder, 'pin'),
      ],
      env: { SOFTHSM2_CONF: conf },
    }),
    generate: key => {
      const login = ['--module', MODULE, '--token-label', LABEL, '--login', '--pin', PIN]
      token('pkcs11-tool', ...login, '--keypairgen', '--key-type', 'EC:edwards25519', '--label', key)
    },
    remove: () => point('nothing'),
    insert: () => point('tokens'),
  }
}

function runs(program: string, ...args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}
