import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { countersign, scratch } from './command-line.js'

interface Finding {
  readonly code: string
  readonly subject: string
  readonly message: string
  readonly mend: string
}

async function laidOut(t: TestContext) {
  const at = await scratch(t)
  const choices = ['--template', 'custom', '--audience', 'qa', '--not-production']
  const { code, err } = await countersign(
    'init',
    at('sidecar'),
    '--origin',
    'a.test/countersign/one',
    ...choices,
  )
  assert.equal(code, 0, err)
  await mkdir(at('work'))
  const config = ['--config', at('sidecar/countersign.yaml')]
  const findings = async (...codes: readonly string[]) => {
    const { out, err: fault } = await countersign('doctor', '--json', '--folder', at('work'), ...config)
    const all = (JSON.parse(out || assert.fail(fault)) as { findings: Finding[] }).findings
    return all.filter(({ code: found }) => codes.includes(found))
  }
  const edit = async (file: string, change: (text: string) => string) =>
    writeFile(at('sidecar', file), change(await readFile(at('sidecar', file), 'utf8')))
  const seal = async () => {
    const sealed = await countersign(
      ...['policy', 'seal', at('sidecar/policy/policy.yaml'), '--key', at('sidecar/trust/keys/policy.jwk')],
      ...['-o', at('sidecar/policy/policy.sealed.json')],
    )
    assert.equal(sealed.code, 0, sealed.err)
  }
  const put = (origin: string, environment: string, name = 'shop') =>
    countersign(
      ...['vault', 'put', name, '--kind', 'jwt', '--generate', 'Ed25519', ...config],
      ...['--origin', origin, '--environment', environment],
    )
  return { at, findings, edit, seal, put }
}

test('before a policy is sealed the doctor says so, and what it could not look at', async t => {
  const { findings } = await laidOut(t)
  const [missing, ...more] = await findings('policy_missing')
  assert.match(missing?.message ?? '', /policy\.sealed\.json/)
  assert.deepEqual(more, [])
})

test('a folder that this user can’t look at keeps nothing else from being found', async t => {
  const { at, findings } = await laidOut(t)
  await symlink('mark', at('sidecar/mark'))
  await chmod(at('sidecar/policy'), 0o777)
  assert.deepEqual(
    (await findings('open_folder')).map(({ subject }) => subject),
    [at('sidecar/policy')],
  )
})

test('a vault entry for another port or environment is warned of as it is put, and found by the doctor', async t => {
  const { edit, seal, findings, put } = await laidOut(t)
  // Nothing listens there: the doctor tries whether it gets around the sidecar.
  await edit('policy/policy.yaml', text => text.replaceAll('https://shop.internal', 'http://127.0.0.1:1'))
  const early = await put('http://127.0.0.1:2', 'production')
  assert.deepEqual([early.code, early.err], [0, ''], 'no policy is here yet that could say otherwise')
  await seal()
  for (const [origin, environment, code] of [
    ['http://127.0.0.1:2', 'staging', 'vault_entry_origin'],
    ['http://127.0.0.1:1', 'production', 'vault_entry_environment'],
  ] as const) {
    const { code: exit, err } = await put(origin, environment)
    assert.equal(exit, 0)
    const command = 'countersign vault put shop --kind jwt --origin http://127.0.0.1:1 --environment staging'
    assert.match(
      err,
      new RegExp(`^warning: ${code}: .* has shop: jwt for ${origin} in ${environment}\\. .*${command}`),
    )
    const [found, ...more] = await findings('credential_unserved')
    assert.deepEqual([found?.subject, more.length], ['shop', 0])
    assert.match(`${found?.message} ${found?.mend}`, new RegExp(`${code}: .*${command}`))
  }
  assert.match(
    (await put('http://127.0.0.1:1', 'staging', 'shopp')).err,
    /no credential shopp, .* It has: shop\./,
  )
  assert.equal((await put('http://127.0.0.1:1', 'staging')).err, '')
  assert.deepEqual(await findings('credential_unserved'), [])
})

test('a policy that ends within 14 days is found', async t => {
  const { edit, seal, findings } = await laidOut(t)
  await seal()
  assert.deepEqual(await findings('policy_expires'), [])
  const soon = new Date(Date.now() + 13 * 86_400_000).toISOString().replace(/\.\d+/, '')
  await edit('policy/policy.yaml', text => text.replace(/expires: 2\d{3}[^,]*/, `expires: ${soon}`))
  await seal()
  const [found] = await findings('policy_expires')
  assert.match(`${found?.message} ${found?.mend}`, new RegExp(`${soon.slice(0, 19)}.* --next`))
})

test('listeners that other machines reach and files that everybody may write are found', async t => {
  const { at, edit, findings } = await laidOut(t)
  assert.deepEqual(await findings('open_listener', 'open_folder'), [])
  await edit('countersign.yaml', text =>
    text.replace(
      /listen: 127\.0\.0\.1:\d+/,
      'listen: 0.0.0.0:7070\n  ports: { shop: "[::1]:7071", other: "[::]:7072" }',
    ),
  )
  await chmod(at('sidecar/policy'), 0o777)
  await chmod(at('sidecar/countersign.yaml'), 0o666)
  const found = await findings('open_listener', 'open_folder')
  assert.deepEqual(
    found.map(({ code, subject }) => [code, subject.replace(at('sidecar'), '')]),
    [
      ['open_listener', '0.0.0.0:7070'],
      ['open_listener', '[::]:7072'],
      ['open_folder', '/countersign.yaml'],
      ['open_folder', '/policy'],
    ],
  )
  assert.match(found[0]?.message ?? '', /a grant is then all that stands between them and the credentials/)
})
