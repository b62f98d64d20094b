import type { Operation } from '../protocol/index.js'
import { credentialFault } from './error-table.js'
import type { StripeKey } from './material.js'
import { minted } from './minted.js'
import type { Minter, MintOrder } from './ports.js'

type Order = MintOrder<'stripe-restricted-key'>

/** How long one hand-out counts as the same credential; Stripe's keys have no end. */
const HANDED_OUT_MS = 3_600_000

/**
 * The narrowest of several pre-provisioned restricted keys whose declared cover holds every operation of the
 * request; Stripe has no API that mints one. A key of the other mode than the sealed policy's is never used.
 */
export function stripeMinter(): Minter<'stripe-restricted-key'> {
  return {
    dependsOn: order => String(chosen(order)),
    mint: async order => {
      const index = chosen(order)
      const { keys } = order.material
      const { key } = keys[index] as StripeKey
      return minted({
        minter: 'stripe-restricted-key',
        scope: `${key.startsWith('rk_') ? 'restricted' : 'UNRESTRICTED'} key ${index + 1} of ${keys.length}, ${modeOf(order)} mode`,
        expiresMs: order.scope.nowMs + HANDED_OUT_MS,
        headers: [['authorization', `Bearer ${key}`]],
      })
    },
  }
}

function modeOf({ spec }: Order): 'live' | 'test' {
  return spec.livemode ? 'live' : 'test'
}

/** Index of the narrowest key that covers all operations; the first of equals. */
function chosen(order: Order): number {
  const { operations } = order.scope
  const candidates = order.material.keys
    .map((key, index) => ({ key, index }))
    .filter(({ key }) => key.key.split('_')[1] === modeOf(order))
    .filter(({ key }) => operations.every(operation => covers(key, operation)))
    .sort((a, b) => breadth(a.key) - breadth(b.key) || a.index - b.index)
  const narrowest = candidates[0]
  if (narrowest === undefined)
    throw credentialFault(
      'credential_insufficient',
      `no ${modeOf(order)} key covers ${operations.map(({ name }) => name).join(', ')}`,
    )
  return narrowest.index
}

function covers({ covers }: StripeKey, operation: Operation): boolean {
  const { operations = [], classes = [], permissions = [] } = covers
  return (
    operations.some(pattern => matches(pattern, operation.name)) ||
    (classes.length > 0 && operation.classes.every(each => classes.includes(each))) ||
    permissions.some(permission => permits(permission, operation))
  )
}

/** `*` stands for any part of a name. */
function matches(pattern: string, name: string): boolean {
  const literal = pattern.split('*').map(part => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${literal.join('.*')}$`).test(name)
}

/** `customers:write` permits all below `/v1/customers`, `customers:read` what only reads there. */
function permits(permission: string, operation: Operation): boolean {
  const [resource, level] = permission.split(':')
  const root = /^[A-Z]+ \/v[12]\/([a-z0-9_]+)(?:\/|$)/.exec(operation.name)?.[1]
  const readsOnly = operation.classes.every(each => each === 'read' || each === 'sensitive_read')
  return root === resource && (level === 'write' || readsOnly)
}

/** An estimate of how many operations a key can do, to compare keys with. */
function breadth({ key, covers }: StripeKey): number {
  if (!key.startsWith('rk_')) return Number.POSITIVE_INFINITY
  const { operations = [], classes = [], permissions = [] } = covers
  return (
    sum(operations.map(patternBreadth)) +
    sum(permissions.map(permission => (permission.endsWith(':write') ? 20 : 10))) +
    300 * classes.length
  )
}

/** `*` may be anything, `GET /v1/*` all of a version, `GET /v1/customers/*` one resource. */
function patternBreadth(pattern: string): number {
  if (!pattern.includes('*')) return 1
  const [, ...parts] = pattern.split('/')
  const literal = parts.findIndex(part => part.includes('*'))
  return [10_000, 1_000, 10][Math.max(literal, 0)] ?? 3
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}
