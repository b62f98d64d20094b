import assert from 'node:assert/strict'
import { test } from 'node:test'
import { outcomeOf, type Sidecar, single } from '../sidecar.js'
import type { Where } from '../surroundings.js'

const GRANT_HEADERS = (token: string) => ({
  'a bearer token': { authorization: `Bearer ${token}` },
  'the grant header': { 'countersign-grant': token },
})

interface Invoice {
  readonly id: string
  readonly status: string
}

interface Refusal {
  readonly code: string
  readonly message: string
  readonly receipt: number
  readonly approval?: string
}

function invoice(sidecar: Sidecar, headers: Record<string, string>, suffix = '', method = 'GET') {
  return fetch(`${sidecar.gate}/billing/invoices/in_1001${suffix}`, { method, headers })
}

/** `Countersign-Receipt: origin="…", seq=123, leaf="…"`, taken apart. */
function anchorOf(response: Response) {
  const header = response.headers.get('countersign-receipt') ?? ''
  const match = /^origin="([^"]+)", seq=(\d+), leaf="([0-9a-f]{64})"$/.exec(header)
  assert.ok(match, `a well-formed anchor, not ${header}`)
  return { origin: match[1], seq: Number(match[2]), leaf: match[3] }
}

export function fetchSuite(where: Where): void {
  for (const slot of ['a bearer token', 'the grant header'] as const) {
    test(`reads an invoice with the grant as ${slot}`, async () => {
      const { sidecar } = where()
      const { token } = await sidecar.grant()
      const response = await invoice(sidecar, GRANT_HEADERS(token)[slot])
      assert.equal(response.status, 200)
      assert.equal(((await response.json()) as Invoice).id, 'in_1001')
      assert.match(response.headers.get('countersign-decision') ?? '', /allow/)
    })
  }

  test('the anchor of an answer is the leaf of its attempt, which comes before its one outcome', async () => {
    const { sidecar } = where()
    const { token } = await sidecar.grant()
    const response = await invoice(sidecar, GRANT_HEADERS(token)['a bearer token'])
    const anchor = anchorOf(response)
    const attempted = (await sidecar.ledger())[anchor.seq]
    assert.equal(attempted?.entry.type, 'attempt')
    assert.equal(attempted?.leaf, anchor.leaf)
    assert.equal(attempted?.entry.chain, anchor.origin)
    await response.arrayBuffer()
    const outcome = await outcomeOf(sidecar, attempted?.entry as never)
    assert.ok(outcome.seq > anchor.seq)
    assert.equal(outcome.attempt_leaf, anchor.leaf)
    assert.deepEqual([outcome.status, outcome.http], ['completed', 200])
  })

  test('the anchor of a refusal is in the ledger before the agent reads it', async () => {
    const { sidecar } = where()
    const { token } = await sidecar.grant()
    const response = await invoice(sidecar, GRANT_HEADERS(token)['a bearer token'], '', 'DELETE')
    const anchor = anchorOf(response)
    const recorded = (await sidecar.ledger())[anchor.seq]
    assert.equal(recorded?.leaf, anchor.leaf)
    assert.equal(((await response.json()) as Refusal).receipt, anchor.seq)
  })

  test('a void waits for a person and leaves the invoice open', async () => {
    const { sidecar } = where()
    const headers = GRANT_HEADERS((await sidecar.grant()).token)['a bearer token']
    const { value: response, attempts } = await sidecar.during(() =>
      invoice(sidecar, headers, '/void', 'POST'),
    )
    const refusal = (await response.json()) as Refusal
    assert.equal(response.status, 403)
    assert.match(refusal.message, /^HELD, nothing was executed\./)
    assert.equal(refusal.approval, single(attempts).approval)
    const after = (await (await invoice(sidecar, headers)).json()) as Invoice
    assert.equal(after.status, 'open')
  })

  test('without a grant the answer is 401 and says what to do', async () => {
    const { sidecar } = where()
    const response = await invoice(sidecar, {})
    assert.equal(response.status, 401)
    assert.match(((await response.json()) as Refusal).message, /^REFUSED, nothing was executed\./)
  })

  test('two slots at once are a foreign credential', async () => {
    const { sidecar } = where()
    const { token } = await sidecar.grant()
    const both = { authorization: `Bearer ${token}`, 'countersign-grant': token }
    const { value: response, attempts } = await sidecar.during(() => invoice(sidecar, both))
    assert.equal(((await response.json()) as Refusal).code, 'foreign_credential')
    assert.equal(single(attempts).decision.code, 'foreign_credential')
  })

  test('a revoked grant is 401 from the next request on', async () => {
    const { sidecar } = where()
    const { token, jti } = await sidecar.grant()
    const headers = GRANT_HEADERS(token)['a bearer token']
    assert.equal((await invoice(sidecar, headers)).status, 200)
    await sidecar.revoke(jti)
    const response = await invoice(sidecar, headers)
    assert.equal(response.status, 401)
    assert.match(((await response.json()) as Refusal).message, /The grant was revoked/)
  })
}
