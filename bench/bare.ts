import type { AddressInfo } from 'node:net'
import process from 'node:process'
import httpProxy from '@fastify/http-proxy'
import Fastify from 'fastify'

/** Bare `@fastify/http-proxy` as its README mounts it: what the sidecar is measured against. */
const upstream = process.argv[2] as string
const server = Fastify()
await server.register(httpProxy, { upstream })
await server.listen({ host: '127.0.0.1', port: 0 })
process.send?.({ port: (server.server.address() as AddressInfo).port })
process.once('disconnect', () => process.exit(0))
