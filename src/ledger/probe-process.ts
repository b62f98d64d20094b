import process from 'node:process'
import { text } from 'node:stream/consumers'
import { portableCrypto } from '../canon/index.js'
import { Store } from './store.js'

/** Reads a copy of a ledger as a check would, to see whether LevelDB ends the process over it. The folder comes on standard input. */
const store = await Store.open(await text(process.stdin), portableCrypto)
try {
  let size = 0
  for await (const _ of store.entries(0, Number.MAX_SAFE_INTEGER)) size++
  await store.head()
  for (let tile = 0; tile <= size / 256; tile++) await store.tile(tile)
  await store.states('')
} catch {
  // An error is an answer; only an end of the process is none.
}
await store.close()
