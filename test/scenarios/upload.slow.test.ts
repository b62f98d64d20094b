import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import process from 'node:process'
import { test } from 'node:test'
import { invoicesPolicy, json, startInvoices } from './invoices.js'
import { peakResidentMib } from './limit.js'
import { eventually, type Sidecar, startSidecar } from './supervised-sidecar.js'

const MIB = 1024 * 1024
/** `npm run test:large` asks for 1024. */
const UPLOAD_MIB = Number(process.env.COUNTERSIGN_UPLOAD_MIB ?? 256)
const MAX_RESIDENT_MIB = 250

test(`an upload of ${UPLOAD_MIB} MiB passes in constant memory, byte for byte`, async t => {
  const invoices = await startInvoices(t)
  const policy = invoicesPolicy(invoices.address)
  const sidecar = await startSidecar(t, { policy, billing: invoices.address })
  const { upload, answered } = await beginUpload(sidecar)
  const part = randomBytes(MIB)
  const hash = createHash('sha256')
  for (let sent = 0; sent < UPLOAD_MIB; sent++) {
    hash.update(part)
    if (!upload.write(part))
      await Promise.race([new Promise(resolve => upload.once('drain', resolve)), answered])
  }
  upload.end()
  assert.equal((await answered).statusCode, 200)
  assert.deepEqual(await invoices.seen[0]?.body, { bytes: UPLOAD_MIB * MIB, sha256: hash.digest('hex') })
  const peakMib = peakResidentMib(sidecar.pid('gate'))
  assert.ok(peakMib < MAX_RESIDENT_MIB, `the gate took ${peakMib} MiB`)

  const outcome = await eventually('the outcome', async () =>
    (await sidecar.entries()).find(entry => entry.type === 'outcome'),
  )
  assert.ok(outcome.type === 'outcome')
  assert.equal(outcome.status, 'completed')
  assert.match(outcome.body_c ?? '', /^[0-9a-f]{64}$/)
})

test('an upstream that doesn’t read holds the agent back, not the gate’s memory', async t => {
  const invoices = await startInvoices(t)
  let release = (): void => {}
  invoices.answer = (incoming, response) => {
    incoming.pause()
    release = () => incoming.resume()
    incoming.once('end', () => json(response))
  }
  const policy = invoicesPolicy(invoices.address)
  const sidecar = await startSidecar(t, { policy, billing: invoices.address })
  const { upload, answered } = await beginUpload(sidecar)
  const part = randomBytes(MIB)
  let sent = 0
  let stalled = false
  while (!stalled) {
    sent += 1
    assert.ok(sent < 64, 'the gate takes whatever it is given')
    if (!upload.write(part)) stalled = !(await drainedSoon(upload))
  }
  release()
  upload.end()
  assert.equal((await answered).statusCode, 200)
  assert.equal((await invoices.seen[0]?.body)?.bytes, sent * MIB)
})

async function beginUpload(
  sidecar: Sidecar,
): Promise<{ upload: ClientRequest; answered: Promise<IncomingMessage> }> {
  const upload = request(`${sidecar.url}/billing/attachments/a-1`, {
    method: 'PUT',
    headers: {
      authorization: `Bearer ${await sidecar.grant()}`,
      'content-type': 'application/octet-stream',
    },
  })
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    upload.once('response', response => resolve(response.resume()))
    upload.once('error', reject)
  })
  return { upload, answered }
}

function drainedSoon(upload: ClientRequest): Promise<boolean> {
  return new Promise(resolve => {
    const timer = setTimeout(() => resolve(false), 1_000)
    upload.once('drain', () => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}
