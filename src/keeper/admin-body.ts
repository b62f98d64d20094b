import type { FastifyInstance } from 'fastify'
import { encodeEnvelope, fromBase64, parseStrictJson } from '../canon/index.js'
import { policyFault } from '../policy/index.js'

type Malformed = 'grant_order_malformed' | 'operate_order_malformed' | 'countersignature_malformed'

/** One JSON value without duplicate members, or nothing at all. */
export function readStrictly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (_request: unknown, body: Buffer) =>
      body.length === 0 ? null : parseStrictJson(body, { maxDepth: 16 }),
  )
}

export function orderOf(
  body: unknown,
  malformed: 'grant_order_malformed' | 'operate_order_malformed',
): Uint8Array {
  return envelopeOf(body, 'order', malformed)
}

/** `{"order": <DSSE envelope>}`, or another name, with its members as on the wire. */
export function envelopeOf(body: unknown, name: string, malformed: Malformed): Uint8Array {
  const order = (body as Readonly<Record<string, unknown>> | null)?.[name]
  if (typeof order !== 'object' || order === null) throw policyFault(malformed)
  const { payload, payloadType, signatures } = order as Record<string, unknown>
  if (typeof payload !== 'string' || typeof payloadType !== 'string' || !Array.isArray(signatures))
    throw policyFault(malformed)
  try {
    return encodeEnvelope({
      payload: fromBase64(payload),
      payloadType,
      signatures: signatures.map(({ keyid, sig }) => ({
        keyid: String(keyid),
        sig: fromBase64(String(sig)),
      })),
    })
  } catch {
    throw policyFault(malformed)
  }
}
