import { CountersignError, fromBase64url, parsePublicKey } from '../canon/index.js'
import type { CompiledPolicy } from './compiled.js'
import type { CredentialSource, PolicyDocument } from './document.js'
import { parseDurationSeconds, parseUtcMs } from './duration.js'
import type { DocumentPath, Findings } from './finding.js'
import { MAX_OBSERVE_MS } from './observe.js'
import { isRpId, type Passkey, passkeyKeyId } from './passkey.js'
import { stsEndpoint } from './sts-endpoint.js'
import { isZone, parseClockMinutes } from './window.js'

/*
 * The named things that rules refer to: credentials, agents, approver groups and windows, with every default
 * written out.
 */

const JWT_TTL_SECONDS = 60
const RAILWAY_TTL_SECONDS = 15 * 60
const SESSION_SECONDS = 8 * 3_600
const APPROVAL_SECONDS = 30 * 60

/** Seconds of a duration as written, or the default; reports what is no duration. */
function seconds(
  text: string | undefined,
  usual: number,
  path: DocumentPath,
  findings: Findings,
  most?: number,
): number {
  if (text === undefined) return usual
  const value = parseDurationSeconds(text)
  if (value === null) findings.add('bad_duration', path, `"${text}" is no duration, or longer than a year.`)
  else if (most !== undefined && value > most) {
    findings.add('bad_duration', path, `${text} is longer than ${most}s.`, `Write at most ${most}s.`)
  }
  return value ?? usual
}

export function compileCredentials(
  document: PolicyDocument,
  findings: Findings,
): CompiledPolicy['credentials'] {
  const compiled: CompiledPolicy['credentials'] = {}
  for (const [name, credential] of Object.entries(document.credentials ?? {})) {
    compiled[name] = compileCredential(credential, ['credentials', name], findings)
  }
  return compiled
}

function compileCredential(
  credential: CredentialSource,
  path: DocumentPath,
  findings: Findings,
): CompiledPolicy['credentials'][string] {
  switch (credential.minter) {
    case 'jwt':
      return {
        minter: 'jwt',
        audience: credential.audience,
        ttlSeconds: seconds(credential.ttl, JWT_TTL_SECONDS, [...path, 'ttl'], findings, JWT_TTL_SECONDS),
        alg: credential.alg ?? 'Ed25519',
      }
    case 'railway-project-token':
      return {
        minter: 'railway-project-token',
        project: credential.project,
        environment: credential.environment,
        ttlSeconds: seconds(credential.ttl, RAILWAY_TTL_SECONDS, [...path, 'ttl'], findings),
      }
    case 'stripe-restricted-key':
      return { minter: 'stripe-restricted-key', livemode: credential.livemode }
    case 'github-app':
      return {
        minter: 'github-app',
        app: String(credential.app),
        installation: String(credential.installation),
        ...(credential.repositories === undefined
          ? {}
          : { repositories: [...credential.repositories].sort() }),
      }
    case 'oauth2':
      return {
        minter: 'oauth2',
        tokenUrl: credential.tokenUrl,
        clientId: credential.clientId,
        scopes: [...(credential.scopes ?? [])].sort(),
        ...(credential.audience === undefined ? {} : { audience: credential.audience }),
      }
    case 'static': {
      const header = (credential.header ?? 'authorization').toLowerCase()
      return {
        minter: 'static',
        header,
        prefix: credential.prefix ?? (header === 'authorization' ? 'Bearer ' : ''),
      }
    }
    case 'aws-sts': {
      const { role, region, insecureTestEndpoint } = credential
      return {
        minter: 'aws-sts',
        role,
        region,
        endpoint: insecureTestEndpoint ?? stsEndpoint(role, region),
      }
    }
  }
}

