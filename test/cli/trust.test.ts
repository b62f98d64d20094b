import assert from 'node:assert/strict'
import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { encodeEnvelope, type SigningKey } from '../../src/canon/index.js'
import { readSigningKey } from '../../src/cli/keyfile.js'
import { openTrustFile } from '../../src/cli/trust-files.js'
import { propose, rotate, waitingProposal } from '../../src/cli/trust-rotation.js'
import { nativeCrypto } from '../../src/native/index.js'
import { rotateTrustRoot, sealTrustRoot } from '../../src/policy/index.js'
import { countersign, scratch } from './command-line.js'

test('trust init makes keys that only their owner reads, a root that its own keys signed, and prints the pin', async t => {
  const path = await scratch(t)
  const made = await countersign('trust', 'init', '--out', path(), '--threshold', 'policy=2/3', '--json')
  assert.equal(made.code, 0, made.err)
  const { pin, keys } = JSON.parse(made.out) as { pin: string; keys: Record<string, string> }
  assert.deepEqual(Object.keys(keys).sort(), [
    'enrol',
    'operate',
    'policy-1',
    'policy-2',
    'policy-3',
    'recover',
    'root',
  ])
  for (const name of Object.keys(keys))
    assert.equal((await stat(path('keys', `${name}.jwk`))).mode & 0o777, 0o600)
  const { root } = openTrustFile(path('root.json'), pin)
  assert.equal(root.roles.policy.threshold, 2)
  const shown = await countersign('trust', 'show', path('root.json'), '--pin', pin)
  assert.match(shown.out, /policy: 2 of 3/)
  assert.doesNotMatch(shown.out, /NOT compared/)
})

test('trust init never writes over what is there', async t => {
  const path = await scratch(t)
  await countersign('trust', 'init', '--out', path())
  const before = await readFile(path('keys', 'root.jwk'), 'utf8')
  const again = await countersign('trust', 'init', '--out', path())
  assert.equal(again.code, 2)
  assert.equal(await readFile(path('keys', 'root.jwk'), 'utf8'), before)
})

test('trust show says that an unpinned root proves nothing, and refuses a wrong pin', async t => {
  const path = await scratch(t)
  await countersign('trust', 'init', '--out', path())
  assert.match((await countersign('trust', 'show', path('root.json'))).out, /NOT compared with a pin/)
  const wrong = await countersign('trust', 'show', path('root.json'), '--pin', `sha256:${'0'.repeat(64)}`)
  assert.equal(wrong.code, 2)
  assert.match(wrong.err, /trust_root_pin/)
})

test('a rotation by one holder of two waits until the other has signed, then the old pin still opens it', async t => {
  const path = await scratch(t)
  const made = await countersign('trust', 'init', '--out', path(), '--threshold', 'root=2/2', '--json')
  const { pin } = JSON.parse(made.out) as { pin: string }
  const jo = (await countersign('trust', 'key', path('jo.jwk'))).out.trim()
  const rotate = (...flags: string[]) => countersign('trust', 'rotate', path('root.json'), ...flags)

  const first = await rotate(
    '--key',
    path('keys', 'root-1.jwk'),
    '--add',
    `policy/jo=${jo}`,
    '--threshold',
    'policy=2',
  )
  assert.equal(first.code, 1, first.err)
  assert.match(first.out, /not signed by root-2/)
  assert.equal(openTrustFile(path('root.json')).root.version, 1)

  const id = /sha256:[0-9a-f]{64}/.exec(first.out)?.[0] ?? ''
  const second = await rotate('--key', path('keys', 'root-2.jwk'), '--id', id)
  assert.equal(second.code, 0, second.err)
  const { root } = openTrustFile(path('root.json'), pin)
  assert.equal(root.version, 2)
  assert.deepEqual({ ...root.roles.policy }, { keys: ['policy', 'jo'], threshold: 2 })
  assert.equal((await rotate('--key', path('keys', 'root-2.jwk'))).code, 2, 'nothing waits any more')
})

