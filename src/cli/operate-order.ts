import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { encodeEnvelope, parseStrictJson } from '../canon/index.js'
import { type SignedOperateOrder, sealOperateOrder } from '../policy/index.js'
import { loadConfig } from './config.js'
import { type Io, UsageError } from './io.js'
import { openSigningKey } from './locked-key.js'
import { repeatable } from './repeatable.js'
import { defaultOwner } from './session-options.js'

export interface OrderFlags {
  readonly config: string
  /** Sidecar that the order is for; that of the configuration unless told. */
  readonly origin?: string
  readonly because: string
  readonly by: string
  readonly key?: readonly string[]
  readonly passphraseFile?: string
}

/** What is particular to an order. */
export type OrderTerms = SignedOperateOrder extends infer Order
  ? Order extends SignedOperateOrder
    ? Omit<Order, 'v' | 'origin' | 'by' | 'because' | 't' | 'nonce'>
    : never
  : never

/** The options of a command that takes a signature by the `operate` role. `because`: a reason that goes without saying. */
export function addOrderOptions(command: Command, because?: string): Command {
  const reason = '--because <text>'
  const said =
    because === undefined
      ? command.requiredOption(reason, 'why; stands in the receipt')
      : command.option(reason, 'why; stands in the receipt', because)
  return said
    .option('--by <person>', 'who orders it; stands in the receipt', defaultOwner())
    .option(
      '--key <file>',
      'private key with the operate role; repeatable where the trust root asks for several. trust/keys/operate.jwk beside the configuration unless told',
      repeatable,
    )
    .option('--passphrase-file <file>', 'passphrase of the key; asked for otherwise')
}

/** `{"order": …}` as the admin API takes it, signed by the keys that are passed; `what` needs it, for the error. */
export async function signedOrder(
  terms: OrderTerms,
  what: string,
  flags: OrderFlags,
  io: Io,
): Promise<{ readonly order: unknown }> {
  const files = flags.key ?? [loadConfig(flags.config).path('trust/keys/operate.jwk')]
  const missing = files.find(file => !existsSync(file))
  if (missing !== undefined)
    throw new UsageError(
      `there is no key ${missing}`,
      `Pass --key FILE: ${what} takes a signature by the operate role, reaching the keeper is not enough.`,
    )
  const keys = []
  for (const file of files) keys.push(await openSigningKey(file, flags.passphraseFile, io))
  const order = {
    ...terms,
    v: 1,
    origin: flags.origin ?? loadConfig(flags.config).config.origin,
    by: flags.by,
    because: flags.because,
    t: Date.now(),
    nonce: randomUUID(),
  } as SignedOperateOrder
  return { order: parseStrictJson(encodeEnvelope(sealOperateOrder(order, keys))) }
}
