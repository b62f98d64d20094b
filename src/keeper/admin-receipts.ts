import type { FastifyInstance } from 'fastify'
import { base64 } from '../canon/index.js'
import type { Cosigning, Ledger } from '../ledger/index.js'
import { nativeCrypto } from '../native/index.js'
import { consistencyProof, inclusionProof } from '../receipt/index.js'
import { keeperFault } from './error-table.js'
import { explainReceipt } from './why.js'

const MAX_RECEIPTS = 1_000
/** Of entries in one answer; whoever reads on asks from where it ended. */
const MAX_RECEIPT_BYTES = 8_388_608

export function routeReceipts(app: FastifyInstance, ledger: Ledger): void {
  app.get('/v1/receipts', async request => {
    const { from = '0', limit = '100' } = request.query as Record<string, string | undefined>
    const first = numberOf(from)
    const most = Math.min(numberOf(limit), MAX_RECEIPTS)
    const entries: { seq: number; entry: string }[] = []
    let bytesSoFar = 0
    if (most > 0)
      for await (const bytes of ledger.entries(first)) {
        entries.push({ seq: first + entries.length, entry: base64(bytes) })
        bytesSoFar += bytes.length
        if (entries.length >= most || bytesSoFar >= MAX_RECEIPT_BYTES) break
      }
    return { size: ledger.head().size, entries }
  })
  app.get('/v1/receipts/:seq', async request => {
    const seq = numberOf((request.params as { seq: string }).seq)
    const bytes = await ledger.get(seq)
    if (bytes === undefined) throw keeperFault('receipt_unknown', String(seq))
    return { seq, entry: base64(bytes) }
  })
}

export function routeEvidence(app: FastifyInstance, ledger: Ledger): void {
  // Encrypted to the auditor: the keeper itself can't read it any more after its next start.
  app.get('/v1/inputs/:id', async request => {
    const { id } = request.params as { id: string }
    if (!/^[0-9a-f-]{36}$/.test(id)) throw keeperFault('admin_malformed', 'expected the id of an attempt')
    const record = await ledger.side.get(id)
    return { inputs: record === undefined ? null : base64(record) }
  })
  app.get('/v1/why/:seq', request =>
    explainReceipt(ledger, numberOf((request.params as { seq: string }).seq)),
  )
}

/** The checkpoint over the head, the newest one that witnesses have cosigned, and the hashes that lead to either. */
export function routeProofs(
  app: FastifyInstance,
  { ledger, cosigning }: { readonly ledger: Ledger; readonly cosigning: Cosigning | null },
): void {
  app.get('/v1/checkpoint', async () => {
    const note = await ledger.checkpoint()
    return {
      checkpoint: cosigning?.withCosignatures(note) ?? note,
      witnessed: cosigning?.witnessed() ?? null,
    }
  })
  app.get('/v1/proofs/inclusion', async request => {
    const { seq, size } = numbersOf(request.query, ['seq', 'size'])
    if (seq >= size || size > ledger.head().size) throw keeperFault('receipt_unknown', `${seq} of ${size}`)
    return { hashes: (await inclusionProof(nativeCrypto, seq, size, ledger.node)).map(base64) }
  })
  app.get('/v1/proofs/consistency', async request => {
    const { from, size } = numbersOf(request.query, ['from', 'size'])
    if (from === 0 || from > size || size > ledger.head().size)
      throw keeperFault('receipt_unknown', `from ${from} to ${size}`)
    return { hashes: (await consistencyProof(nativeCrypto, from, size, ledger.node)).map(base64) }
  })
}

function numbersOf<K extends string>(query: unknown, names: readonly K[]): Record<K, number> {
  const given = query as Record<string, string | undefined>
  return Object.fromEntries(names.map(name => [name, numberOf(given[name] ?? '')])) as Record<K, number>
}

function numberOf(text: string): number {
  if (!/^[0-9]{1,15}$/.test(text)) throw keeperFault('admin_malformed', 'expected a number')
  return Number(text)
}