test('who is to sign a version that waits is shown all that it changes', async t => {
  const { path, rotate, jo } = await twoRootHolders(t)
  await rotate('--revoke-id', `sha256:${'7'.repeat(64)}`, '--test-audience', 'staging', ...rootOne(path))
  await rm(path('root.json.next'))
  const first = await rotate(
    ...rootOne(path),
    ...['--add', `policy/jo=${jo}`, '--threshold', 'policy=2', '--min-policy-version', '4'],
    ...['--retire', 'enrol-2', '--revoke', 'operate-2', '--revoked-since', '2027-02-01T00:00:00Z'],
    ...['--revoke-id', `sha256:${'7'.repeat(64)}`, '--test-audience', 'staging'],
  )
  const shown = await rotate()
  assert.equal(shown.code, 1, shown.err)
  const told = /sha256:[0-9a-f]{64}/.exec(first.out)?.[0] as string
  for (const line of [
    `is version 2: ${told}`,
    `  policy: jo is new  ${jo}`,
    '  policy: 2 of 2 must sign, 1 of 1 before',
    '  enrol: not enrol-2 any more  ed25519:',
    '  operate: not operate-2 any more  ed25519:',
    '  since 2027-02-01T00:00:00Z',
    `  revoked: sha256:${'7'.repeat(64)}`,
    '  policies from version 4 on, 0 before',
    '  not production: staging; none before',
    'not signed by root-2',
  ])
    assert.ok(shown.out.includes(line), `${line} in\n${shown.out}`)
  const { kind, id, changes } = JSON.parse((await rotate('--json')).out)
  assert.deepEqual([kind, id], ['waiting', told])
  assert.equal(changes.length, 10, changes.join('\n'))
})

test('ATTACK: another version is put where one waits, and the next holder is to sign it unseen', async t => {
  const { path, rotate, jo } = await twoRootHolders(t)
  const told = /sha256:[0-9a-f]{64}/.exec((await rotate(...rootOne(path), '--min-policy-version', '2')).out)
  await rm(path('root.json.next'))
  const { root } = openTrustFile(path('root.json'))
  const thiefs = rotateTrustRoot(
    root,
    { keys: { ...root.keys, jo }, roles: { ...root.roles, root: { keys: ['jo'], threshold: 1 } } },
    nativeCrypto,
  )
  await writeFile(path('root.json.next'), encodeEnvelope(sealTrustRoot(thiefs, [])))
  const before = await readFile(path('root.json.next'), 'utf8')
  const two = ['--key', path('keys', 'root-2.jwk')]
  const asked = await rotate(...two)
  assert.equal(asked.code, 2)
  assert.match(asked.err, /no terminal to ask at/)
  assert.ok(asked.out.includes(`root: jo is new  ${jo}`), asked.out)
  const compared = await rotate(...two, '--id', told?.[0] as string)
  assert.equal(compared.code, 2)
  assert.match(compared.err, /not the one that you were told of/)
  assert.equal(await readFile(path('root.json.next'), 'utf8'), before, 'nobody signed')
})

test('ATTACK: a rotation begun before another one ended is not put behind it', async t => {
  const path = await scratch(t)
  await countersign('trust', 'init', '--out', path())
  const file = path('root.json')
  const key = readSigningKey(path('keys', 'root.jwk'))
  const { root } = openTrustFile(file)
  const [one, two] = [
    propose(file, root, { minPolicyVersion: 2 }),
    propose(file, root, { minPolicyVersion: 3 }),
  ]
  assert.equal(rotate(file, root, one, [key]).kind, 'done')
  assert.throws(() => rotate(file, root, two, [key]), /changed meanwhile/)
  assert.equal(openTrustFile(file).root.minPolicyVersion, 2)
  await writeFile(`${file}.new`, '')
  const next = openTrustFile(file).root
  assert.throws(
    () => rotate(file, next, propose(file, next, { minPolicyVersion: 4 }), [key]),
    /is being written/,
  )
  assert.equal(openTrustFile(file).root.version, 2)
})

