import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import type { JsonObject } from '../../src/canon/index.js'
import type { KeeperOptions } from '../../src/keeper/index.js'
import type { Ledger } from '../../src/ledger/index.js'
import { type SignedOperateOrder, sealOperateOrder } from '../../src/policy/index.js'
import { House, ORIGIN, ofType, onTheWire, signingKey } from './keeper-fixture.js'

const ENTRIES = 2_000

interface Full {
  readonly house: House
  readonly ledger: Ledger
  readonly folder: string
  order(changes?: Partial<SignedOperateOrder>, key?: House['enrolKey']): JsonObject
}

async function full(t: TestContext, options: Partial<KeeperOptions> = {}): Promise<Full> {
  const house = await House.build(t)
  const ledger = await house.openLedger()
  const folder = await mkdtemp(join(tmpdir(), 'countersign-archive-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  while (ledger.head().size < ENTRIES)
    await Promise.all(
      Array.from({ length: 250 }, () => ledger.append({ type: 'heartbeat', data: { size: 1, open: 0 } })),
    )
  await house.start({ ledger, ...options })
  return {
    house,
    ledger,
    folder,
    // One key holds every role in this house.
    order: (changes = {}, key = house.enrolKey) =>
      onTheWire(
        sealOperateOrder(
          {
            v: 1,
            origin: ORIGIN,
            action: 'archive',
            size: 512,
            folder,
            by: 'maria',
            because: 'retention',
            t: house.clock.nowMs(),
            nonce: randomUUID(),
            ...changes,
          } as SignedOperateOrder,
          [key],
        ),
      ),
  }
}

async function ended({ house }: Full): Promise<JsonObject> {
  for (;;) {
    const { body } = await house.admin('GET', '/v1/archives')
    const { state } = body.archiving as { state: string }
    if (state === 'done' || state === 'failed') return body
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

describe('archiving', () => {
  it('is done on an order, says so in the log, and old receipts are read from there', async t => {
    const at = await full(t)
    const { house, ledger, folder, order } = at
    const before = await house.admin('GET', '/v1/receipts/77')
    const { status } = await house.admin('POST', '/v1/archives', { order: order() })
    assert.equal(status, 200)
    const { archived } = await ended(at)
    const [receipt] = await ofType(ledger, 'archive')
    const { size, root, by, because } = (receipt as NonNullable<typeof receipt>).data
    assert.deepEqual([size, by, because], [512, 'maria', 'retention'])
    assert.deepEqual(archived, { size: 512, root, folder })
    assert.deepEqual(await house.admin('GET', '/v1/receipts/77'), before)
    const told = await house.admin('GET', `/v1/why/${receipt?.seq}`)
    assert.match(String(told.body.sentence), /512 entries were moved to an archive by maria/)
    await rm(folder, { recursive: true })
    const gone = await house.admin('GET', '/v1/receipts/77')
    assert.deepEqual([gone.status, gone.body.code], [503, 'archive_unreadable'])
    assert.equal((await house.admin('GET', '/v1/receipts/600')).status, 200)
  })

  const refused: Record<string, (at: Full) => readonly [JsonObject, string]> = {
    'attack: by a key without the operate role': ({ order }) => [
      order({}, signingKey()),
      'signing_key_unknown',
    ],
    'for another sidecar': ({ order }) => [
      order({ origin: 'acme.test/countersign/other' }),
      'operate_order_elsewhere',
    ],
    'for what a start reads again': ({ order }) => [order({ size: 1_024 } as never), 'archive_too_far'],
    'for half a tile': ({ order }) => [order({ size: 300 } as never), 'archive_unfit'],
  }
  for (const [what, make] of Object.entries(refused))
    it(`refuses an order ${what}, and moves nothing`, async t => {
      const at = await full(t)
      const [order, code] = make(at)
      const { body } = await at.house.admin('POST', '/v1/archives', { order })
      assert.equal(body.code, code)
      assert.deepEqual(await ofType(at.ledger, 'archive'), [])
      assert.equal(at.ledger.archived(), null)
    })

  it('attack: an order is fulfilled once', async t => {
    const at = await full(t)
    const order = at.order()
    await at.house.admin('POST', '/v1/archives', { order })
    await ended(at)
    const { body } = await at.house.admin('POST', '/v1/archives', { order })
    assert.equal(body.code, 'operate_order_replayed')
  })

  it('what a sink has not got yet stays', async t => {
    const shipping = {
      lag: () => null,
      keepWithin: () => undefined,
      stop: async () => undefined,
      status: () => [
        {
          name: 'bucket',
          to: 's3',
          shipped: 300,
          lag: { entries: 1_700, seconds: 1 },
          acknowledges: true,
          required: true,
          failing: null,
        },
      ],
    }
    const at = await full(t, { shipping } as unknown as Partial<KeeperOptions>)
    const { body } = await at.house.admin('POST', '/v1/archives', { order: at.order() })
    assert.equal(body.code, 'archive_too_far')
    assert.match(String(body.message), /256 entries at most, for the shipping/)
  })
})
