import Fastify, { type FastifyInstance } from 'fastify'
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { SCHEMALESS } from '../native/index.js'

export interface Invoice {
  readonly id: string
  readonly amount: number
  status: 'open' | 'void'
}

export interface BillingStandIn {
  readonly server: FastifyInstance
  readonly invoices: Map<string, Invoice>
}

/** A team's own REST API, which checks the sidecar's short-lived JWT (RFC 9068) against its JWKS. */
export function billingStandIn(audience: string, jwks: JSONWebKeySet): BillingStandIn {
  const invoices = new Map<string, Invoice>(
    ['in_1001', 'in_1002'].map((id, index) => [id, { id, amount: 12_500 * (index + 1), status: 'open' }]),
  )
  const keys = createLocalJWKSet(jwks)
  const server = Fastify({ forceCloseConnections: true, schemaController: SCHEMALESS })
  server.addHook('preHandler', async (request, reply) => {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
    try {
      await jwtVerify(token, keys, { audience, typ: 'at+jwt' })
    } catch {
      return reply.code(401).send({ message: 'a valid access token is needed' })
    }
  })
  server.get('/invoices', async () => ({ invoices: [...invoices.values()] }))
  server.get<{ Params: { id: string } }>('/invoices/:id', async (request, reply) => {
    return invoices.get(request.params.id) ?? reply.code(404).send({ message: 'no such invoice' })
  })
  server.post<{ Params: { id: string } }>('/invoices/:id/void', async (request, reply) => {
    const invoice = invoices.get(request.params.id)
    if (invoice === undefined) return reply.code(404).send({ message: 'no such invoice' })
    invoice.status = 'void'
    return invoice
  })
  return { server, invoices }
}
