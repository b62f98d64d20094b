import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { GraphQLClient, gql } from 'graphql-request'
import { classify, type Header, type RawRequest } from '../../src/protocol/index.js'
import { codeOf, railway } from './graphql-request.js'

const catalog = railway()

/** A server that keeps what it is sent and answers with `data`. */
async function capture(
  data: unknown,
  call: (endpoint: string) => Promise<unknown>,
): Promise<readonly RawRequest[]> {
  const captured: RawRequest[] = []
  const server = createServer(async (request, response) => {
    captured.push(await rawRequest(request))
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ data }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    await call(`http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql/v2`)
  } finally {
    server.close()
    server.closeAllConnections()
  }
  return captured
}

async function rawRequest(request: IncomingMessage): Promise<RawRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const headers: Header[] = []
  for (let i = 0; i < request.rawHeaders.length; i += 2)
    headers.push([request.rawHeaders[i] as string, request.rawHeaders[i + 1] as string])
  return { method: request.method ?? '', target: request.url ?? '', headers, body: Buffer.concat(chunks) }
}

function classified(requests: readonly RawRequest[]): readonly string[] {
  return requests.map(request => {
    const classification = classify(catalog, request)
    if (classification.kind === 'unclassifiable') return classification.code
    const described = classification.operations.map(recognised => catalog.describe('railway', recognised))
    return described.map(({ name, scope }) => `${name} ${scope.environment ?? '-'}`).join(', ')
  })
}

test('the unmodified Railway SDK asks for exactly the operations it means', async () => {
  const { Sandbox } = await import('railway')
  const sandbox = {
    id: 'sb-1',
    status: 'RUNNING',
    networkIsolation: 'ISOLATED',
    environmentId: 'env-1',
    region: 'eu',
    idleTimeoutMinutes: 5,
    createdAt: '2026-01-01T00:00:00Z',
  }
  const edges = { edges: [{ node: sandbox }], pageInfo: { hasNextPage: false, endCursor: null } }
  const requests = await capture({ sandbox, sandboxes: edges, sandboxDestroy: sandbox }, async endpoint => {
    process.env.RAILWAY_GRAPHQL_ENDPOINT = endpoint
    try {
      const options = { token: 'not-a-real-token', environmentId: 'env-1' }
      await Sandbox.list(options)
      const found = await Sandbox.connect('sb-1', options)
      await found.destroy()
    } finally {
      delete process.env.RAILWAY_GRAPHQL_ENDPOINT
    }
  })
  assert.deepEqual(classified(requests), ['sandboxes env-1', 'sandbox env-1', 'sandboxDestroy env-1'])
})

test('the unmodified graphql-request asks for exactly the operations it means', async () => {
  const requests = await capture({}, async endpoint => {
    const client = new GraphQLClient(endpoint)
    await client.request(gql`mutation Set($input: VariableUpsertInput!) { variableUpsert(input: $input) }`, {
      input: { projectId: 'p', environmentId: 'env-1', name: 'A', value: 'b' },
    })
    await client.request(gql`query { projects { edges { node { id name } } } }`)
    await client.request(gql`mutation Wipe { volumeDelete(volumeId: "v-91") }`)
  })
  assert.deepEqual(classified(requests), ['variableUpsert env-1', 'projects -', 'volumeDelete -'])
})

test('a batch from graphql-request is refused', async () => {
  const requests = await capture([], async endpoint => {
    const client = new GraphQLClient(endpoint)
    await client.batchRequests([{ document: '{ me { id } }' }]).catch(() => undefined)
  })
  assert.deepEqual(
    requests.map(request => codeOf(classify(catalog, request))),
    ['graphql_batch'],
  )
})
