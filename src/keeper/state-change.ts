import type { Companion } from '../ledger/index.js'

/** One change to the keeper's durable state, atomic with the entry that it rides with. */
export type StateChange = NonNullable<Companion['state']>[number]
