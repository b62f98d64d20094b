import type { Cosigning, Shipping } from '../ledger/index.js'
import type { Activation } from './activation.js'
import type { LinkServer } from './link-server.js'
import type { KeeperPorts } from './ports.js'

/** Batches wait for company no longer than the policy lets them, and the gates show how far the places are. */
export function announceShipping(shipping: Shipping, activation: Activation, link: LinkServer): void {
  shipping.keepWithin(activation.inForce()?.evidence.maxUnshipped ?? null)
  link.announceShipping(
    shipping.status().map(({ name, shipped, lag, failing }) => ({
      name,
      shipped,
      lagEntries: lag.entries,
      lagSeconds: lag.seconds,
      failing: failing !== null,
    })),
  )
}

/** Shows the gates how far the witnesses have seen. */
export function announceWitnesses(cosigning: Cosigning, link: LinkServer): void {
  const { witnessed, lag, witnesses } = cosigning.status()
  link.announceWitnesses({
    witnessed,
    lag,
    witnesses: witnesses.map(({ name, failing }) => ({ name, failing: failing !== null })),
  })
}

/** Shows the gates how far the ledger was read through. */
export function announceFullCheck(ledger: KeeperPorts['ledger'], link: LinkServer): void {
  const status = ledger.fullCheck()
  if (status === null) return
  const { size, entries, state, last } = status
  link.announceFullCheck({
    size,
    entries,
    failing: state === 'unfinished',
    soundMs: last?.sound === true ? last.t : null,
  })
}
