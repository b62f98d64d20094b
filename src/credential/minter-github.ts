import { createPrivateKey, type KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'
import { canonicalize, type JsonObject } from '../canon/index.js'
import { credentialFault } from './error-table.js'
import { type GithubLevel, type GithubPermissions, permissionFor } from './github-permission.js'
import { minted } from './minted.js'
import { grantedObject, headerSecret, type Outbound } from './outbound.js'
import type { Minter, MintOrder } from './ports.js'

/** GitHub takes an app's JWT for 10 minutes at most, and its clock may be behind ours. */
const APP_JWT_SECONDS = 600
const APP_JWT_BACKDATED_SECONDS = 60
const MAX_TTL_MS = 3_600_000
const API_VERSION = '2022-11-28'

type Order = MintOrder<'github-app'>

interface Narrowing {
  readonly repositories: readonly string[]
  readonly permissions: GithubPermissions
}

/**
 * An installation access token narrowed to the repositories and permissions of the request
 * (`POST /app/installations/{installation_id}/access_tokens`), deleted when it is no longer needed.
 */
export function githubMinter(network: Pick<Outbound, 'send'>): Minter<'github-app'> {
  return {
    dependsOn: order => canonicalize(narrowing(order)),
    mint: async order => {
      const { scope, spec, material } = order
      const at = { privateUpstream: scope.privateUpstream }
      const asked = narrowing(order)
      const jwt = await appJwt(spec.app, appKey(material.privateKey), scope.nowMs)
      const answer = await network.send({
        method: 'POST',
        url: `${scope.origin}/app/installations/${encodeURIComponent(spec.installation)}/access_tokens`,
        headers: headersFor(jwt),
        body: JSON.stringify(asked),
        ...at,
      })
      const granted = grantedObject(answer)
      const token = headerSecret(granted.token)
      const revoke = async () => {
        const url = `${scope.origin}/installation/token`
        const { status } = await network.send({ method: 'DELETE', url, headers: headersFor(token), ...at })
        if (status !== 204 && status !== 401) throw credentialFault('mint_refused', `status ${status}`)
      }
      if (!isWithin(granted.permissions, asked.permissions)) {
        await revoke()
        throw credentialFault('credential_unbounded', 'the token has permissions that were not asked for')
      }
      return minted({
        minter: 'github-app',
        scope: `${describe(asked.permissions)} on ${asked.repositories.join(', ')}`,
        expiresMs: Math.min(expiryMs(granted), scope.nowMs + MAX_TTL_MS),
        headers: [['authorization', `Bearer ${token}`]],
        revoke,
      })
    },
  }
}

function narrowing(order: Order): Narrowing {
  return { repositories: repositoriesOf(order), permissions: permissionsOf(order) }
}

/** The repositories that the operations name, or all that the policy lists where they name none. */
function repositoriesOf({ scope, spec }: Order): string[] {
  const allowed = spec.repositories?.map(bareName)
  const named = scope.operations.flatMap(({ scope: where }) => where.repository ?? where.repo ?? [])
  const wanted = [...new Set(named.map(bareName))].sort()
  const stranger = wanted.find(name => allowed !== undefined && !allowed.includes(name))
  if (stranger !== undefined)
    throw credentialFault('credential_insufficient', 'the credential is not for that repository')
  if (wanted.length > 0) return wanted
  if (allowed === undefined || allowed.length === 0)
    throw credentialFault('credential_unbounded', 'no repository is named')
  return [...new Set(allowed)].sort()
}

function permissionsOf({ scope }: Order): GithubPermissions {
  const permissions: Record<string, GithubLevel> = { metadata: 'read' }
  for (const operation of scope.operations) {
    const needed = permissionFor(operation)
    if (needed === undefined)
      throw credentialFault('credential_insufficient', `no known permission for ${operation.name}`)
    const [name, level] = needed
    if (permissions[name] !== 'write') permissions[name] = level
  }
  return permissions
}

function isWithin(granted: JsonObject[string] | undefined, asked: GithubPermissions): boolean {
  if (typeof granted !== 'object' || granted === null || Array.isArray(granted)) return false
  return Object.entries(granted).every(
    ([name, level]) => level === asked[name] || (level === 'read' && asked[name] === 'write'),
  )
}

function expiryMs({ expires_at: text }: JsonObject): number {
  const ms = typeof text === 'string' ? Date.parse(text) : Number.NaN
  if (Number.isNaN(ms)) throw credentialFault('mint_answer', 'expires_at')
  return ms
}

function appJwt(app: string, key: KeyObject, nowMs: number): Promise<string> {
  const iat = Math.floor(nowMs / 1_000) - APP_JWT_BACKDATED_SECONDS
  return new SignJWT({ iss: app, iat, exp: iat + APP_JWT_SECONDS })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
    .sign(key)
}

function appKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    throw credentialFault('vault_entry_invalid', 'privateKey is no PEM')
  }
}

function headersFor(token: string): Record<string, string> {
  return {
    accept: 'application/vnd.github+json',
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'x-github-api-version': API_VERSION,
  }
}

/** `owner/name` and `Name` name the same: an installation belongs to one owner, and GitHub folds case. */
function bareName(repository: string): string {
  return repository.slice(repository.lastIndexOf('/') + 1).toLowerCase()
}

function describe(permissions: GithubPermissions): string {
  return Object.entries(permissions)
    .map(([name, level]) => `${name}:${level}`)
    .join(' ')
}