export function compileAgents(
  document: PolicyDocument,
  findings: Findings,
  nowMs: number | null,
): CompiledPolicy['agents'] {
  const compiled: CompiledPolicy['agents'] = {}
  const holders = new Map<string, string>()
  for (const [id, agent] of Object.entries(document.agents)) {
    for (const [i, identity] of (agent.identity ?? []).entries()) {
      if ('grant' in identity) continue
      const name = JSON.stringify([identity.issuer, identity.subject])
      const holder = holders.get(name)
      // Nobody could say which of the two asks.
      if (holder !== undefined)
        findings.add('duplicate', ['agents', id, 'identity', i], `It is the identity of ${holder} as well.`)
      holders.set(name, id)
    }
    const observeUntil = compileObserving(agent, ['agents', id], findings, nowMs)
    compiled[id] = {
      environment: agent.environment,
      session: seconds(agent.session, SESSION_SECONDS, ['agents', id, 'session'], findings),
      identities: (agent.identity ?? [{ grant: true as const }]).map(identity =>
        'grant' in identity
          ? { kind: 'grant' as const }
          : { kind: 'issuer' as const, issuer: identity.issuer, subject: identity.subject },
      ),
      facts: agent.facts ?? {},
      ...(observeUntil === null ? {} : { observeUntil }),
    }
  }
  return compiled
}

/** End of an agent's observing in Unix milliseconds; null where it doesn't observe, or where that was reported. */
function compileObserving(
  { mode, until }: PolicyDocument['agents'][string],
  path: DocumentPath,
  findings: Findings,
  nowMs: number | null,
): number | null {
  if (mode !== 'observe') {
    if (until !== undefined)
      findings.add('key_without_use', [...path, 'until'], '`until` belongs to `mode: observe`.')
    return null
  }
  if (until === undefined) {
    findings.add('bad_until', path, 'Observing has no end.')
    return null
  }
  const ms = parseUtcMs(until)
  if (ms === null)
    findings.add('bad_until', [...path, 'until'], `"${until.slice(0, 40)}" is not a time in UTC.`)
  else if (nowMs !== null && ms > nowMs + MAX_OBSERVE_MS)
    findings.add('bad_until', [...path, 'until'], `${until} is more than 14 days away.`)
  return ms
}

export function compileApprovers(document: PolicyDocument, findings: Findings): CompiledPolicy['approvers'] {
  const compiled: CompiledPolicy['approvers'] = {}
  for (const [name, group] of Object.entries(document.approvers ?? {})) {
    const path = ['approvers', name]
    const keys: CompiledPolicy['approvers'][string]['keys'] = {}
    const owners = new Map<string, string>()
    for (const [approver, key] of Object.entries(group.keys)) {
      const at = [...path, 'keys', approver]
      keys[approver] = typeof key === 'string' ? { ed25519: key } : { passkey: key.passkey }
      const text = typeof key === 'string' ? key : key.passkey.key
      if (typeof key === 'string') checkKey(key, at, findings)
      else checkPasskey(key.passkey, [...at, 'passkey'], findings)
      const owner = owners.get(text)
      // ATTACK: one key under two names would meet a threshold of two alone.
      if (owner !== undefined) findings.add('duplicate', at, `${approver} has the same key as ${owner}.`)
      owners.set(text, approver)
    }
    const threshold = group.threshold ?? 1
    if (threshold > owners.size) {
      findings.add(
        'bad_threshold',
        [...path, 'threshold'],
        `${threshold} of ${owners.size} keys can never sign.`,
      )
    }
    compiled[name] = {
      keys,
      threshold,
      expires: seconds(group.expires, APPROVAL_SECONDS, [...path, 'expires'], findings),
    }
  }
  return compiled
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

export function compileWindows(document: PolicyDocument, findings: Findings): CompiledPolicy['windows'] {
  const compiled: CompiledPolicy['windows'] = {}
  for (const [name, window] of Object.entries(document.windows ?? {})) {
    const path = ['windows', name]
    if (window.from === window.to)
      findings.add('bad_window', path, 'The window is empty: it starts when it ends.')
    if (!isZone(window.zone))
      findings.add('bad_zone', [...path, 'zone'], `There is no time zone "${window.zone}".`)
    compiled[name] = {
      from: parseClockMinutes(window.from),
      to: parseClockMinutes(window.to),
      zone: window.zone,
    }
  }
  return compiled
}
