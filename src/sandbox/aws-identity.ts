import { randomBytes } from 'node:crypto'
import { type PolicyDocument, parsePolicy } from './aws-session-policy.js'

/** Who signs requests: users with long-term keys, one role, and the sessions that were made of it. */
export interface AwsIdentity {
  readonly users: Map<string, AwsUser>
  readonly roles: Map<string, AwsRole>
  /** By access key id. Ended ones stay for a while, to be refused as expired and not as unknown. */
  readonly sessions: Map<string, AwsSession>
}

export interface AwsUser {
  readonly name: string
  /** `AIDA…` */
  readonly id: string
  readonly arn: string
  readonly createdAt: Date
  /** What it may do itself; null is nothing. */
  readonly permissions: PolicyDocument | null
  readonly accessKeys: AccessKey[]
}

export interface AccessKey {
  /** `AKIA…` */
  readonly id: string
  readonly secret: string
  readonly createdAt: Date
}

export interface AwsRole {
  readonly name: string
  /** `AROA…` */
  readonly id: string
  readonly arn: string
  readonly createdAt: Date
  readonly permissions: PolicyDocument
  /** Its trust policy: the only user that may assume it, and the external id that it has to bring. */
  readonly trusts: { readonly userArn: string; readonly externalId: string | null }
}

export interface AwsSession {
  /** `ASIA…` */
  readonly accessKeyId: string
  readonly secret: string
  readonly token: string
  readonly role: AwsRole
  readonly name: string
  /** `arn:aws:sts::111122223333:assumed-role/agents-staging/<name>` */
  readonly arn: string
  readonly externalId: string | null
  /** As it was sent, and as it was read; null narrows nothing. */
  readonly policyText: string | null
  readonly policy: PolicyDocument | null
  readonly expiresAt: Date
}

/** Who made a request, after its signature was verified. */
export type Caller =
  | { readonly kind: 'user'; readonly user: AwsUser }
  | { readonly kind: 'session'; readonly session: AwsSession }

export function arnOfCaller(caller: Caller): string {
  return caller.kind === 'user' ? caller.user.arn : caller.session.arn
}

/** Allows every action on every resource. */
export const EVERYTHING: PolicyDocument = parsePolicy(
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }],
  }),
)

/** `AKIA` + 16 characters of base 32, as AWS makes ids of users, roles and keys. */
export function newAwsId(prefix: 'AKIA' | 'ASIA' | 'AIDA' | 'AROA'): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  return prefix + [...randomBytes(16)].map(byte => alphabet[byte % 32]).join('')
}

/** 40 characters, as AWS makes secret keys. */
export function newSecretKey(): string {
  return randomBytes(30).toString('base64')
}
