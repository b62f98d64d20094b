import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { runCommandLine } from '../../src/cli/program.js'
import { newVaultKeyText, openVault, readVaultKey } from '../../src/credential/index.js'

const SECRET = 'planted-secret-41d9'

function configuration(key: string): string {
  return `apiVersion: countersign.dev/v1
kind: Sidecar
origin: acme.example/countersign/web
audience: staging
trust: { root: trust/root.json, pin: "sha256:${'0'.repeat(64)}" }
policy: { file: policy/policy.sealed.json }
gate: { listen: 127.0.0.1:0 }
keeper: { socket: run/keeper.sock, admin: run/admin.sock, keys: keys, enrolment: enrolment.json }
ledger: { dir: ledger, highWater: mark.json }
vault: { file: vault.jwe, key: ${key} }
`
}

async function sidecar(t: TestContext, key = '{ file: vault.key }') {
  const cwd = await mkdtemp(join(tmpdir(), 'countersign-vault-command-'))
  t.after(() => rm(cwd, { recursive: true }))
  const keyText = newVaultKeyText()
  await writeFile(join(cwd, 'countersign.yaml'), configuration(key))
  await writeFile(join(cwd, 'vault.key'), keyText, { mode: 0o600 })
  const env: Record<string, string> = { VAULT_KEY: keyText }
  const run = async (line: string, stdin = '') => {
    const out = { stdout: '', stderr: '' }
    const into = (name: keyof typeof out) =>
      new Writable({
        write(chunk, _encoding, done) {
          out[name] += chunk
          done()
        },
      })
    const io = { stdin: Readable.from([stdin]), stdout: into('stdout'), stderr: into('stderr'), env, cwd }
    const [group = '', command = '', ...rest] = line.split(' ')
    const exit = await runCommandLine([group, command, '--config', 'countersign.yaml', ...rest], io)
    assert.doesNotMatch(`${out.stdout}${out.stderr}`, /planted-secret/)
    return { exit, ...out }
  }
  const opened = (source: Parameters<typeof readVaultKey>[0] = { file: join(cwd, 'vault.key') }) =>
    openVault({ file: join(cwd, 'vault.jwe'), key: () => readVaultKey(source, env) })
  return { cwd, env, run, opened }
}

const PUT = 'vault put partner --kind static --origin https://api.partner.example --environment staging'

test('vault put, list and remove keep a secret that comes by standard input and never shows again', async t => {
  const { run, opened } = await sidecar(t)
  const made = await run(`${PUT} --create`, `${SECRET}\n`)
  assert.match(made.stdout, /^put partner: static for https:\/\/api.partner.example in staging/)
  assert.equal(made.exit, 0)
  const material = (await opened()).entry('partner')?.material.reveal()
  assert.deepEqual({ ...material }, { secret: SECRET })
  const listed = JSON.parse((await run('vault list --json')).stdout)
  assert.deepEqual(
    listed.entries.map((entry: { name: string; kind: string }) => [entry.name, entry.kind]),
    [['partner', 'static']],
  )
  assert.equal((await run('vault remove partner')).exit, 0)
  assert.equal((await run('vault list')).stdout, 'the vault is empty\n')
  const gone = await run('vault remove partner')
  assert.equal(gone.exit, 2)
  assert.match(gone.stderr, /vault_entry_missing/)
})

test('vault put says what is missing and leaves everything as it was', async t => {
  const { run, cwd } = await sidecar(t)
  const cases: readonly (readonly [string, string, RegExp])[] = [
    [PUT, SECRET, /vault_missing/],
    [`${PUT} --create`, '', /there is no secret/],
    [`${PUT} --create --secret-file none`, '', /cannot read none/],
    [`${PUT.replace('static', 'cookie')} --create`, SECRET, /there is no kind cookie/],
    [`${PUT} --create --generate Ed25519`, SECRET, /nothing can be generated/],
    [`${PUT} --create --overlap 1h`, SECRET, /whole seconds/],
    [
      `${PUT.replace('https://api.partner.example', 'api.partner.example')} --create`,
      SECRET,
      /vault_entry_invalid/,
    ],
    [`${PUT} --create`, 'short', /static\.secret has 8 to 8,192 visible ASCII characters/],
    ['vault put partner --kind static', SECRET, /required option/],
    [`${PUT} --create --config none.yaml`, SECRET, /config_missing/],
  ]
  for (const [line, stdin, expected] of cases) {
    const { exit, stderr } = await run(line, stdin)
    assert.equal(exit, 2, line)
    assert.match(stderr, expected)
  }
  await assert.rejects(stat(join(cwd, 'vault.jwe')))
})

test('attack: an unrestricted Stripe key is refused unless it is taken on purpose', async t => {
  const { run } = await sidecar(t)
  const put = PUT.replace('static', 'stripe-restricted-key').replace('partner ', 'stripe ')
  const keys = [{ key: 'sk_live_plantedsecret', covers: { classes: ['read'] } }]
  const refused = await run(`${put} --create`, JSON.stringify({ keys }))
  assert.equal(refused.exit, 2)
  assert.match(refused.stderr, /keys\.0 is not a restricted key/)
  assert.doesNotMatch(refused.stderr, /sk_live/)
  const taken = await run(`${put} --create`, JSON.stringify({ keys, acceptUnrestricted: true }))
  assert.equal(taken.exit, 0)
})

