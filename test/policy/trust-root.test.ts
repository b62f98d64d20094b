import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeEnvelope, type JsonObject, PAYLOAD_TYPES, portableCrypto } from '../../src/canon/index.js'
import {
  openTrustChain,
  openTrustRoot,
  readTrustRoot,
  requireSeen,
  retireKey,
  revokedSinceMs,
  revokeKey,
  rotateTrustRoot,
  type TrustRoot,
} from '../../src/policy/index.js'
import { idOf, sealedChain, signedAnyhow, trustRoot, written } from './trust-fixture.js'

const first = trustRoot()
/** Hands the root role over to another key. */
const second = rotateTrustRoot(
  first,
  {
    keys: { ...first.keys, 'root-2': written('root-2') },
    roles: { ...first.roles, root: { keys: ['root-2'], threshold: 1 } },
  },
  portableCrypto,
)
const third = rotateTrustRoot(second, revokeKey(second, 'root'), portableCrypto)
const chain = () => sealedChain([first, ['root']], [second, ['root', 'root-2']], [third, ['root-2']])

const open = (versions: readonly Uint8Array[], pin: string) => openTrustRoot(versions, pin, portableCrypto)
const anyhow = (root: unknown, keys: readonly string[]) =>
  encodeEnvelope(signedAnyhow(root, keys, PAYLOAD_TYPES.trustRoot))

test('the newest version of a chain is opened, whichever version is pinned', () => {
  for (const root of [first, second, third]) assert.equal(open(chain(), idOf(root)).version, 3)
})

test('a revoked key has left every role and stands on the list', () => {
  const root = open(chain(), idOf(first))
  assert.deepEqual(root.revoked.keys, [written('root')])
  assert.equal(Object.values(root.keys).includes(written('root')), false)
})

const seenOf = (root: TrustRoot) => ({ version: root.version, cid: idOf(root) })
const requireSeenIn = (versions: readonly Uint8Array[], pin: TrustRoot, seen: TrustRoot | null) =>
  requireSeen(
    openTrustChain(versions, idOf(pin), portableCrypto),
    idOf(pin),
    seen === null ? null : seenOf(seen),
    portableCrypto,
  )

test('a chain that has the version that was seen is as good as before, however far it goes', () => {
  for (const seen of [null, first, second, third]) requireSeenIn(chain(), first, seen)
})

test('ATTACK: a chain that was cut back behind what was seen → trust_root_behind', () => {
  const cut = chain().slice(0, 2)
  requireSeenIn(cut, first, second)
  assert.throws(() => requireSeenIn(cut, first, third), { code: 'trust_root_behind' })
  assert.throws(() => requireSeenIn(cut, second, third), { code: 'trust_root_behind' })
})

test('ATTACK: a root key that was handed over signs another next version → trust_root_behind', () => {
  const other = rotateTrustRoot(first, { minPolicyVersion: 9 }, portableCrypto)
  const onward = rotateTrustRoot(other, { minPolicyVersion: 10 }, portableCrypto)
  const forked = sealedChain([first, ['root']], [other, ['root']], [onward, ['root']])
  assert.equal(open(forked, idOf(first)).version, 3, 'the pin alone says nothing')
  for (const seen of [second, third])
    assert.throws(() => requireSeenIn(forked, first, seen), { code: 'trust_root_behind' })
  requireSeenIn(forked, onward, third)
  assert.throws(() => requireSeenIn(forked, other, third), { code: 'trust_root_behind' })
})

test('ATTACK: a whole chain of the attacker’s own making → trust_root_pin', () => {
  const own = trustRoot({ keys: { ...first.keys, root: written('mallory') } })
  assert.throws(() => open(sealedChain([own, ['mallory']]), idOf(first)), { code: 'trust_root_pin' })
})

test('ATTACK: an empty chain → trust_root_chain', () => {
  assert.throws(() => open([], idOf(first)), { code: 'trust_root_chain' })
})

test('ATTACK: the newest version cut off, back to before the pin → trust_root_pin', () => {
  assert.throws(() => open(chain().slice(0, 2), idOf(third)), { code: 'trust_root_pin' })
})

test('ATTACK: a version left out → trust_root_chain', () => {
  const [one, , three] = chain() as [Uint8Array, Uint8Array, Uint8Array]
  assert.throws(() => open([one, three], idOf(first)), { code: 'trust_root_chain' })
  assert.throws(() => open(chain().slice(1), idOf(third)), { code: 'trust_root_chain' })
})

test('ATTACK: versions in another order → trust_root_chain', () => {
  assert.throws(() => open(chain().reverse(), idOf(first)), { code: 'trust_root_chain' })
})