test('a signature that another holder gave meanwhile is not written over', async t => {
  const path = await scratch(t)
  await countersign('trust', 'init', '--out', path(), '--threshold', 'root=3/3')
  const file = path('root.json')
  const { root } = openTrustFile(file)
  const keys = []
  for (const name of ['root-1', 'root-2', 'root-3']) keys.push(readSigningKey(path('keys', `${name}.jwk`)))
  const [one, two, three] = keys as [SigningKey, SigningKey, SigningKey]
  const mine = propose(file, root, { minPolicyVersion: 2 })
  assert.equal(rotate(file, root, propose(file, root, { minPolicyVersion: 3 }), [one]).kind, 'pending')
  assert.throws(() => rotate(file, root, mine, [two]), /changed meanwhile/)
  const [late, soon] = [waitingProposal(file, root), waitingProposal(file, root)]
  const pending = rotate(file, root, soon, [two])
  assert.deepEqual(pending.kind === 'pending' && pending.missing, ['root-3'])
  assert.throws(() => rotate(file, root, late, [one]), /changed meanwhile/)
  assert.equal(rotate(file, root, waitingProposal(file, root), [three]).kind, 'done')
})

async function twoRootHolders(t: TestContext) {
  const path = await scratch(t)
  const pairs = ['root=2/2', 'enrol=1/2', 'operate=1/2'].flatMap(each => ['--threshold', each])
  await countersign('trust', 'init', '--out', path(), '--min-policy-version', '0', ...pairs)
  const jo = (await countersign('trust', 'key', path('jo.jwk'))).out.trim()
  const rotate = (...flags: string[]) => countersign('trust', 'rotate', path('root.json'), ...flags)
  return { path, rotate, jo }
}

function rootOne(path: (...parts: string[]) => string): readonly string[] {
  return ['--key', path('keys', 'root-1.jwk')]
}

test('ATTACK: a rotation signed by a key that is no root key changes nothing', async t => {
  const path = await scratch(t)
  await countersign('trust', 'init', '--out', path())
  const before = await readFile(path('root.json'), 'utf8')
  const tried = await countersign(
    'trust',
    'rotate',
    path('root.json'),
    '--key',
    path('keys', 'policy.jwk'),
    '--min-policy-version',
    '9',
  )
  assert.equal(tried.code, 2)
  assert.match(tried.err, /signing_key_unknown/)
  assert.equal(await readFile(path('root.json'), 'utf8'), before)
})

test('a revoked key is gone from its roles', async t => {
  const path = await scratch(t)
  await countersign('trust', 'init', '--out', path(), '--threshold', 'policy=1/2')
  const done = await countersign(
    'trust',
    'rotate',
    path('root.json'),
    '--key',
    path('keys', 'root.jwk'),
    '--revoke',
    'policy-2',
  )
  assert.equal(done.code, 0, done.err)
  const { root } = openTrustFile(path('root.json'))
  assert.deepEqual(root.roles.policy.keys, ['policy-1'])
  assert.equal(root.revoked.keys.length, 1)
})

test('a locked key signs with its passphrase and with no other, and its file shows nothing', async t => {
  const path = await scratch(t)
  await writeFile(path('right'), 'correct horse battery staple\n', { mode: 0o600 })
  await writeFile(path('wrong'), 'correct horse battery stable\n', { mode: 0o600 })
  const made = await countersign('trust', 'init', '--out', path(), '--passphrase-file', path('right'))
  assert.equal(made.code, 0, made.err)
  assert.doesNotMatch(await readFile(path('keys', 'root.jwk'), 'utf8'), /"d"/)
  const rotate = (...flags: string[]) =>
    countersign(
      'trust',
      'rotate',
      path('root.json'),
      '--key',
      path('keys', 'root.jwk'),
      '--min-policy-version',
      '2',
      ...flags,
    )
  const wrong = await rotate('--passphrase-file', path('wrong'))
  assert.equal(wrong.code, 2)
  assert.match(wrong.err, /does not open with this passphrase/)
  assert.equal((await rotate()).code, 2, 'no terminal to ask at')
  assert.equal((await rotate('--passphrase-file', path('right'))).code, 0)
})

