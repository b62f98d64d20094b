import type { ArchiveBound, Archived, ArchivingStatus, Cosigning, Ledger, Shipping } from '../ledger/index.js'
import { keeperFault } from './error-table.js'
import type { OperateOrders } from './operate-orders.js'
import type { Log } from './ports.js'

export interface ArchivesParts {
  readonly ledger: Pick<Ledger, 'archiving' | 'archived'>
  readonly orders: Pick<OperateOrders, 'accept'>
  readonly cosigning: Pick<Cosigning, 'status'> | null
  readonly shipping: Pick<Shipping, 'status'> | null
  readonly log: Log
}

/** What is archived, what is being archived, and how far it could go now. */
export interface ArchivesStatus {
  readonly archived: Archived | null
  readonly archiving: ArchivingStatus | null
  readonly possible: { readonly size: number; readonly by: ArchiveBound['by'] | 'shipping' | 'witnesses' }
}

/** Entries in a tile: only whole ones are archived. */
const TILE = 256

/**
 * Moves old entries into a folder, on a signed order: what is deleted here is not to hang on who reaches a socket. Nothing
 * is moved that a sink or the witnesses haven't got yet.
 */
export class Archives {
  private readonly parts: ArchivesParts

  constructor(parts: ArchivesParts) {
    this.parts = parts
  }

  status(): ArchivesStatus {
    const { ledger } = this.parts
    return { archived: ledger.archived(), archiving: ledger.archiving.status(), possible: this.possible() }
  }

  /** Begins to fulfil an order; `status` says how it goes on. Throws what is wrong with it, `archive_too_far`, or what `Archiving.begin` throws. */
  begin(envelope: Uint8Array): ArchivesStatus {
    const { ledger, orders, log } = this.parts
    const { order, cid, changes } = orders.accept(envelope, 'archive')
    const { size, folder, by, because } = order
    const possible = this.possible()
    if (size > possible.size)
      throw keeperFault('archive_too_far', `${possible.size} entries at most, for the ${possible.by}`)
    const receipt = (root: string) => ({
      body: { type: 'archive', data: { size, root, by, because, order: cid } } as const,
      state: changes,
    })
    ledger.archiving.begin({ size, folder, receipt }).then(
      () => log.info({ size, folder }, 'the entries before are in the archive, and there alone'),
      (error: Error & { code?: string }) =>
        log.error({ code: error.code, size, folder }, `nothing was archived: ${error.message}`),
    )
    return this.status()
  }

  private possible(): ArchivesStatus['possible'] {
    const { ledger, shipping, cosigning } = this.parts
    const bounds: ArchivesStatus['possible'][] = [ledger.archiving.bound()]
    for (const { shipped } of shipping?.status() ?? []) bounds.push({ size: shipped, by: 'shipping' })
    if (cosigning !== null) bounds.push({ size: cosigning.status().witnessed ?? 0, by: 'witnesses' })
    const least = bounds.reduce((a, b) => (b.size < a.size ? b : a))
    return { ...least, size: least.size - (least.size % TILE) }
  }
}