test('ATTACK: a next version signed by its own new key only → signatures_short', () => {
  const taken = sealedChain([first, ['root']], [second, ['root-2']])
  assert.throws(() => open(taken, idOf(first)), { code: 'signatures_short' })
})

test('a hand-over to keys that nobody has shown to hold → signatures_short', () => {
  const lost = sealedChain([first, ['root']], [second, ['root']])
  assert.throws(() => open(lost, idOf(first)), { code: 'signatures_short' })
})

test('ATTACK: a policy key that signs a trust root → signing_key_unknown', () => {
  assert.throws(() => open(sealedChain([first, ['root', 'p1']]), idOf(first)), {
    code: 'signing_key_unknown',
  })
})

test('ATTACK: a version grafted upon another one before it → trust_root_chain', () => {
  const other = trustRoot({ testAudiences: ['sandbox', 'staging'] })
  const grafted = anyhow({ ...second, previous: idOf(other) }, ['root', 'root-2'])
  assert.throws(() => open([...sealedChain([first, ['root']]), grafted], idOf(first)), {
    code: 'trust_root_chain',
  })
})

test('ATTACK: a later version that takes a revocation back → trust_root_chain', () => {
  const forgetful = rotateTrustRoot(third, { revoked: { keys: [], ids: [] } }, portableCrypto)
  const versions = [...chain(), ...sealedChain([forgetful, ['root-2']])]
  assert.throws(() => open(versions, idOf(first)), { code: 'trust_root_chain' })
})

test('ATTACK: a version that revokes a hundred thousand keys, each of which is looked for among all', () => {
  const keys = ['x1', 'x2', 'x3'].map(written)
  Object.defineProperty(keys, 'includes', { value: () => assert.fail('they are gone through') })
  const since = Object.fromEntries(keys.map(key => [key, '2026-01-01T00:00:00Z']))
  const root = readTrustRoot(trustRoot({ revoked: { keys, ids: [], since } }) as unknown as JsonObject)
  assert.equal(revokedSinceMs(root, keys[2] as string), Date.parse('2026-01-01T00:00:00Z'))
})

test('ATTACK: a later version that lowers the floor under policies → trust_root_chain', () => {
  const high = trustRoot({ minPolicyVersion: 9 })
  const low = rotateTrustRoot(high, { minPolicyVersion: 8 }, portableCrypto)
  const versions = sealedChain([high, ['root']], [low, ['root']])
  assert.throws(() => open(versions, idOf(high)), { code: 'trust_root_chain' })
})

test('a sealed policy is no trust root → payload_type_wrong', () => {
  const policy = encodeEnvelope(signedAnyhow(first, ['root'], PAYLOAD_TYPES.policy))
  assert.throws(() => open([policy], idOf(first)), { code: 'payload_type_wrong' })
})

const single = (name: string) => ({ keys: [name], threshold: 1 })
const withRole = (role: string, value: unknown) => ({ ...first, roles: { ...first.roles, [role]: value } })
const malformed: readonly { flaw: string; root: unknown }[] = [
  { flaw: 'an unknown member', root: { ...first, comment: 'hello' } },
  { flaw: 'a missing role', root: { ...first, roles: { root: single('root'), policy: single('p1') } } },
  { flaw: 'a role of its own invention', root: withRole('admin', single('root')) },
  { flaw: 'a threshold of zero', root: withRole('policy', { keys: ['p1'], threshold: 0 }) },
  { flaw: 'a threshold out of reach', root: withRole('policy', { keys: ['p1'], threshold: 2 }) },
  {
    flaw: 'a key named twice in a role, to count twice',
    root: withRole('policy', { keys: ['p1', 'p1'], threshold: 2 }),
  },
  {
    flaw: 'one key under two names, to count twice',
    root: { ...first, keys: { ...first.keys, p2: written('p1') } },
  },
  { flaw: 'a role with a key that isn’t there', root: withRole('enrol', single('nobody')) },
  { flaw: 'a role with a key that every object has', root: withRole('enrol', single('constructor')) },
  { flaw: 'a revoked key in use', root: { ...first, revoked: { keys: [written('p1')], ids: [] } } },
  { flaw: 'a version of zero', root: { ...first, version: 0 } },
]

for (const { flaw, root } of malformed) {
  test(`a trust root with ${flaw} → trust_root_malformed`, () => {
    assert.throws(() => open([anyhow(root, ['root'])], idOf(root as TrustRoot)), {
      code: 'trust_root_malformed',
    })
  })
}

