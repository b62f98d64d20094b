import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { buildSchema, GraphQLError, graphql } from 'graphql'
import { SCHEMALESS } from '../native/index.js'
import { railwayRoot } from './railway-resolvers.js'
import { RAILWAY_SCHEMA } from './railway-schema.js'
import { createRailwayWorld, type RailwayTokens, type RailwayWorld, type Token } from './railway-world.js'

export interface RailwayStandIn {
  readonly server: FastifyInstance
  readonly world: RailwayWorld
}

interface GraphqlCall {
  readonly query: string
  readonly variables?: Record<string, unknown>
  readonly operationName?: string
}

/** Railway's GraphQL endpoint on real state: `POST /graphql/v2`, a token in Authorization or Project-Access-Token, as at backboard.railway.com. */
export function railwayStandIn(tokens: RailwayTokens, now: () => Date): RailwayStandIn {
  const world = createRailwayWorld(tokens, now)
  const schema = buildSchema(RAILWAY_SCHEMA)
  const server = Fastify({ forceCloseConnections: true, schemaController: SCHEMALESS })
  server.post<{ Body: GraphqlCall | readonly GraphqlCall[] }>('/graphql/v2', async (request, reply) => {
    const token = tokenOf(world, request)
    if (token === undefined)
      return reply.send({ errors: [new GraphQLError('Not Authorized').toJSON()], data: null })
    const run = (call: GraphqlCall) =>
      graphql({
        schema,
        source: call.query,
        rootValue: railwayRoot({ world, token, now }),
        ...(call.variables === undefined ? {} : { variableValues: call.variables }),
        ...(call.operationName === undefined ? {} : { operationName: call.operationName }),
      })
    // The real endpoint answers batches too, which is why the sidecar has to refuse them.
    return Array.isArray(request.body) ? Promise.all(request.body.map(run)) : run(request.body as GraphqlCall)
  })
  return { server, world }
}

function tokenOf(world: RailwayWorld, request: FastifyRequest): Token | undefined {
  const projectToken = request.headers['project-access-token']
  if (typeof projectToken === 'string') {
    const token = world.tokens.get(projectToken)
    return token?.kind === 'project' ? token : undefined
  }
  const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
  return bearer === undefined ? undefined : world.tokens.get(bearer)
}
