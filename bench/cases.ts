import type { IssuedGrant } from '../src/cli/grant-session.js'
import type { Shot } from './load.js'
import { signedHeaders } from './signed.js'

/** One kind of request that is measured, as the upstream knows it. */
export interface Case {
  readonly name: string
  /** First segment at the gate. */
  readonly prefix: string
  readonly path: string
  readonly method: Shot['method']
  readonly type?: string
  readonly body?: string
  /** Most connections that it is sent over at once: beyond it one grant's bodies have no room in the gate, which says 503. */
  readonly mostConnections?: number
  /** Its client signs it with the keys of a grant instead of presenting it: the service's signing name. */
  readonly signedFor?: string
}

/** A million bytes: a body that is read whole must stay below 1 MiB. */
const LARGE_BYTES = 1_000_000

export const CASES: readonly Case[] = [
  { name: 'REST read', prefix: '/billing', path: '/invoices/in_1001', method: 'GET' },
  {
    name: 'Railway GraphQL',
    prefix: '/railway',
    path: '/graphql/v2',
    method: 'POST',
    type: 'application/json',
    body: JSON.stringify({
      query:
        'mutation Redeploy($e: String!, $s: String!) { serviceInstanceRedeploy(environmentId: $e, serviceId: $s) }',
      variables: { e: '7c9e6679-7425-40de-944b-e07fc1f90ae7', s: '5e0d7a9c-3b1f-4d62-8e47-b1c2d3e4f506' },
    }),
  },
  {
    name: 'Stripe form',
    prefix: '/stripe',
    path: '/v1/customers/cus_1001',
    method: 'POST',
    type: 'application/x-www-form-urlencoded',
    body: 'name=Harbour+Rentals&metadata[order]=6735&email=desk%40example.com',
  },
  {
    // Signature verified, classified, decided, signed anew with an assumed role's credential.
    name: 'AWS query',
    prefix: '/aws',
    path: '/',
    method: 'POST',
    type: 'application/x-www-form-urlencoded; charset=utf-8',
    body: 'Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=instance-state-name&Filter.1.Value.1=running',
    signedFor: 'ec2',
  },
  { name: '1 MB answer', prefix: '/billing', path: '/exports/ex_1001', method: 'GET' },
  {
    name: '1 MB body',
    mostConnections: 64,
    prefix: '/billing',
    path: '/imports/im_1001',
    method: 'POST',
    type: 'application/json',
    body: JSON.stringify({ rows: 'x'.repeat(LARGE_BYTES - 11) }),
  },
]

/** A case as an ordinary proxy in front of the upstream gets it, with a token that a policy service can look at. */
export function plainShot(each: Case, origin: string, token: string): Shot {
  return shot(each, `${origin}${each.path}`, { authorization: `Bearer ${token}` })
}

/** A case as an agent sends it to the gate. */
export function guardedShot(each: Case, origin: string, grant: string, keys: IssuedGrant): Shot {
  const url = `${origin}${each.prefix}${each.path}`
  const { method, signedFor, type = '', body = '' } = each
  const headers =
    signedFor === undefined
      ? { authorization: `Bearer ${grant}` }
      : signedHeaders(method, url, signedFor, type, body, keys)
  return shot(each, url, headers)
}

function shot({ method, type, body }: Case, url: string, headers: Readonly<Record<string, string>>): Shot {
  return {
    url,
    method,
    headers: { ...headers, ...(type === undefined ? {} : { 'content-type': type }) },
    ...(body === undefined ? {} : { body }),
  }
}
