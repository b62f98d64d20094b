import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import type { Config } from '../../src/cli/config-schema.js'
import { invoicesPolicy, startInvoices } from './invoices.js'
import { peakResidentMib, residentMib } from './limit.js'
import { readInvoice, startLoad } from './load.js'
import { assertNothingLost } from './soundness.js'
import { eventually, type Sidecar, startSidecar } from './supervised-sidecar.js'

/** A file system of that size at a folder. Answers why there can be none, where there can't. */
function mountSmall(t: TestContext, folder: string, size: string): string | undefined {
  if (process.getuid?.() !== 0) return 'only root can mount a small file system'
  const { status, error, stderr } = spawnSync(
    'mount',
    ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder],
    {
      encoding: 'utf8',
    },
  )
  if (status !== 0) return `mount: ${error?.message ?? stderr}`
  t.after(() => {
    spawnSync('umount', ['-l', folder])
    rmdirSync(folder)
  })
  return undefined
}

/** Leaves no byte of room; what it wrote is what has to be removed. */
function fill(folder: string): string {
  const file = join(folder, 'somebody-elses')
  const part = Buffer.alloc(4_096)
  try {
    for (;;) writeFileSync(file, part, { flag: 'a' })
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
  }
  return file
}

for (const place of ['ledger', 'mark'] as const)
  test(`a full disk under the ${place} refuses everything for as long as it lasts, and no longer`, async t => {
    const invoices = await startInvoices(t)
    const disk = mkdtempSync(join(tmpdir(), 'countersign-disk-'))
    const unable = mountSmall(t, disk, '24m')
    if (unable !== undefined) return t.skip(unable)
    const sidecar = await startSidecar(t, {
      policy: invoicesPolicy(invoices.address),
      billing: invoices.address,
      configure: (config: Config): Config =>
        place === 'ledger'
          ? { ...config, ledger: { ...config.ledger, dir: join(disk, 'ledger') } }
          : { ...config, ledger: { ...config.ledger, highWater: join(disk, 'high-water.json') } },
    })
    const load = await startLoad(sidecar, 4)
    const count = (status: number) => load.answers.filter(answer => answer.status === status).length
    await eventually('traffic', () => count(200) >= 20 || undefined)
    const first = sidecar.pid('keeper')
    const file = fill(disk)
    await eventually('refusals', () => count(503) >= 20 || undefined)
    // The keeper's next starts find the disk full as well.
    await eventually('a start that fails', () =>
      (sidecar.output.match(/the keeper ended/g) ?? []).length >= 2 ? true : undefined,
    )
    rmSync(file)
    const before = count(200)
    await eventually('service again', () => count(200) >= before + 20 || undefined)
    await load.stop()
    assert.notEqual(sidecar.pid('keeper'), first)
    const seen = new Set(invoices.seen.map(({ path }) => path.slice('/invoices/'.length)))
    for (const { id, status } of load.answers)
      if (status === 503) assert.ok(!seen.has(id), `${id} was forwarded`)
    await assertNothingLost(sidecar, load.answers, true)
  })

const HEAD = /HTTP\/1\.1 \d{3} /g

/** Sends the same request over and over on a few connections, without waiting for answers; resolves when all have come. */
async function flood(sidecar: Sidecar, requests: number, words: () => string): Promise<number> {
  const { hostname, port } = new URL(sidecar.url)
  const CONNECTIONS = 20
  const PIPELINED = 25
  let answered = 0
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const socket = connect(Number(port), hostname)
      let left = requests / CONNECTIONS
      let awaited = 0
      let rest = ''
      const send = (): void => {
        const next = Math.min(PIPELINED, left)
        left -= next
        awaited = next
        socket.write(Array.from({ length: next }, words).join(''))
      }
      socket.on('data', (part: Buffer) => {
        const text = rest + part.toString('latin1')
        const heads = text.match(HEAD)?.length ?? 0
        // A head may come in two parts; the end of a whole one is too short to count again.
        rest = text.slice(-12)
        answered += heads
        awaited -= heads
        if (awaited > 0) return
        if (left > 0) send()
        else socket.end()
      })
      send()
      await new Promise(resolve => socket.once('close', resolve))
    }),
  )
  return answered
}

function bytesUnder(folder: string): number {
  return readdirSync(folder)
    .map(name => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0)
    .reduce((sum, size) => sum + size, 0)
}

const FLOOD = 20_000
const MAX_LEDGER_BYTES = 8 * 1024 * 1024
const MAX_LOG_BYTES = 512 * 1024
const MAX_GROWTH_MIB = 120

test('a flood of refused requests fills neither disk nor memory, and an agent beside it is served', async t => {
  const invoices = await startInvoices(t)
  const sidecar = await startSidecar(t, {
    policy: invoicesPolicy(invoices.address),
    billing: invoices.address,
  })
  const denied = await sidecar.grant()
  const authorization = `Bearer ${await sidecar.grant()}`
  const answers = [await readInvoice(sidecar.url, authorization, `in-${randomUUID()}`)]
  const before = { gate: residentMib(sidecar.pid('gate')), keeper: residentMib(sidecar.pid('keeper')) }
  const bytes = bytesUnder(sidecar.loaded.path('ledger'))
  const head = 'HTTP/1.1\r\nHost: gate\r\n'
  for (const words of [
    // No grant; something that is none; nothing that exists; and a grant that is denied each time.
    () => `GET /billing/invoices/1 ${head}\r\n`,
    () => `GET /billing/invoices/${randomUUID()} ${head}Authorization: Bearer ${randomUUID()}\r\n\r\n`,
    () => `GET /${randomUUID()} ${head}\r\n`,
    () =>
      `POST /billing/invoices/${randomUUID()}/void ${head}Authorization: Bearer ${denied}\r\nContent-Length: 0\r\n\r\n`,
  ]) {
    const flooded = flood(sidecar, FLOOD, words)
    let over = false
    void flooded.then(() => {
      over = true
    })
    do answers.push(await readInvoice(sidecar.url, authorization, `in-${randomUUID()}`))
    while (!over)
    assert.equal(await flooded, FLOOD)
  }
  const own = answers.filter(({ status }) => status === 200)
  assert.equal(own.length, answers.length, 'the agent beside it')
  for (const role of ['gate', 'keeper'] as const) {
    const grown = residentMib(sidecar.pid(role)) - before[role]
    assert.ok(
      grown < MAX_GROWTH_MIB,
      `the ${role} grew by ${grown} MiB to ${peakResidentMib(sidecar.pid(role))}`,
    )
  }
  const log = sidecar.output.length
  assert.ok(log < MAX_LOG_BYTES, `${log} bytes of log`)
  await assertNothingLost(sidecar, answers)
  const grown = bytesUnder(sidecar.loaded.path('ledger')) - bytes - own.length * 8_192
  assert.ok(grown < MAX_LEDGER_BYTES, `the ledger grew by ${grown} bytes`)
  // What was counted last is written by the stop.
  await sidecar.start()
  const entries = await sidecar.entries()
  const counts = entries.map(entry => (entry.type === 'suppressed' ? Number(entry.data.count) : 0))
  const counted = counts.reduce((sum, count) => sum + count, 0)
  const single = entries.filter(entry => entry.type === 'attempt' && entry.decision.effect !== 'allow').length
  assert.equal(counted + single, 4 * FLOOD, 'every refusal is one entry, or counted in one')
})
