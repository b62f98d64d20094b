import { portableDigests } from '../canon/index.js'
import { Store } from './store.js'

/** Reads the copy of a ledger that it is started in as a check would, to see whether LevelDB ends the process over it. */
const store = await Store.open('.', portableDigests)
try {
  let size = store.archived?.size ?? 0
  for await (const _ of store.entries(size, Number.MAX_SAFE_INTEGER)) size++
  await store.head()
  for (let tile = 0; tile <= size / 256; tile++) await store.tile(tile)
  await store.states('')
} catch {
  // An error is an answer; only an end of the process is none.
}
await store.close()
