import { randomUUID } from 'node:crypto'
import { portableSigningKey } from '../../src/canon/index.js'
import { openLedger } from '../../src/ledger/index.js'
import { nativeCrypto, nativeSigningKey } from '../../src/native/index.js'
import { archiveRequest } from './archive-request.js'
import { ORIGIN } from './ledger-fixture.js'

/** Archives a ledger and ends itself with SIGKILL as soon as it has come as far as it is told. */
const [dir, highWater, receiptSeed, checkpointSeed, folder, size, moment] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
  'writing' | 'reading' | 'committed',
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

function hasCome(): boolean {
  const { state, entries = 0 } = ledger.archiving.status() ?? {}
  if (moment === 'committed') return ledger.archived() !== null && state !== 'done'
  return state === moment && entries > 0
}

function look(): void {
  if (hasCome()) process.kill(process.pid, 'SIGKILL')
  setImmediate(look)
}

void ledger.archiving.begin(archiveRequest(folder, Number(size)))
look()
