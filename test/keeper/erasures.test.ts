import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it, type TestContext } from 'node:test'
import { exportJWK, generateKeyPair } from 'jose'
import {
  contentId,
  encodeEnvelope,
  formatPublicKey,
  type JsonObject,
  parseStrictJson,
  utf8,
} from '../../src/canon/index.js'
import { type Ledger, sideCipher } from '../../src/ledger/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { type SignedOperateOrder, sealCountersignature, sealOperateOrder } from '../../src/policy/index.js'
import { House, ORIGIN, ofType, onTheWire, openedPolicy, operation, signingKey } from './keeper-fixture.js'

interface Kept {
  readonly house: House
  readonly ledger: Ledger
  /** `seq` of two attempts whose inputs were kept. */
  readonly seqs: readonly [number, number]
  order(changes?: Partial<SignedOperateOrder>, key?: House['enrolKey']): JsonObject
  stop(): Promise<void>
}

const VOID = 'POST /invoices/{id}/void'
const jo = signingKey(Buffer.alloc(32, 7))
const HOLDING = openedPolicy(`
apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: acme, version: 1, expires: 2099-01-01T00:00:00Z, audience: [staging] }
apis:
  billing:
    upstream: https://billing.acme.test
    credential: billing
    routes: [{ route: "${VOID}", class: irreversible }]
credentials:
  billing: { minter: jwt, audience: https://billing.acme.test }
agents:
  coder: { environment: staging, session: 8h, identity: [{ grant: true }] }
approvers:
  finance: { keys: { jo: "${formatPublicKey(jo.publicKey)}" } }
rules:
  - { id: finance-voids, hold: { api: billing, operations: ["${VOID}"] }, to: [coder], approvers: finance }
`)

async function keeping(t: TestContext, policy?: typeof HOLDING): Promise<Kept> {
  const { publicKey } = await generateKeyPair('ECDH-ES+A256KW', { crv: 'X25519', extractable: true })
  const side = await sideCipher(await exportJWK(publicKey))
  const house = await House.build(t)
  if (policy !== undefined) house.shelf.next = policy
  const ledger = await house.openLedger({ side })
  const { keeper } = await house.start({ ledger, side })
  const client = await house.connect()
  const asked = policy === undefined ? {} : operation(VOID, '7')
  const first = await house.ask(client, asked)
  const second = await house.ask(client, asked)
  const seqs = [first.seq ?? -1, second.seq ?? -1] as const
  return {
    house,
    ledger,
    seqs,
    // One key holds every role in this house.
    order: (changes = {}, key = house.enrolKey) =>
      onTheWire(
        sealOperateOrder(
          {
            v: 1,
            origin: ORIGIN,
            action: 'erase',
            attempts: [seqs[0]],
            by: 'maria',
            because: 'ticket 77',
            t: house.clock.nowMs(),
            nonce: randomUUID(),
            ...changes,
          } as SignedOperateOrder,
          [key],
        ),
      ),
    stop: () => keeper.stop(),
  }
}

