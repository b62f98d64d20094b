import type { CompiledPolicy } from './compiled.js'
import type { CredentialSource, PolicyDocument } from './document.js'
import { parseDurationSeconds, parseUtcMs } from './duration.js'
import type { DocumentPath, Findings } from './finding.js'
import { MAX_OBSERVE_MS } from './observe.js'
import { stsEndpoint } from './sts-endpoint.js'
import { isZone, parseClockMinutes } from './window.js'

/*
 * The named things that rules refer to: credentials, agents and windows, with every default
 * written out.
 */

const JWT_TTL_SECONDS = 60
const RAILWAY_TTL_SECONDS = 15 * 60
const SESSION_SECONDS = 8 * 3_600

/** Seconds of a duration as written, or the default; reports what is no duration. */
export function seconds(
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
