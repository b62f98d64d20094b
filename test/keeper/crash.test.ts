import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { House, ofType, operation, REMIND } from './keeper-fixture.js'

const keeperProcess = fileURLToPath(new URL('./keeper-process.js', import.meta.url))

describe('a keeper that was killed', () => {
  it('left every receipt that it answered with; the next one closes its attempts and still counts its limits', async t => {
    const seed = randomBytes(32)
    const house = await House.build(t, seed)
    const first = await keeperIn(house.folder, seed)
    house.beforeEnd(() => ended(first))
    const client = await house.connect()
    const held = await house.ask(client, operation('POST /invoices/{id}/void'))
    const seqs = [
      (await house.ask(client, operation(REMIND))).seq,
      (await house.ask(client, operation(REMIND))).seq,
    ]
    first.kill('SIGKILL')
    await once(first, 'exit')

    const { ledger } = await house.start()
    await client.whenConnected()
    const outcomes = await ofType(ledger, 'outcome')
    assert.deepEqual(
      outcomes.map(({ attempt, status }) => [attempt, status]),
      seqs.map(seq => [seq, 'indeterminate']),
    )
    const late = await client.settle({
      attempt: seqs[0] as number,
      status: 'completed',
      http: 200,
      upstreamId: null,
      bodySha256: null,
      responseSha256: null,
      responseBytes: 0,
    })
    assert.equal(late.recorded, false, 'a settle that comes after the recovery is refused')
    const third = await house.ask(client, operation(REMIND))
    const fourth = await house.ask(client, operation(REMIND))
    assert.equal(third.verdict.kind, 'forward')
    assert.equal(fourth.verdict.kind === 'refuse' && fourth.verdict.code, 'over_limit')
    const again = await house.ask(client, operation('POST /invoices/{id}/void'))
    assert.ok(again.verdict.kind === 'refuse' && held.verdict.kind === 'refuse')
    assert.equal(again.verdict.approval, held.verdict.approval)
  })
})

describe('two keepers on one ledger', () => {
  it('the second ends with a name for it, and the first goes on', async t => {
    const seed = randomBytes(32)
    const house = await House.build(t, seed)
    const first = await keeperIn(house.folder, seed)
    house.beforeEnd(() => ended(first))
    const client = await house.connect()
    const second = spawn(process.execPath, [keeperProcess, house.folder, Buffer.from(seed).toString('hex')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [said] = await Promise.all([text(second.stderr), once(second, 'exit')])
    assert.match(said, /code: 'ledger_locked'/)
    assert.notEqual(second.exitCode, 0)
    assert.equal((await house.ask(client, operation(REMIND))).verdict.kind, 'forward')
  })
})

/** INVARIANT: before its folder is removed, in which it would go on writing. */
async function ended(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

async function keeperIn(folder: string, seed: Uint8Array): Promise<ChildProcess> {
  const child = spawn(process.execPath, [keeperProcess, folder, Buffer.from(seed).toString('hex')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => assert.fail('the keeper did not start')),
  ])
  return child
}