describe('erasing', () => {
  it('deletes the record of the attempt that is named, and of no other, and says so in a receipt', async t => {
    const { house, ledger, seqs, order } = await keeping(t)
    const [one, other] = await ofType(ledger, 'attempt')
    const { status, body } = await house.admin('POST', '/v1/erasures', { order: order() })
    assert.equal(status, 200)
    const [receipt] = await ofType(ledger, 'erase')
    assert.deepEqual(body.erased, [{ attempt: seqs[0], receipt: receipt?.seq }])
    const { attempt, id, by, because } = (receipt as NonNullable<typeof receipt>).data
    assert.deepEqual(
      { attempt, id, by, because },
      { attempt: seqs[0], id: one?.id as string, by: 'maria', because: 'ticket 77' },
    )
    const { signed } = (receipt as NonNullable<typeof receipt>).data
    assert.equal(contentId(nativeCrypto, utf8(signed as string)), receipt?.data.order)
    assert.equal(await ledger.side.get(one?.id ?? ''), undefined)
    assert.notEqual(await ledger.side.get(other?.id ?? ''), undefined)
  })

  it('attack: what was erased is still shown to whoever opens the approval that was asked for', async t => {
    const { house, ledger, seqs, order } = await keeping(t, HOLDING)
    const [approval] = await house.waiting()
    assert.ok(approval !== undefined)
    const erase = () => house.admin('POST', '/v1/erasures', { order: order({ attempts: [seqs[1]] }) })
    assert.equal((await erase()).body.code, 'approval_waits')
    assert.deepEqual(await ofType(ledger, 'erase'), [])
    const { id, statement } = approval
    const no = sealCountersignature({ v: 1, verdict: 'reject', statement, t: house.clock.nowMs() }, jo)
    const countersignature = parseStrictJson(encodeEnvelope(no))
    const said = await house.admin('POST', `/v1/approvals/${id}/countersignatures`, { countersignature })
    assert.equal(said.status, 200, JSON.stringify(said.body))
    const [kept] = await ledger.state.list('approval/')
    assert.ok(kept?.[1].includes('{"id":"7"}'))
    assert.equal((await erase()).status, 200)
    assert.deepEqual(await ledger.state.list('approval/'), [])
    assert.equal((await house.admin('GET', `/v1/approvals/${id}`)).body.code, 'approval_unknown')
  })

  const refused: Record<string, (kept: Kept) => readonly [JsonObject, string]> = {
    'attack: by a key without the operate role': ({ order }) => [
      order({}, signingKey()),
      'signing_key_unknown',
    ],
    'for another sidecar': ({ order }) => [
      order({ origin: 'acme.test/countersign/other' }),
      'operate_order_elsewhere',
    ],
    'signed ten minutes ago': ({ order }) => [order({ t: Date.now() - 600_000 }), 'operate_order_stale'],
    'for an entry that isn’t there': ({ order }) => [order({ attempts: [9_999] }), 'receipt_unknown'],
    'for an entry that is no attempt, all of it': ({ order, seqs }) => [
      order({ attempts: [seqs[0], 0] }),
      'nothing_to_erase',
    ],
  }
  for (const [what, make] of Object.entries(refused))
    it(`refuses an order ${what}, and erases nothing`, async t => {
      const kept = await keeping(t)
      const [order, code] = make(kept)
      const { body } = await kept.house.admin('POST', '/v1/erasures', { order })
      assert.equal(body.code, code)
      assert.deepEqual(await ofType(kept.ledger, 'erase'), [])
      for (const { id } of await ofType(kept.ledger, 'attempt'))
        assert.notEqual(await kept.ledger.side.get(id), undefined)
    })

  it('attack: an order is fulfilled once, not twice at a time nor again after a restart', async t => {
    const { house, seqs, order, stop } = await keeping(t)
    const same = order({ attempts: [seqs[1]] })
    const answers = await Promise.all([1, 2].map(() => house.admin('POST', '/v1/erasures', { order: same })))
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 403])
    await stop()
    await house.start()
    const { body } = await house.admin('POST', '/v1/erasures', { order: same })
    assert.equal(body.code, 'operate_order_replayed')
  })

  it('a crash between receipt and deletion is made good at the next start', async t => {
    const { house, ledger, order, stop } = await keeping(t)
    const [one] = await ofType(ledger, 'attempt')
    const id = one?.id ?? ''
    const record = (await ledger.side.get(id)) as Uint8Array
    await house.admin('POST', '/v1/erasures', { order: order() })
    // As if the deletion had not reached the disk: the record is there again.
    await ledger.append({ type: 'heartbeat', data: { size: 1, open: 0 } }, { side: { id, record } })
    await stop()
    const { ledger: again } = await house.start()
    assert.equal(await again.side.get(id), undefined)
  })
})
