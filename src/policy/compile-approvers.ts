import { CountersignError, fromBase64url, parsePublicKey } from '../canon/index.js'
import { seconds } from './compile-names.js'
import type { CompiledPolicy } from './compiled.js'
import type { PolicyDocument } from './document.js'
import type { DocumentPath, Findings } from './finding.js'
import { hostOfOrigin, isRpId, isSharedHost, type Passkey, passkeyKeyId } from './passkey.js'

const APPROVAL_SECONDS = 30 * 60

/** The groups of people whom rules ask, each person's key held against those of all others. */
export function compileApprovers(document: PolicyDocument, findings: Findings): CompiledPolicy['approvers'] {
  const compiled: CompiledPolicy['approvers'] = {}
  // Over all groups: a rule may ask for several of them.
  const owners = new Map<string, string>()
  for (const [name, group] of Object.entries(document.approvers ?? {})) {
    const path = ['approvers', name]
    const keys: CompiledPolicy['approvers'][string]['keys'] = {}
    for (const [approver, key] of Object.entries(group.keys)) {
      const at = [...path, 'keys', approver]
      keys[approver] = typeof key === 'string' ? { ed25519: key } : { passkey: key.passkey }
      const text = textOf(key)
      if (typeof key === 'string') checkKey(key, at, findings)
      else checkPasskey(key.passkey, [...at, 'passkey'], findings)
      const owner = owners.get(text)
      // ATTACK: one key under two names would meet a threshold of two alone, or that of two groups.
      if (owner !== undefined && owner !== approver)
        findings.add('duplicate', at, `${approver} has the same key as ${owner}: one key is one person.`)
      owners.set(text, owner ?? approver)
    }
    const threshold = group.threshold ?? 1
    const people = new Set(Object.values(group.keys).map(textOf)).size
    if (threshold > people)
      findings.add('bad_threshold', [...path, 'threshold'], `${threshold} of ${people} keys can never sign.`)
    compiled[name] = {
      keys,
      threshold,
      expires: seconds(group.expires, APPROVAL_SECONDS, [...path, 'expires'], findings),
    }
  }
  return compiled
}

function textOf(key: string | { readonly passkey: Passkey }): string {
  return typeof key === 'string' ? key : key.passkey.key
}

function checkPasskey(passkey: Passkey, path: DocumentPath, findings: Findings): void {
  checkKey(passkey.key, [...path, 'key'], findings, () => passkeyKeyId(passkey))
  checkKey(passkey.credential, [...path, 'credential'], findings, () => fromBase64url(passkey.credential))
  if (!isRpId(passkey.rpId))
    findings.add(
      'bad_key',
      [...path, 'rpId'],
      `"${passkey.rpId.slice(0, 60)}" is neither localhost nor a host.`,
    )
  else checkOrigins(passkey, path, findings)
}

/** ATTACK: whatever serves a page on another port of the person's machine asks their passkey, and is answered. */
function checkOrigins({ rpId, origins }: Passkey, path: DocumentPath, findings: Findings): void {
  if (origins === undefined && isSharedHost(rpId))
    findings.add('origin_required', path, `Whatever serves a page on a port of ${rpId} can ask this passkey.`)
  // A browser never writes the port that goes without saying, so that an origin with it would let nobody in.
  for (const [index, origin] of (origins ?? []).entries())
    if (hostOfOrigin(origin) !== rpId || /^https:.*:443$|^http:.*:80$|:0/.test(origin))
      findings.add(
        'bad_origin',
        [...path, 'origins', index],
        `"${origin.slice(0, 100)}" is no origin of ${rpId}.`,
      )
}

function checkKey(
  key: string,
  path: DocumentPath,
  findings: Findings,
  parse: (key: string) => unknown = parsePublicKey,
): void {
  try {
    parse(key)
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error
    findings.add('bad_key', path, error.message)
  }
}
