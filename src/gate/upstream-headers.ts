import type { Header } from '../protocol/index.js'
import type { GateApi } from './api.js'
import type { ReadBody } from './body.js'

/**
 * The request's headers for the upstream, built from nothing: the agent's that the API admits, then what the
 * catalog adds and what the keeper minted, which replace the agent's of the same name. Flat, for undici; Host
 * is written by the connection. `accept-encoding: identity`, so that the answer can be searched for an echo.
 */
export function upstreamHeaders(
  api: GateApi,
  agent: readonly Header[],
  added: readonly Header[],
  minted: readonly Header[],
  body: ReadBody,
): string[] {
  const written: string[] = ['accept-encoding', 'identity']
  const replaced = new Set<string>()
  for (const [name] of minted) replaced.add(name.toLowerCase())
  for (const [name, value] of added) {
    const lower = name.toLowerCase()
    if (!replaced.has(lower)) written.push(lower, value)
  }
  for (const [name] of added) replaced.add(name.toLowerCase())
  for (const [name, value] of minted) written.push(name, value)
  for (const [name, value] of agent) {
    if (api.requestHeaders.has(name) && !replaced.has(name)) written.push(name, value)
  }
  if (body.kind === 'stream' && body.lengthBytes !== null)
    written.push('content-length', String(body.lengthBytes))
  return written
}
