import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadConfig } from '../../src/cli/config.js'
import { policyTemplates } from '../../src/cli/policy-templates.js'
import { readTrustRoot } from '../../src/cli/trust-files.js'
import { countersign, scratch } from './command-line.js'

const MAIN = fileURLToPath(new URL('../../bin/main.js', import.meta.url))
const ORIGIN = 'example.com/countersign/one'

interface LaidOut {
  readonly folder: string
  readonly origin: string
  readonly audience: string
  readonly pin: string
  readonly next: readonly string[]
}

async function initialised(folder: string, ...argv: readonly string[]): Promise<LaidOut> {
  const { code, out, err } = await countersign('init', folder, '--origin', ORIGIN, '--json', ...argv)
  assert.equal(code, 0, err)
  return JSON.parse(out) as LaidOut
}

/** Runs a printed step as it stands; its command is ours. */
function step(line: string) {
  assert.match(line, /^countersign /)
  return countersign(...line.split(' ').slice(1))
}

/** The line on standard output that says where the sidecar listens. */
async function addressOf(child: ChildProcess): Promise<string> {
  const said: string[] = []
  child.stderr?.on('data', (chunk: Buffer) => said.push(chunk.toString()))
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    const match = /^Countersign is up: (\S+)$/.exec(line)
    if (match !== null) return match[1] as string
  }
  throw new Error(`the sidecar ended: ${said.join('')}`)
}

test('a folder is laid out whose policy lints and seals with the printed commands, and whose sidecar starts', async t => {
  const at = await scratch(t)
  const { next, pin, audience } = await initialised(at('sidecar'), '--audience', 'qa', '--not-production')
  assert.equal(audience, 'qa')

  const lint = await countersign('policy', 'lint', at('sidecar/policy/policy.yaml'))
  assert.equal(lint.code, 0, lint.out + lint.err)
  const sealed = await step(next.find(line => line.startsWith('countersign policy seal')) as string)
  assert.equal(sealed.code, 0, sealed.err)
  const trust = ['--trust', at('sidecar/trust/root.json'), '--pin', pin]
  const shown = await countersign('policy', 'show', at('sidecar/policy/policy.sealed.json'), ...trust)
  assert.equal(shown.code, 0, shown.out + shown.err)
  const put = await step(next.find(line => /vault put .* --generate/.test(line)) as string)
  assert.equal(put.code, 0, put.err)

  const file = at('sidecar/countersign.yaml')
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:0'))
  const child = spawn(process.execPath, [MAIN, 'run', '--config', file], { stdio: 'pipe' })
  t.after(() => child.kill('SIGKILL'))
  const address = await addressOf(child)
  assert.equal((await fetch(`${address}/readyz`)).status, 200)
  const refused = await fetch(`${address}/billing/invoices/in_1`)
  assert.equal(refused.status, 401)
  assert.match(await refused.text(), /grant_missing/)
  child.kill('SIGTERM')
  const [code] = (await once(child, 'exit')) as [number | null]
  assert.equal(code, 0)
})

