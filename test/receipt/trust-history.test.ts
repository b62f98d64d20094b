import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JsonObject } from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { type TrustRoot, trustRootId } from '../../src/policy/index.js'
import { type Entry, type EntryBody, type SignersOf, TrustAudit } from '../../src/receipt/index.js'
import { attemptBody, denialBody, HEX } from './log-fixture.js'

const CID = `sha256:${HEX}`

const version = (number: number, ids: readonly string[] = []): TrustRoot => ({
  v: 1,
  version: number,
  previous: null,
  keys: {},
  roles: {
    root: { keys: [], threshold: 1 },
    policy: { keys: [], threshold: 1 },
    enrol: { keys: [], threshold: 1 },
    operate: { keys: [], threshold: 1 },
    recover: { keys: [], threshold: 1 },
  },
  testAudiences: [],
  minPolicyVersion: 1,
  revoked: { keys: [], ids: [...ids] },
})
const FIRST = version(1)
const SECOND = version(2, [CID])
const said = (action: string, root: TrustRoot, more: JsonObject = {}): EntryBody => ({
  type: 'policy',
  data: { action, cid: CID, version: 7, trust: root.version, root: trustRootId(root, nativeCrypto), ...more },
})

function audited(
  bodies: readonly EntryBody[],
  versions: readonly TrustRoot[] = [FIRST, SECOND],
  signersOf: SignersOf = () => null,
) {
  const audit = new TrustAudit(nativeCrypto, versions, signersOf)
  const found: string[] = []
  for (const [seq, body] of bodies.entries())
    audit.audit({ ...body, seq, t: seq } as unknown as Entry, (code, at, detail) =>
      found.push(`${code} ${at}: ${detail}`),
    )
  return { found, ...audit.summary() }
}

describe('the trust root that a log went by', () => {
  it('is told with the policies that the newest version has withdrawn', () => {
    assert.deepEqual(audited([said('activated', FIRST), attemptBody()]), {
      found: [],
      said: { version: 1, seq: 0 },
      held: 2,
      withdrawn: [CID],
    })
  })

  it('is told to be unknown where no entry says it', () => {
    const silent: EntryBody = { type: 'policy', data: { action: 'activated', cid: CID, version: 7 } }
    assert.deepEqual(audited([silent, attemptBody()]), { found: [], said: null, held: 2, withdrawn: [CID] })
  })

  it('is told where it is newer than what the verifier holds', () => {
    const { found, said: newest, held } = audited([said('activated', FIRST), said('rechecked', version(3))])
    assert.deepEqual({ found, newest, held }, { found: [], newest: { version: 3, seq: 1 }, held: 2 })
  })

  it('attack: an admission by a policy that it had withdrawn is found, a refusal is none', () => {
    const { found } = audited([
      said('activated', FIRST),
      said('rechecked', SECOND),
      denialBody(),
      attemptBody(),
    ])
    assert.deepEqual(found, ['policy_withdrawn 3: by version 2 of the trust root'])
  })

  it('attack: an admission by a policy below the lowest version that it lets is found', () => {
    const higher = { ...version(2), minPolicyVersion: 8 }
    const { found } = audited(
      [said('activated', FIRST), said('rechecked', higher), attemptBody()],
      [FIRST, higher],
    )
    assert.deepEqual(found, ['policy_withdrawn 2: by version 2 of the trust root'])
  })

  it('attack: an admission by a policy that a key sealed which it has revoked is found', () => {
    const later = { ...version(2), revoked: { keys: ['ed25519:maria'], ids: [] } }
    const log = [said('activated', FIRST), attemptBody(), said('rechecked', later), attemptBody()]
    const found = (keys: readonly string[]) => audited(log, [FIRST, later], () => keys).found
    assert.deepEqual(found(['ed25519:maria']), ['policy_withdrawn 3: by version 2 of the trust root'])
    assert.deepEqual(found([]), [])
  })

  it('attack: an admission by a policy that too few seal by what it says of their role is found, one that was sealed anew is none', () => {
    const sealing = (number: number, names: readonly string[], threshold = 1): TrustRoot => {
      const root = version(number)
      const keys = Object.fromEntries(names.map(name => [name, `ed25519:${name}`]))
      return { ...root, keys, roles: { ...root.roles, policy: { keys: names, threshold } } }
    }
    const found = (later: TrustRoot, signers: readonly string[]) => {
      const first = sealing(1, ['maria'])
      const log = [said('activated', first), attemptBody(), said('rechecked', later), attemptBody()]
      return audited(log, [first, later], () => signers).found
    }
    const retired = ['policy_withdrawn 3: by version 2 of the trust root']
    assert.deepEqual(found(sealing(2, ['jo']), ['ed25519:maria']), retired)
    assert.deepEqual(found(sealing(2, ['jo', 'maria'], 2), ['ed25519:maria']), retired)
    assert.deepEqual(found(sealing(2, ['jo', 'maria']), ['ed25519:maria']), [])
    assert.deepEqual(found(sealing(2, ['jo']), ['ed25519:jo']), [])
    assert.deepEqual(found(sealing(2, ['jo', 'maria'], 2), ['ed25519:jo', 'ed25519:maria']), [])
  })

  it('attack: another one than the verifier holds under the same number is found', () => {
    const { found } = audited([said('activated', version(1, ['sha256:other']))])
    assert.deepEqual(found, ['trust_differs 0: version 1'])
  })
})