test('a key or passphrase file that others can read is refused', async t => {
  const path = await scratch(t)
  await countersign('trust', 'init', '--out', path())
  await chmod(path('keys', 'root.jwk'), 0o640)
  const tried = await countersign(
    'trust',
    'rotate',
    path('root.json'),
    '--key',
    path('keys', 'root.jwk'),
    '--min-policy-version',
    '2',
  )
  assert.equal(tried.code, 2)
  assert.match(tried.err, /can be read by others/)
})

test('a damaged key file is named, and nothing of it is printed', async t => {
  const path = await scratch(t)
  await countersign('trust', 'init', '--out', path())
  const secret = 'c2VjcmV0LXNlY3JldC1zZWNyZXQ'
  await writeFile(path('bad.jwk'), `{"kty":"OKP","crv":"Ed25519","d":"${secret}","x":"AAAA"}`, {
    mode: 0o600,
  })
  const tried = await countersign(
    'trust',
    'rotate',
    path('root.json'),
    '--key',
    path('bad.jwk'),
    '--min-policy-version',
    '2',
  )
  assert.equal(tried.code, 2)
  assert.match(tried.err, /bad\.jwk is not a private Ed25519 key/)
  assert.doesNotMatch(tried.err, new RegExp(secret))
})

for (const flags of [
  ['--threshold', 'policy=3/2'],
  ['--threshold', 'nobody=1/1'],
  ['--min-policy-version', 'x'],
]) {
  test(`trust init ${flags.join(' ')} is a usage mistake and makes nothing`, async t => {
    const path = await scratch(t)
    assert.equal((await countersign('trust', 'init', '--out', path('new'), ...flags)).code, 2)
    await assert.rejects(stat(path('new')), { code: 'ENOENT' })
  })
}

test('ATTACK: a name in a version that waits ends its line, and goes on as what the next holder was told to see', async t => {
  const { path, rotate, jo } = await twoRootHolders(t)
  const told = `root.json.next is version 2: sha256:${'ab'.repeat(32)}`
  const audience = `x${'\n'.repeat(60)}${told}\n  policies from version 2 on\n`
  await rotate(...rootOne(path), '--add', `policy/jo=${jo}`, '--test-audience', audience)
  const two = ['--key', path('keys', 'root-2.jwk')]
  for (const { out } of [await rotate(), await rotate(...two)]) {
    assert.doesNotMatch(out, /abab/)
    assert.equal(out.trim().split('\n').length, 5, out)
  }
})

test('a role that would be out of reach is named, with what to do, and nothing is written', async t => {
  const path = await scratch(t)
  await countersign('trust', 'init', '--out', path(), '--threshold', 'operate=2/2')
  const before = await readFile(path('root.json'), 'utf8')
  const rotate = (...flags: string[]) =>
    countersign('trust', 'rotate', path('root.json'), '--key', path('keys', 'root.jwk'), ...flags)
  const last = await rotate('--revoke', 'policy')
  assert.equal(last.code, 2)
  assert.match(
    last.err,
    /that leaves the role policy no key, and 1 must sign\n {2}Give it another .*--add policy\/NAME=/,
  )
  const short = await rotate('--retire', 'operate-1')
  assert.match(
    short.err,
    /that leaves the role operate 1 of its keys, and 2 must sign\n.*--threshold operate=K/,
  )
  assert.equal(await readFile(path('root.json'), 'utf8'), before)
})
