import { type MessagePort, parentPort } from 'node:worker_threads'
import { nativeCrypto } from '../native/index.js'
import type { KeysById } from '../receipt/index.js'
import { checkBatch, type EntryBatch, transferableBack } from './check-batch.js'

/** What a checking thread is told; every batch is answered with a `CheckedBatch`, in order. */
export type CheckOrder =
  | { readonly kind: 'keys'; readonly keys: KeysById }
  | { readonly kind: 'batch'; readonly batch: EntryBatch }

const port = parentPort as MessagePort
let keys: KeysById = new Map()

port.on('message', (order: CheckOrder) => {
  if (order.kind === 'keys') {
    keys = order.keys
    return
  }
  const checked = checkBatch(nativeCrypto, keys, order.batch)
  port.postMessage(checked, transferableBack(checked))
})
