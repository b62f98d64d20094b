import { createHmac } from 'node:crypto'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import type { Vault } from '../../credential/index.js'
import type { Log } from '../../keeper/index.js'
import {
  exchange,
  type HttpFacts,
  httpSink,
  type Ledger,
  type Shipping,
  type ShipTo,
  s3Sink,
  startShipping,
  syslogSink,
} from '../../ledger/index.js'
import { nativeCrypto } from '../../native/index.js'
import type { TrustRoot } from '../../policy/index.js'
import type { LoadedConfig } from '../config.js'
import { cliFault } from '../error-table.js'
import { readNeeded } from '../needed-file.js'
import { s3Signer, shipSecret } from '../ship-credential.js'
import type { ShipPlace } from '../ship-schema.js'

export interface ShippingParts {
  readonly ledger: Ledger
  readonly vault: Vault
  readonly trust: TrustRoot
  readonly log: Log
}

/** Starts shipping to the places of the configuration; null where it names none. Throws `ship_plaintext`, `config_malformed` or `file_unreachable`. */
export async function ledgerShipping(loaded: LoadedConfig, parts: ShippingParts): Promise<Shipping | null> {
  const places = loaded.config.ledger.ship ?? []
  const twice = places.find(({ name }, i) => places.findIndex(other => other.name === name) !== i)
  if (twice !== undefined) throw cliFault('config_malformed', `ledger.ship: two are called ${twice.name}`)
  if (places.length === 0) return null
  return startShipping({
    ledger: parts.ledger,
    sinks: places.map(place => shipTo(place, loaded, parts)),
    cursors: join(dirname(loaded.path(loaded.config.ledger.highWater)), 'shipped'),
    crypto: nativeCrypto,
    log: parts.log,
    nowMs: Date.now,
    random: Math.random,
  })
}

function shipTo(place: ShipPlace, loaded: LoadedConfig, { vault, trust }: ShippingParts): ShipTo {
  const { name } = place
  const ca = place.ca === undefined ? {} : { ca: readNeeded(loaded.path(place.ca)).toString('utf8') }
  const isTest = trust.testAudiences.includes(loaded.config.audience)
  if ('syslog' in place) {
    const { protocol, hostname: server, port } = new URL(place.syslog.to)
    const tls = protocol === 'tls:'
    if (!tls && !isTest && !LOOPBACK.includes(server)) throw cliFault('ship_plaintext', name)
    const { facility = 13, enterprise = 32_473 } = place.syslog
    const sink = syslogSink({
      ...ca,
      hostname: server,
      port: Number(port),
      tls,
      facility,
      enterprise,
      host: hostname(),
    })
    return { name, sink, required: false, everyMs: (place.everySeconds ?? 1) * 1_000 }
  }
  const required = place.required ?? true
  if ('s3' in place) {
    const { endpoint, region, bucket, prefix = '', objectLock = null, neverOverwrite = false } = place.s3
    if (endpoint.startsWith('http:') && !isTest) throw cliFault('ship_plaintext', name)
    const sink = s3Sink({
      endpoint: new URL(endpoint).origin,
      bucket,
      prefix,
      retain: objectLock,
      neverOverwrite,
      exchange: exchange(ca),
      nowMs: Date.now,
      sign: s3Signer(region, () => shipSecret(place.credential, 'ship-s3', endpoint, loaded, vault)),
    })
    return { name, sink, required, everyMs: (place.everySeconds ?? 10) * 1_000 }
  }
  const { url, auth } = place.http
  if (url.startsWith('http:') && !isTest) throw cliFault('ship_plaintext', name)
  const secret = () => shipSecret(place.credential, 'ship-http', url, loaded, vault).secret
  const authorize = {
    bearer: () => [['authorization', `Bearer ${secret()}`] as const],
    hmac: (facts: HttpFacts) => [
      ['countersign-signature', shipSignature(secret(), facts, Date.now())] as const,
    ],
  }[auth]
  const sink = httpSink({ url, exchange: exchange(ca), authorize })
  return { name, sink, required, everyMs: (place.everySeconds ?? 1) * 1_000 }
}

const LOOPBACK: readonly string[] = ['localhost', '127.0.0.1', '[::1]']

/** `t=<Unix seconds>,hmac-sha256=<64 hex digits>` over what a batch says, a line each; docs/shipping.md shows it. */
function shipSignature(secret: string, facts: HttpFacts, nowMs: number): string {
  const t = Math.floor(nowMs / 1_000)
  const { chain, first, last, bodySha256, checkpoint } = facts
  const lines = ['countersign-ship/1', t, chain, first, last, bodySha256, checkpoint]
  const mac = createHmac('sha256', secret)
    .update(`${lines.join('\n')}\n`)
    .digest('hex')
  return `t=${t},hmac-sha256=${mac}`
}