test('vault put takes each kind in the form that its owner has it in', async t => {
  const { run, opened, cwd } = await sidecar(t)
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  await writeFile(join(cwd, 'app.pem'), rsa.export({ type: 'pkcs1', format: 'pem' }))
  const of = (name: string, kind: string) =>
    `vault put ${name} --kind ${kind} --origin https://a.example --origin https://b.example --environment staging`
  const puts: readonly (readonly [string, string])[] = [
    [`${of('oauth', 'oauth2')} --create`, `${SECRET}\n`],
    [of('railway', 'railway-project-token'), `${SECRET}\n`],
    [`${of('github', 'github-app')} --secret-file app.pem`, ''],
    [`${of('generated', 'jwt')} --generate ES256`, ''],
    [of('pem', 'jwt'), ec.export({ type: 'pkcs8', format: 'pem' }) as string],
    [of('jwk', 'jwt'), JSON.stringify({ ...ec.export({ format: 'jwk' }), kid: 'x', use: 'sig' })],
  ]
  for (const [line, stdin] of puts) assert.equal((await run(line, stdin)).stderr, '', line)
  const vault = await opened()
  const material = (name: string) => ({ ...vault.entry(name)?.material.reveal() }) as Record<string, unknown>
  assert.deepEqual(material('oauth'), { clientSecret: SECRET })
  assert.deepEqual(material('railway'), { token: SECRET, sentAs: 'bearer' })
  assert.match(String(material('github').privateKey), /^-----BEGIN PRIVATE KEY-----/)
  assert.deepEqual({ ...(material('pem').jwk as object) }, ec.export({ format: 'jwk' }))
  assert.deepEqual({ ...(material('jwk').jwk as object) }, ec.export({ format: 'jwk' }))
  const { keys } = JSON.parse((await run('vault jwks')).stdout)
  assert.equal(keys.length, 3)
  assert.ok(keys.every((key: object) => !('d' in key)))
})

test('vault put tells a wrong key of a kind without repeating it', async t => {
  const { run } = await sidecar(t)
  for (const kind of ['jwt', 'github-app', 'stripe-restricted-key']) {
    for (const secret of [SECRET, `{"kty":"OKP","d":"${SECRET}"}`, `{"${SECRET}`]) {
      const { exit } = await run(`${PUT.replace('static', kind)} --create`, secret)
      assert.equal(exit, 2, kind)
    }
  }
})

test('vault rekey replaces the key in its file, and the old one opens nothing', async t => {
  const { run, opened, cwd } = await sidecar(t)
  await run(`${PUT} --create`, SECRET)
  const before = await readFile(join(cwd, 'vault.key'), 'utf8')
  assert.equal((await run('vault rekey')).exit, 0)
  assert.notEqual(await readFile(join(cwd, 'vault.key'), 'utf8'), before)
  assert.equal((await stat(join(cwd, 'vault.key'))).mode & 0o777, 0o600)
  assert.ok((await opened()).entry('partner'))
  await assert.rejects(opened({ env: 'VAULT_KEY' }), { code: 'vault_key' })
})

test('vault rekey of a key in the environment takes two steps, and the vault opens between them', async t => {
  const { run, opened, env, cwd } = await sidecar(t, '{ env: VAULT_KEY }')
  await run(`${PUT} --create`, SECRET)
  assert.match((await run('vault rekey')).stderr, /Pass the new one with --new-key-file/)
  const next = newVaultKeyText()
  await writeFile(join(cwd, 'next.key'), next)
  assert.equal(JSON.parse((await run('vault rekey --new-key-file next.key --json')).stdout).rekey, 'both')
  assert.ok((await opened({ env: 'VAULT_KEY' })).entry('partner'))
  env.VAULT_KEY = next
  assert.ok((await opened({ env: 'VAULT_KEY' })).entry('partner'))
  assert.match((await run(PUT, SECRET)).stderr, /vault_rekeying/)
  assert.equal((await run('vault rekey --finish')).exit, 0)
  assert.equal((await run(PUT, SECRET)).exit, 0)
})

test('every vault command shows an example', async t => {
  const { run } = await sidecar(t)
  for (const command of ['put', 'list', 'remove', 'rekey', 'jwks'])
    assert.match((await run(`vault ${command} --help`)).stdout, /Examples?:\n {2}countersign vault/, command)
})

test('vault put takes the key of a user who may assume a role as JSON, and says so of anything else', async t => {
  const { run, opened } = await sidecar(t)
  const put =
    'vault put aws --kind aws-sts --origin https://sts.eu-west-1.amazonaws.com --environment staging --create'
  const key = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: SECRET, externalId: 'e-1' }
  const text = await run(put, `AKIAEXAMPLE ${SECRET}`)
  assert.equal(text.exit, 2)
  assert.match(text.stderr, /"secretAccessKey"/)
  assert.equal((await run(put, JSON.stringify({ ...key, role: 'x' }))).exit, 2)
  assert.equal((await run(put, JSON.stringify(key))).exit, 0)
  assert.deepEqual({ ...(await opened()).entry('aws')?.material.reveal() }, key)
})
