import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { connectKeeper, type SettleCall } from '../../src/gate/index.js'
import type { Ledger } from '../../src/ledger/index.js'
import { entriesOf, House, ofType, operation, slowLedger, until } from './keeper-fixture.js'

function completed(attempt: number): SettleCall {
  return {
    attempt,
    status: 'completed',
    http: 200,
    upstreamId: 'req_9',
    bodySha256: null,
    responseSha256: 'ab'.repeat(32),
    responseBytes: 12,
  }
}

describe('settling an attempt', () => {
  it('records one outcome that cites the attempt, and refuses a second', async t => {
    const house = await House.build(t)
    const { ledger } = await house.start()
    const client = await house.connect()
    const { seq } = await house.ask(client)
    const [first, second] = await Promise.all([
      client.settle(completed(seq as number)),
      client.settle(completed(seq as number)),
    ])
    assert.deepEqual([first?.recorded, second?.recorded], [true, false])
    const [outcome, ...others] = await ofType(ledger, 'outcome')
    assert.equal(others.length, 0)
    const [attempt] = await ofType(ledger, 'attempt')
    assert.equal(outcome?.attempt, attempt?.seq)
    assert.equal(outcome?.status, 'completed')
    assert.match(outcome?.resp_c ?? '', /^[0-9a-f]{64}$/)
    assert.notEqual(outcome?.resp_c, 'ab'.repeat(32), 'never a bare digest')
  })

  it('records nothing for a denied attempt or one that never was', async t => {
    const house = await House.build(t)
    const { ledger } = await house.start()
    const client = await house.connect()
    const { seq } = await house.ask(client, operation('DELETE /invoices/{id}'))
    assert.equal((await client.settle(completed(seq as number))).recorded, false)
    assert.equal((await client.settle(completed(9_999))).recorded, false)
    assert.deepEqual(await ofType(ledger, 'outcome'), [])
  })

  it('attack: a gate can’t settle what another gate opened', async t => {
    const house = await House.build(t)
    const { ledger } = await house.start()
    const [mine, theirs] = [await house.connect(), await house.connect()]
    const { seq } = await house.ask(mine)
    assert.equal((await theirs.settle(completed(seq as number))).recorded, false)
    assert.deepEqual(await ofType(ledger, 'outcome'), [])
    assert.equal((await mine.settle(completed(seq as number))).recorded, true)
  })

  it('closes what a gate left open when it goes, as indeterminate', async t => {
    const house = await House.build(t)
    const { ledger } = await house.start()
    const client = await house.connect()
    await house.ask(client)
    await house.ask(client)
    await client.close()
    await until(async () => (await ofType(ledger, 'outcome')).length === 2)
    assert.deepEqual(await statuses(ledger), ['indeterminate', 'indeterminate'])
  })

  it('closes as not sent what was written down when its gate had gone', async t => {
    const house = await House.build(t)
    const opened = await house.openLedger()
    const { ledger, asked, goOn } = slowLedger(opened, ({ type }) => type === 'attempt')
    await house.start({ ledger })
    const gate = connectKeeper({ socketPath: house.linkSocket, gate: randomUUID(), callTimeoutMs: 1 })
    await gate.whenConnected()
    await assert.rejects(gate.admit(await house.call(gate)), { code: 'keeper_slow' })
    await asked
    await gate.close()
    await until(async () => (await house.admin('GET', '/v1/status')).body.gates === 0)
    goOn()
    await until(async () => (await statuses(ledger)).length === 1)
    assert.deepEqual(await statuses(ledger), ['not_sent'])
  })

  it('closes what ran past its deadline, and refuses the late settle', async t => {
    const house = await House.build(t)
    const { ledger } = await house.start({ attemptDeadlineMs: 1 })
    const client = await house.connect()
    const { seq } = await house.ask(client)
    await until(async () => (await ofType(ledger, 'outcome')).length === 1)
    assert.equal((await client.settle(completed(seq as number))).recorded, false)
    assert.deepEqual(await statuses(ledger), ['indeterminate'])
  })
})

describe('stopping the keeper', () => {
  it('waits for open attempts, admits nothing more, and ends the ledger with a close', async t => {
    const house = await House.build(t)
    const { keeper } = await house.start({ drainMs: 5_000 })
    const client = await house.connect()
    const { seq } = await house.ask(client)
    const call = await house.call(client)
    const stopped = keeper.stop()
    await assert.rejects(client.admit(call), { code: 'keeper_stopping' })
    assert.equal((await client.settle(completed(seq as number))).recorded, true)
    await stopped
    assert.equal(house.broker.closed, true)
    const reopened = await house.reopenLedger()
    const types = (await entriesOf(reopened)).map(({ type }) => type)
    assert.deepEqual(types, ['genesis', 'boot', 'policy', 'attempt', 'outcome', 'close', 'boot'])
  })

  it('doesn’t wait for the attempts of a gate that goes meanwhile', async t => {
    const house = await House.build(t)
    const { keeper } = await house.start({ drainMs: 600_000 })
    const client = await house.connect()
    await house.ask(client)
    const stopped = keeper.stop()
    await client.close()
    await stopped
    const reopened = await house.reopenLedger()
    assert.deepEqual(await statuses(reopened), ['indeterminate'])
  })

  it('waits for no upstream that doesn’t answer a revocation', async t => {
    const house = await House.build(t)
    const { keeper } = await house.start()
    house.broker.close = () => new Promise(() => undefined)
    await keeper.stop()
    const reopened = await house.reopenLedger()
    assert.equal((await entriesOf(reopened)).at(-2)?.type, 'close')
  })

  it('closes as indeterminate what nobody settles in time', async t => {
    const house = await House.build(t)
    const { keeper } = await house.start({ drainMs: 1 })
    const client = await house.connect()
    await house.ask(client)
    await keeper.stop()
    const reopened = await house.reopenLedger()
    assert.deepEqual(await statuses(reopened), ['indeterminate'])
  })
})

async function statuses(ledger: Ledger): Promise<readonly string[]> {
  return (await ofType(ledger, 'outcome')).map(({ status }) => status)
}
