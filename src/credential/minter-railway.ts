import type { JsonObject, JsonValue } from '../canon/index.js'
import { credentialFault } from './error-table.js'
import type { Material } from './material.js'
import { minted } from './minted.js'
import { grantedObject, headerSecret, type Outbound } from './outbound.js'
import type { Minter, SpecOf } from './ports.js'

/** Railway's one endpoint, below the API's origin. */
const ENDPOINT = '/graphql/v2'
const PAGE = 100
const MAX_PAGES = 100

const CREATE =
  'mutation countersignMint($input: ProjectTokenCreateInput!) { projectTokenCreate(input: $input) }'
const WHOAMI = 'query countersignToken { projectToken { id projectId environmentId } }'
const DELETE = 'mutation countersignRevoke($id: String!) { projectTokenDelete(id: $id) }'
const LIST =
  'query countersignStrays($projectId: String!, $first: Int, $after: String) { projectTokens(projectId: $projectId, first: $first, after: $after) { edges { node { id name } } pageInfo { hasNextPage endCursor } } }'

interface Endpoint {
  readonly origin: string
  readonly privateUpstream: boolean
}

/**
 * A project token for one environment, made with an account or workspace token and deleted at its end. Railway
 * gives it neither an end nor, on creation, an id: the id is asked for under the new token, and the name
 * `cs-<origin>-<expiry in Unix seconds>` tells a later run which strays are its own.
 */
export function railwayMinter(
  network: Pick<Outbound, 'send'>,
  origin: string,
): Minter<'railway-project-token'> {
  async function ask(
    at: Endpoint,
    headers: Readonly<Record<string, string>>,
    query: string,
    variables: JsonObject = {},
  ): Promise<JsonObject> {
    const answer = grantedObject(
      await network.send({
        method: 'POST',
        url: `${at.origin}${ENDPOINT}`,
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ query, variables }),
        privateUpstream: at.privateUpstream,
      }),
    )
    // A GraphQL refusal is a 200; its words may repeat what was asked.
    if (answer.errors !== undefined) throw credentialFault('mint_refused', 'GraphQL errors')
    return objectIn(answer, 'data')
  }

  async function remove(at: Endpoint, by: Material<'railway-project-token'>, id: string): Promise<void> {
    const { projectTokenDelete: done } = await ask(at, administrator(by), DELETE, { id })
    if (done !== true) throw credentialFault('mint_refused', 'the token was not deleted')
  }

  return {
    dependsOn: () => '',
    mint: async ({ scope, spec, material }) => {
      const at = { origin: scope.origin, privateUpstream: scope.privateUpstream }
      const expirySeconds = Math.floor(scope.nowMs / 1_000) + spec.ttlSeconds
      const created = await ask(at, administrator(material), CREATE, {
        input: {
          projectId: spec.project,
          environmentId: spec.environment,
          name: nameOf(origin, expirySeconds),
        },
      })
      const token = headerSecret(created.projectTokenCreate)
      const headers = [['project-access-token', token]] as const
      const made = objectIn(await ask(at, Object.fromEntries(headers), WHOAMI), 'projectToken')
      const id = textIn(made, 'id')
      const revoke = () => remove(at, material, id)
      if (made.projectId !== spec.project || made.environmentId !== spec.environment) {
        await revoke()
        throw credentialFault('credential_unbounded', 'the token is for another project or environment')
      }
      return minted({
        minter: 'railway-project-token',
        scope: `environment ${spec.environment} of project ${spec.project}`,
        expiresMs: expirySeconds * 1_000,
        headers,
        revoke,
      })
    },
    reap: async ({ spec, material, nowMs, ...at }) => {
      const strays: string[] = []
      let after: string | null = null
      for (let page = 0; page < MAX_PAGES; page++) {
        const { nodes, next } = await tokensOf(at, spec, material, after)
        strays.push(...nodes.filter(each => isStray(each.name, origin, nowMs)).map(each => each.id))
        if (next === null) break
        after = next
      }
      for (const id of strays) await remove(at, material, id)
      return strays.length
    },
  }

  async function tokensOf(
    at: Endpoint,
    spec: SpecOf<'railway-project-token'>,
    material: Material<'railway-project-token'>,
    after: string | null,
  ): Promise<{ nodes: { id: string; name: string }[]; next: string | null }> {
    const variables = { projectId: spec.project, first: PAGE, ...(after === null ? {} : { after }) }
    const { edges, pageInfo } = objectIn(
      await ask(at, administrator(material), LIST, variables),
      'projectTokens',
    )
    if (!Array.isArray(edges)) throw credentialFault('mint_answer', 'edges')
    const nodes = edges.map(edge => {
      const node = objectIn(edge, 'node')
      return { id: textIn(node, 'id'), name: textIn(node, 'name') }
    })
    const { hasNextPage, endCursor } = objectIn({ pageInfo: pageInfo ?? null }, 'pageInfo')
    return { nodes, next: hasNextPage === true && typeof endCursor === 'string' ? endCursor : null }
  }
}

function administrator({ token, sentAs }: Material<'railway-project-token'>): Record<string, string> {
  switch (sentAs) {
    case 'bearer':
      return { authorization: `Bearer ${token}` }
    case 'project-access-token':
      return { 'project-access-token': token }
  }
}

function nameOf(origin: string, expirySeconds: number): string {
  return `cs-${origin}-${expirySeconds}`
}

/** INVARIANT: only a token of exactly this origin whose time is over; a neighbour's or a person's is left alone. */
function isStray(name: string, origin: string, nowMs: number): boolean {
  const expiry = /-(\d{10,12})$/.exec(name)?.[1]
  return expiry !== undefined && name === nameOf(origin, Number(expiry)) && Number(expiry) * 1_000 <= nowMs
}

function objectIn(value: JsonValue, member: string): JsonObject {
  const holder = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
  const found = holder[member]
  if (typeof found !== 'object' || found === null || Array.isArray(found))
    throw credentialFault('mint_answer', member)
  return found
}

function textIn(object: JsonObject, member: string): string {
  const text = object[member]
  if (typeof text !== 'string' || text === '') throw credentialFault('mint_answer', member)
  return text
}