test('ATTACK: a key of small order, which fits any message → key_invalid', () => {
  const root = { ...first, keys: { ...first.keys, p1: `ed25519:${'A'.repeat(43)}` } }
  assert.throws(() => open([anyhow(root, ['root'])], idOf(root)), { code: 'key_invalid' })
})

test('revoking the last key of a role is refused: nobody could hold the role', () => {
  assert.throws(() => rotateTrustRoot(first, revokeKey(first, 'enrol'), portableCrypto), {
    code: 'trust_root_malformed',
  })
  assert.throws(() => revokeKey(first, 'toString'), { code: 'trust_root_malformed' })
  assert.throws(() => revokeKey(first, 'es256:AAAA'), /taken out of the policy instead/)
})

test('a threshold of k is met by any k distinct keys and by no fewer', () => {
  const names = ['a', 'b', 'c', 'd', 'e']
  const keys = { ...first.keys, ...Object.fromEntries(names.map(name => [name, written(name)])) }
  const threshold = fc.integer({ min: 1, max: 5 })
  const signers = fc.array(fc.constantFrom(...names), { maxLength: 8 })
  fc.assert(
    fc.property(threshold, signers, (k, signed) => {
      const root = trustRoot({ keys, roles: { ...first.roles, root: { keys: names, threshold: k } } })
      const attempt = () => open(sealedChain([root, signed]), idOf(root))
      if (new Set(signed).size >= k) assert.equal(attempt().version, 1)
      else assert.throws(attempt, { code: 'signatures_short' })
    }),
    { numRuns: 40 },
  )
})

test('the keys of an instance, which have no name here, are revoked as they are written, once', () => {
  const once = { ...first, ...revokeKey(first, written('receipt')) }
  assert.deepEqual(once.revoked.keys, [written('receipt')])
  assert.equal(revokedSinceMs(once, written('receipt')), Number.NEGATIVE_INFINITY)
  assert.equal(revokedSinceMs(once, written('grant')), null)
  assert.deepEqual(revokeKey(once, written('receipt')).revoked?.keys, [written('receipt')])
  assert.deepEqual(Object.keys(once.keys), Object.keys(first.keys))
})

test('a key that is retired leaves its roles and is not revoked', () => {
  const keys = { ...first.keys, enrol2: written('enrol2') }
  const roles = { ...first.roles, enrol: { keys: ['enrol', 'enrol2'], threshold: 1 } }
  const root = { ...first, ...retireKey({ ...first, keys, roles }, 'enrol') }
  assert.deepEqual(root.roles.enrol.keys, ['enrol2'])
  assert.equal('enrol' in root.keys, false)
  assert.deepEqual(root.revoked.keys, [])
  assert.throws(() => retireKey(first, 'nobody'), { code: 'trust_root_malformed' })
})

const at = (since?: string) =>
  rotateTrustRoot(first, revokeKey(first, written('receipt'), since), portableCrypto)
const later = (before: TrustRoot, revoked: TrustRoot['revoked']) =>
  sealedChain(
    [first, ['root']],
    [before, ['root']],
    [rotateTrustRoot(before, { revoked }, portableCrypto), ['root']],
  )

test('the time of a revocation may move back or go, and stays with the key', () => {
  const before = at('2026-11-01T00:00:00Z')
  assert.equal(revokedSinceMs(before, written('receipt')), Date.parse('2026-11-01T00:00:00Z'))
  const keys = [written('receipt')]
  const earlier = { keys, ids: [], since: { [written('receipt')]: '2026-10-01T00:00:00Z' } }
  assert.equal(open(later(before, earlier), idOf(first)).version, 3)
  assert.equal(open(later(before, { keys, ids: [] }), idOf(first)).version, 3)
})

test('ATTACK: a later version that lets a stolen key be believed for longer → trust_root_chain', () => {
  const keys = [written('receipt')]
  const longer = { keys, ids: [], since: { [written('receipt')]: '2026-12-01T00:00:00Z' } }
  for (const before of [at('2026-11-01T00:00:00Z'), at()])
    assert.throws(() => open(later(before, longer), idOf(first)), { code: 'trust_root_chain' })
})

test('a time of revocation that is no time, or of a key that is not revoked, is refused', () => {
  const flaws = [
    { keys: [written('receipt')], ids: [], since: { [written('receipt')]: 'last week' } },
    { keys: [], ids: [], since: { [written('receipt')]: '2026-11-01T00:00:00Z' } },
  ]
  for (const revoked of flaws)
    assert.throws(() => rotateTrustRoot(first, { revoked }, portableCrypto), { code: 'trust_root_malformed' })
})