test('a sidecar without a policy says that it refuses everything, and what to type', async t => {
  const at = await scratch(t)
  await initialised(at('sidecar'), '--not-production')
  const file = at('sidecar/countersign.yaml')
  await writeFile(file, (await readFile(file, 'utf8')).replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:0'))
  const child = spawn(process.execPath, [MAIN, 'run', '--config', file], { stdio: 'pipe' })
  t.after(() => child.kill('SIGKILL'))
  const said: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    if (line !== '') said.push(line)
    if (said.length === 3) child.kill('SIGTERM')
  }
  assert.match(said[0] ?? '', /^Countersign listens at \S+ and REFUSES every request:$/)
  assert.match(said[1] ?? '', /^ {2}! no policy is in force: .*`countersign policy seal /)
  assert.match(said[2] ?? '', /^ {2}! .*policy_unreadable: /)
})

test('a gate that runs apart says that other machines reach it, before it asks for its keeper', {
  timeout: 60_000,
}, async t => {
  const at = await scratch(t)
  await initialised(at('sidecar'), '--not-production')
  const file = at('sidecar/countersign.yaml')
  await writeFile(file, (await readFile(file, 'utf8')).replaceAll(/127\.0\.0\.1:\d+/g, '0.0.0.0:0'))
  const child = spawn(process.execPath, [MAIN, 'run', '--config', file, '--role', 'gate'], { stdio: 'pipe' })
  t.after(() => child.kill('SIGKILL'))
  const { value } = await createInterface({ input: child.stderr })[Symbol.asyncIterator]().next()
  assert.match(value, /^warning: The gate listens at 0\.0\.0\.0:0, which other machines can reach: /)
})

test('a listener of its own is laid out for an API whose SDK takes no path, and for no other', async t => {
  const at = await scratch(t)
  for (const [template, ports] of [
    ['stripe', { stripe: '127.0.0.1:7071' }],
    ['staging', { stripe: '127.0.0.1:7071' }],
    ['custom', undefined],
    ['aws', undefined],
  ] as const) {
    await initialised(at(template), '--template', template)
    assert.deepEqual(loadConfig(at(template, 'countersign.yaml')).config.gate.ports, ports, template)
  }
})

test('the steps say whose key stands in for the people who approve', async t => {
  const at = await scratch(t)
  const { next } = await initialised(at('sidecar'))
  assert.ok(
    next.some(line => line.includes(at('sidecar/trust/keys/approver.jwk'))),
    next.join('\n'),
  )
  assert.ok(existsSync(at('sidecar/trust/keys/approver.jwk')))
})

test('ATTACK: a sidecar laid out in a work tree of git, whose keys and evidence go into the next commit', async t => {
  const at = await scratch(t)
  const git = (...argv: readonly string[]) =>
    spawnSync('git', ['-C', at(), ...argv], { encoding: 'utf8' }).stdout
  git('init', '-q')
  await initialised(at('deployment'))
  await countersign('init', at('sandbox'), '--template', 'sandbox')
  await countersign('witness', 'init', at('witness'), '--name', 'witness.test/w1')
  await writeFile(at('mine'), '')
  assert.equal(git('status', '--short', '--untracked-files=all'), '?? mine\n')
})

test('a production folder names users, and its audience is no test audience', async t => {
  const at = await scratch(t)
  await initialised(at('sidecar'), '--audience', 'production')
  const loaded = loadConfig(at('sidecar/countersign.yaml'))
  const { config } = loaded
  assert.deepEqual(config.users, {
    gate: 'countersign-gate',
    keeper: 'countersign-keeper',
    group: 'countersign',
  })
  assert.equal(config.origin, ORIGIN)
  assert.match(await readFile(at('sidecar/policy/policy.yaml'), 'utf8'), /^ {2}audience: \[production\]/m)
  assert.deepEqual(readTrustRoot(loaded).testAudiences, [])
})

test('private keys, the vault and its key are for their owner alone', async t => {
  const at = await scratch(t)
  await initialised(at('sidecar'))
  const secret = /\.(jwk|key|jwe)$/
  const files = readdirSync(at('sidecar'), { recursive: true, encoding: 'utf8' }).filter(
    file => secret.test(file) && file !== join('auditor', 'public.jwk'),
  )
  assert.equal(files.length, 12, files.join(' '))
  for (const file of files) assert.equal(statSync(at('sidecar', file)).mode & 0o077, 0, file)
})

test('ATTACK: no template leaves a key in place whose private half everybody knows', async t => {
  const at = await scratch(t)
  for (const template of policyTemplates().filter(name => name !== 'sandbox')) {
    await initialised(at(template), '--template', template)
    const policy = await readFile(at(template, 'policy', 'policy.yaml'), 'utf8')
    assert.doesNotMatch(policy, /11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo/)
  }
})

test('the template sandbox lays out what the first run makes', async t => {
  const at = await scratch(t)
  const { code, out, err } = await countersign('init', at('sandbox'), '--template', 'sandbox')
  assert.equal(code, 0, err)
  assert.match(out, /countersign run --config .*sandbox\/countersign\.yaml/)
  assert.ok(loadConfig(at('sandbox/countersign.yaml')).config.sandbox !== undefined)
  assert.ok(existsSync(at('sandbox/policy/policy.sealed.json')))
})

test('nothing is ever overwritten: a folder with anything in it is refused and stays as it is', async t => {
  const at = await scratch(t)
  await mkdir(at('taken'))
  await writeFile(at('taken', 'countersign.yaml'), 'mine')
  for (const template of policyTemplates()) {
    const { code, err } = await countersign('init', at('taken'), '--template', template)
    assert.equal(code, 2)
    assert.match(err, /taken is not empty\n {2}Name another folder/)
  }
  assert.deepEqual(readdirSync(at('taken')), ['countersign.yaml'])
  assert.equal(await readFile(at('taken', 'countersign.yaml'), 'utf8'), 'mine')
})

test('a template, an origin or an audience that can not be is a usage error, and nothing is made', async t => {
  const at = await scratch(t)
  for (const argv of [
    ['--template', '../../etc/passwd'],
    ['--origin', 'Example.com'],
    ['--audience', 'a] # b'],
    ['--template', 'sandbox', '--audience', 'x'],
  ]) {
    const { code, err } = await countersign('init', at('new'), ...argv)
    assert.equal(code, 2, argv.join(' '))
    assert.match(err, /^error: .*\n {2}\S/)
    assert.ok(!existsSync(at('new')))
  }
})

test('the help lists the templates', async () => {
  const { out } = await countersign('init', '--help')
  for (const template of policyTemplates()) assert.match(out, new RegExp(`\\b${template}\\b`))
})
