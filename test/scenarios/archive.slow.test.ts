import assert from 'node:assert/strict'
import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { countersign } from '../cli/command-line.js'
import { invoicesPolicy, startInvoices } from './invoices.js'
import { startSidecar } from './supervised-sidecar.js'

const REQUESTS = 2_000

test('old entries are archived beside running agents, and everything that reads the log reads on', async t => {
  const invoices = await startInvoices(t)
  const sidecar = await startSidecar(t, {
    policy: invoicesPolicy(invoices.address),
    billing: invoices.address,
  })
  const command = (...argv: string[]) => countersign(...argv, '--config', sidecar.loaded.file)
  const grant = await sidecar.grant()
  const ask = async () => {
    const authorization = `Bearer ${grant}`
    const answer = await fetch(`${sidecar.url}/billing/invoices/in-1`, { headers: { authorization } })
    await answer.arrayBuffer()
    return answer.status
  }
  const statuses = new Set<number>()
  for (let asked = 0; asked < REQUESTS / 2; asked += 25)
    for (const status of await Promise.all(Array.from({ length: 25 }, ask))) statuses.add(status)

  const folder = join(sidecar.folder, 'archive')
  const none = await command('ledger', 'archive', folder, '--keep-days', '30')
  assert.match(none.out, /There is nothing to archive: 0 entries are, and \d+ could be now \(tail\)/)
  const unsaid = await command('ledger', 'archive', folder)
  assert.equal(unsaid.code, 2)
  assert.match(unsaid.err, /--keep-days N, --before TIME and --all/)
  const dry = await command('ledger', 'archive', folder, '--all', '--dry-run')
  assert.match(dry.out, /^\d+ entries would be archived in /)

  const [done] = await Promise.all([
    command('ledger', 'archive', folder, '--all', '--by', 'maria'),
    ...Array.from({ length: 50 }, async () => statuses.add(await ask())),
  ])
  assert.equal(done.code, 0, done.err)
  assert.match(
    done.out,
    /^\d+ entries are in .*archive, read back and compared, and not in the ledger any more/,
  )
  assert.deepEqual([...statuses], [200])
  const status = await command('status')
  assert.match(status.out, /archived {4}\d+ entries, in .*archive and there alone/)
  const again = await command('ledger', 'archive', folder, '--before', '2020-01-01T00:00:00Z')
  assert.match(again.out, /nothing to archive/)

  const running = await command('receipts', 'verify')
  assert.equal(running.code, 0, running.out + running.err)
  assert.equal((await command('receipts', 'show', '3')).code, 0)
  await sidecar.stop()

  const { path, config } = sidecar.loaded
  const trust = ['--trust', path(config.trust.root)]
  const alone = await countersign('receipts', 'verify', folder, ...trust)
  assert.equal(alone.code, 0, alone.out + alone.err)
  const listed = await countersign('receipts', 'list', '--in', folder, '--type', 'genesis')
  assert.match(listed.out, /genesis/)
  const ledger = path(config.ledger.dir)
  assert.equal((await countersign('receipts', 'verify', ledger, ...trust)).code, 0)
  assert.match((await command('ledger', 'check')).out, /^sound/)

  const elsewhere = join(sidecar.folder, 'elsewhere')
  renameSync(folder, elsewhere)
  const missing = await countersign('receipts', 'verify', ledger, ...trust)
  assert.equal(missing.code, 2)
  assert.match(missing.err, /archive_unreadable[\s\S]*--archive DIR/)
  const check = await command('ledger', 'check')
  assert.equal(check.code, 2)
  assert.match(check.out, /^archive_unreadable/)
  assert.equal((await countersign('receipts', 'verify', ledger, ...trust, '--archive', elsewhere)).code, 0)
  assert.match((await command('ledger', 'check', '--archive', elsewhere)).out, /^sound/)
  rmSync(join(elsewhere, 'tile/entries/001'))
  const spoilt = await countersign('receipts', 'verify', ledger, ...trust, '--archive', elsewhere)
  assert.equal(spoilt.code, 1)
  assert.match(spoilt.out, /the evidence cannot be read any further/)
})
