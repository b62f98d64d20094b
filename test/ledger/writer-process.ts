import { randomUUID } from 'node:crypto'
import { type CountersignError, portableSigningKey } from '../../src/canon/index.js'
import { openLedger } from '../../src/ledger/index.js'
import { nativeCrypto, nativeSigningKey } from '../../src/native/index.js'
import { attempt, ORIGIN } from './ledger-fixture.js'

/** Appends attempts to a ledger, eight at a time, and prints what was acknowledged or refused; killed or starved by a test. */
const [dir, highWater, receiptSeed, checkpointSeed] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
]

function key(seed: string) {
  const raw = Buffer.from(seed, 'hex')
  return nativeSigningKey(raw, portableSigningKey(raw).publicKey)
}

const ledger = await openLedger({
  dir,
  highWater,
  origin: ORIGIN,
  signer: key(receiptSeed),
  checkpointKey: key(checkpointSeed),
  crypto: nativeCrypto,
  clock: Date.now,
  boot: randomUUID(),
  software: 'countersign/test',
  enrolment: null,
  side: null,
})

async function work(): Promise<void> {
  for (let refusals = 0; refusals < 3; ) {
    try {
      const { seq, leaf } = await ledger.append(attempt())
      process.stdout.write(`${JSON.stringify({ seq, leaf })}\n`)
    } catch (error) {
      refusals++
      process.stdout.write(`${JSON.stringify({ code: (error as CountersignError).code })}\n`)
    }
  }
}

await Promise.all(Array.from({ length: 8 }, work))
process.exit(0)
