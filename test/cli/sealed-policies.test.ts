import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { canonicalBytes, contentId, encodeEnvelope, portableCrypto } from '../../src/canon/index.js'
import { sealedPolicies } from '../../src/cli/replay/sealed-policies.js'
import { writeSealedPolicy } from '../../src/cli/sealed-policy.js'
import { compilePolicy, parsePolicySource, rotateTrustRoot, sealPolicy } from '../../src/policy/index.js'
import { idOf, keyNamed, trustRoot, written } from '../policy/trust-fixture.js'
import { scratch } from './command-line.js'
import { shopPolicy } from './recorded-log.js'

const RULE = '  - { id: read, allow: { api: billing, class: read }, to: coder }'
const ROOT = trustRoot({ roles: { ...trustRoot().roles, policy: { keys: ['p1'], threshold: 1 } } })

/** Seals a version with the key into a folder, as `policy seal` does; answers its content id. */
function seal(folder: string, version: number, key = 'p1', name = 'policy.sealed.json'): string {
  const source = parsePolicySource(shopPolicy({ rules: RULE, version }))
  assert.ok('document' in source)
  const compiled = compilePolicy(source, { catalogs: new Map(), files: new Map() })
  if (compiled.kind !== 'compiled') throw new Error('the policy does not compile')
  mkdirSync(folder, { recursive: true })
  writeSealedPolicy(join(folder, name), sealPolicy(compiled.payload, [keyNamed(key)]), compiled.catalogs)
  return compiled.cid
}

test('sealed policies are found by their content ids, whatever their files are called and however deep they lie', async t => {
  const path = await scratch(t)
  const ids = [seal(path('.'), 1, 'p1', 'old.json'), seal(path('.'), 2), seal(path('archive', 'v3'), 3)]
  writeFileSync(path('notes.json'), '{}')
  writeFileSync(path('readme.txt'), 'nothing')
  const policies = sealedPolicies([path('.')], [ROOT])
  for (const [place, cid] of ids.entries()) {
    const found = policies.find(cid)
    assert.equal(found.kind === 'policy' && found.policy.version, place + 1)
    assert.equal(policies.find(cid), found, 'opened once')
  }
})

test('attack: a policy that no trusted key sealed decides nothing, and is said to be there', async t => {
  const path = await scratch(t)
  const cid = seal(path('.'), 1, 'p2')
  assert.deepEqual(sealedPolicies([path('.')], [ROOT]).find(cid), {
    kind: 'none',
    why: `the sealed policy ${cid} can’t be used (signing_key_unknown)`,
  })
})

test('attack: a catalog that was changed under the seal, or taken away, decides nothing', async t => {
  const path = await scratch(t)
  const cid = seal(path('.'), 1)
  const [name] = readdirSync(path('catalogs'))
  const file = path('catalogs', name ?? '')
  writeFileSync(file, readFileSync(file, 'utf8').replace('"irreversible"', '"read"'))
  const found = sealedPolicies([path('.')], [ROOT]).find(cid)
  assert.match(found.kind === 'none' ? found.why : '', /catalog_missing/)
})

test('a policy that was sealed under an older trust root, whose key has gone since, still explains its decisions', async t => {
  const path = await scratch(t)
  const cid = seal(path('.'), 1)
  const roles = { ...ROOT.roles, policy: { keys: ['p9'], threshold: 1 } }
  const next = rotateTrustRoot(ROOT, { roles, keys: { ...ROOT.keys, p9: written('p9') } }, portableCrypto)
  assert.notEqual(idOf(next), idOf(ROOT))
  assert.equal(sealedPolicies([path('.')], [next]).find(cid).kind, 'none')
  assert.equal(sealedPolicies([path('.')], [next, ROOT]).find(cid).kind, 'policy')
})

test('of a policy that was sealed anew the seal is taken that holds by the newest trust root, whatever the files are called', async t => {
  const path = await scratch(t)
  const cid = seal(path('.'), 1, 'p1', 'a.json')
  assert.equal(seal(path('.'), 1, 'p9', 'b.json'), cid)
  assert.equal(seal(path('.'), 1, 'p1', 'c.json'), cid)
  const roles = { ...ROOT.roles, policy: { keys: ['p9'], threshold: 1 } }
  const next = rotateTrustRoot(ROOT, { roles, keys: { ...ROOT.keys, p9: written('p9') } }, portableCrypto)
  const signers = (...versions: (typeof ROOT)[]) => {
    const found = sealedPolicies([path('.')], versions).find(cid)
    return found.kind === 'policy' ? found.signers : found.why
  }
  assert.deepEqual(signers(next, ROOT), [written('p9')])
  assert.deepEqual(signers(ROOT), [written('p1')])
})

test('what is not there is said to be missing, and a folder that is not there is a usage mistake', async t => {
  const path = await scratch(t)
  const cid = contentId(portableCrypto, canonicalBytes({}))
  assert.deepEqual(sealedPolicies([path('.')], [ROOT]).find(cid), {
    kind: 'none',
    why: `the sealed policy ${cid} is not at hand`,
  })
  assert.throws(() => sealedPolicies([path('nowhere')], [ROOT]), /cannot read .*nowhere \(ENOENT\)/)
})

test('two seals over one policy serve each other: one good one is enough', async t => {
  const path = await scratch(t)
  const cid = seal(path('.'), 1, 'p2', 'a.json')
  const payload = JSON.parse(readFileSync(path('a.json'), 'utf8')).payload as string
  const policy = JSON.parse(Buffer.from(payload, 'base64').toString('utf8'))
  writeFileSync(path('b.json'), encodeEnvelope(sealPolicy(policy, [keyNamed('p1')])))
  assert.equal(sealedPolicies([path('.')], [ROOT]).find(cid).kind, 'policy')
})

test('the keys among its sealers that were revoked since are named, and an envelope without them is taken first', async t => {
  const path = await scratch(t)
  const cid = seal(path('.'), 1)
  const roles = { ...ROOT.roles, policy: { keys: ['p9'], threshold: 1 } }
  const keys = Object.fromEntries(Object.entries(ROOT.keys).filter(([name]) => name !== 'p1'))
  const revoked = { keys: [written('p1')], ids: [] }
  const next = rotateTrustRoot(ROOT, { roles, keys: { ...keys, p9: written('p9') }, revoked }, portableCrypto)
  const before = sealedPolicies([path('.')], [next, ROOT]).find(cid)
  assert.deepEqual(before.kind === 'policy' && before.revoked, [written('p1')])
  seal(path('.'), 1, 'p9', 'z.json')
  const after = sealedPolicies([path('.')], [next, ROOT]).find(cid)
  assert.deepEqual(after.kind === 'policy' && after.revoked, [])
})

test('attack: a pipe among the policies is passed by', async t => {
  const path = await scratch(t)
  const cid = seal(path('.'), 1)
  execFileSync('mkfifo', [path('a.json')])
  assert.equal(sealedPolicies([path('.')], [ROOT]).find(cid).kind, 'policy')
})
