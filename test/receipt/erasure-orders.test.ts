import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  contentId,
  encodeEnvelope,
  formatPublicKey,
  fromUtf8,
  type JsonObject,
  utf8,
} from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import {
  type OperateOrder,
  type SignedOperateOrder,
  sealOperateOrder,
  type TrustRoot,
} from '../../src/policy/index.js'
import { type Entry, ErasureAudit } from '../../src/receipt/index.js'
import { keyNamed } from '../policy/trust-fixture.js'
import { smallTrustRoot } from './bundle-fixture.js'
import { CHAIN } from './log-fixture.js'

const T = 1_800_000_000_000
const ORDER: SignedOperateOrder = {
  ...{ v: 1, origin: 'acme.test/countersign/edge', action: 'erase', attempts: [4, 5] },
  ...{ by: 'maria', because: 'ticket 77', t: T, nonce: 'n'.repeat(16) },
}

const { attempts: _, ...RESTING } = ORDER as OperateOrder<'erase'>
const THAW: SignedOperateOrder = { ...RESTING, action: 'thaw' }

interface Case {
  readonly order?: Partial<SignedOperateOrder>
  readonly by?: string
  /** The order is to thaw. */
  readonly thaws?: boolean
  /** Members of the entries. */
  readonly data?: JsonObject
  readonly attempts?: readonly number[]
  readonly t?: number
  readonly root?: TrustRoot
}

/** One entry for each attempt; the first carries the order. */
function audited({
  order,
  by = 'admin',
  thaws = false,
  data,
  attempts = [4, 5],
  t = T,
  root = smallTrustRoot(),
}: Case) {
  const signed = fromUtf8(
    encodeEnvelope(
      sealOperateOrder(thaws ? THAW : ({ ...ORDER, ...order } as SignedOperateOrder), [keyNamed(by)]),
    ),
  )
  const cid = contentId(nativeCrypto, utf8(signed))
  const audit = new ErasureAudit(nativeCrypto, [root])
  const found: string[] = []
  for (const [seq, attempt] of attempts.entries()) {
    const said = {
      attempt,
      by: 'maria',
      because: 'ticket 77',
      order: cid,
      ...(seq === 0 ? { signed } : {}),
      ...data,
    }
    const entry = { type: 'erase', chain: CHAIN, seq, t, data: said }
    audit.audit(entry as unknown as Entry, (code, at, detail) => found.push(`${code} ${at}: ${detail}`))
  }
  return { found, ...audit.summary() }
}

describe('an erasure', () => {
  it('is held against its order, each attempt of it', () => {
    assert.deepEqual(audited({}), { found: [], ordered: 2, unproven: 0 })
  })

  it('is told to be unproven where the log has no order of it', () => {
    const { found, unproven } = audited({ data: { signed: null } })
    assert.deepEqual({ found, unproven }, { found: [], unproven: 2 })
  })

  const LIES: Readonly<Record<string, Case>> = {
    'that nobody of the role has ordered': { by: 'mallory', attempts: [4] },
    'of an attempt that the order leaves out': { attempts: [9] },
    'in another name': { data: { by: 'jo' }, attempts: [4] },
    'under another order than it cites': { data: { order: `sha256:${'0'.repeat(64)}` }, attempts: [4] },
    'under an order for another sidecar': { order: { origin: 'acme.test/countersign/two' }, attempts: [4] },
    'under an order of last year': { t: T + 31_536_000_000, attempts: [4] },
    'under an order to thaw': { thaws: true, attempts: [4] },
    'under an order by a key that was revoked by then': {
      root: {
        ...smallTrustRoot(),
        revoked: {
          keys: [formatPublicKey(keyNamed('admin').publicKey)],
          ids: [],
          since: { [formatPublicKey(keyNamed('admin').publicKey)]: new Date(T - 1_000).toISOString() },
        },
      },
      attempts: [4],
    },
  }
  for (const [what, lie] of Object.entries(LIES))
    it(`attack: ${what} is found`, () => {
      const { found, ordered } = audited(lie)
      assert.deepEqual([found.length, ordered], [1, 0], JSON.stringify(found))
      assert.match(found[0] as string, /^erase_unordered 0: /)
    })
})
