import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isRealCredential } from '../real-credentials.js'
import type { Finding } from './finding.js'

/** Where well-known clients keep credentials, below the home folder. */
const CLIENT_FILES: Readonly<Record<string, string>> = {
  '.aws/credentials': 'AWS',
  '.config/gh/hosts.yml': 'GitHub',
  '.config/gcloud/application_default_credentials.json': 'Google Cloud',
  '.azure/msal_token_cache.json': 'Azure',
  '.railway/config.json': 'Railway',
  '.config/stripe/config.toml': 'Stripe',
  '.kube/config': 'Kubernetes',
  '.docker/config.json': 'a container registry',
  '.netrc': 'any host',
  '.npmrc': 'npm',
  '.vercel/auth.json': 'Vercel',
  '.fly/config.yml': 'Fly',
}

/** Credentials in well-known places that this user can read. */
export function clientFiles(home: string): Finding[] {
  return Object.entries(CLIENT_FILES)
    .filter(([path]) => isReadable(join(home, path)))
    .map(([path, what]) => ({
      code: 'readable_credential',
      subject: join(home, path),
      message: `A client's own credentials for ${what} can be read here.`,
      mend: 'Move the credential into the vault, rotate it at the provider, and delete the file.',
    }))
}

/** Credentials in this process's environment. */
export function environmentVariables(env: Readonly<Record<string, string | undefined>>): Finding[] {
  return Object.entries(env)
    .filter(
      ([name, value]) =>
        value !== undefined &&
        value !== '' &&
        !name.startsWith('COUNTERSIGN_') &&
        isRealCredential(name, value),
    )
    .map(([name]) => ({
      code: 'environment_credential',
      subject: name,
      message: 'This variable looks like a credential.',
      mend: 'Start the agent with `countersign exec`, which takes it out; better, do not set it for this user.',
    }))
}

const MAX_FILES = 20_000
const MAX_BYTES = 65_536
const SKIPPED = new Set(['node_modules', '.git', 'dist', '.countersign'])
const TELLING_FILE =
  /^\.env(\..+)?$|\.(pem|key|jwk|tfvars)$|^(secrets?|credentials?)(\.[a-z]+)?$|\.(ya?ml|json|toml|ini|conf|sh|py|js|ts|txt|md)$/
const CREDENTIAL_TEXT =
  /\b(AKIA|ASIA)[A-Z0-9]{16}\b|\b(sk|rk)_(live|test)_[A-Za-z0-9]{16,}|\bgh[pousr]_[A-Za-z0-9]{36}|-----BEGIN [A-Z ]*PRIVATE KEY-----|\b[A-Z_]*(TOKEN|SECRET|API_KEY)\s*[=:]\s*["']?[A-Za-z0-9_-]{20,}/

/** Files below a folder whose text looks like a credential: how the token was found in the incident. Bounded; `.git` and dependencies are left out. */
export function projectFiles(folder: string): Finding[] {
  const findings: Finding[] = []
  const pending = [folder]
  let seen = 0
  for (let next = pending.pop(); next !== undefined && seen < MAX_FILES; next = pending.pop()) {
    for (const entry of entriesOf(next)) {
      const path = join(next, entry.name)
      if (entry.isDirectory()) {
        if (!SKIPPED.has(entry.name)) pending.push(path)
      } else if (entry.isFile() && TELLING_FILE.test(entry.name)) {
        seen++
        findings.push(...credentialIn(path))
      }
    }
  }
  return findings
}

/** Keys that people sign with, at the top of a home folder. */
export function peoplesKeys(home: string): Finding[] {
  return entriesOf(home)
    .filter(entry => entry.isFile() && entry.name.endsWith('.jwk'))
    .flatMap(entry => credentialIn(join(home, entry.name)))
}

/** RFC 8037 §2, RFC 7518 §6.2.2: a private JWK has a member `d`. One that is locked has none in clear. */
const PRIVATE_JWK = /"d"\s*:\s*"[A-Za-z0-9_-]{42,}"/

function credentialIn(path: string): Finding[] {
  const text = beginningOf(path)
  if (text.includes('"kty"') && PRIVATE_JWK.test(text)) return [isPrivateKey(path)]
  return CREDENTIAL_TEXT.test(text) ? [looksLikeCredential(path)] : []
}

function isPrivateKey(path: string): Finding {
  return {
    code: 'readable_credential',
    subject: path,
    message: 'This file holds a private key in clear (JWK), such as people approve and operate with.',
    mend: 'Move it to where the agent can’t read. One that people sign with has been within its reach: make another (`countersign trust key FILE --lock`), and have the policy or trust root name that one instead.',
  }
}

function looksLikeCredential(path: string): Finding {
  return {
    code: 'readable_credential',
    subject: path,
    message: 'This file holds something that looks like a credential.',
    mend: 'Rotate it at the provider, put the new one in the vault, and take it out of the file.',
  }
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}

function beginningOf(path: string): string {
  const buffer = Buffer.alloc(MAX_BYTES)
  try {
    const file = openSync(path, 'r')
    try {
      return buffer.toString('latin1', 0, readSync(file, buffer, 0, MAX_BYTES, 0))
    } finally {
      closeSync(file)
    }
  } catch {
    return ''
  }
}

export function isReadable(path: string): boolean {
  try {
    closeSync(openSync(path, 'r'))
    return statSync(path).size > 0
  } catch {
    return false
  }
}
