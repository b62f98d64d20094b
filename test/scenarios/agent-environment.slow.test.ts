import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { encodeEnvelope, parseStrictJson } from '../../src/canon/index.js'
import { connectAdmin } from '../../src/cli/admin-client.js'
import { readSigningKey } from '../../src/cli/keyfile.js'
import { sealGrantOrder } from '../../src/policy/index.js'
import { MAIN, run, type Sidecar, startSidecar } from './sidecar.js'

const CHILD = fileURLToPath(new URL('child.js', import.meta.url))

/** Real credentials in the surroundings of the operator who starts the agent. */
const PLANTED = {
  AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI0K7MDENG0bPxRfiCYEXAMPLEKEY',
  STRIPE_API_KEY: 'sk_test_4eC39HqLyjWDarjtT1zdp7dc',
  GITHUB_TOKEN: 'ghp_16C7e42F292c6912E7710c838347Ae178B4a',
  NIGHTLY_THING: 'sk_live_51Habcdefghijklmnop',
  DATABASE_URL: 'postgres://app:hunter2hunter2@db.internal/app',
}

interface Said {
  readonly env: Readonly<Record<string, string>>
  readonly status: number
}

function saidBy(out: string): Said {
  return JSON.parse(out.trim().split('\n').at(-1) ?? '') as Said
}

describe('an agent’s environment', () => {
  let sidecar: Sidecar
  before(async () => {
    sidecar = await startSidecar()
  })
  after(() => sidecar?.strike())

  const readInvoice = (grant: string) =>
    fetch(`${sidecar.gate}/billing/invoices/in_1001`, { headers: { authorization: `Bearer ${grant}` } })
  /** `--config` must stand before `--`. */
  const exec = (...child: readonly string[]) => [
    ...[MAIN, 'exec', '--config', sidecar.loaded.file, '--agent', 'coder', '--task', 'fix-login', '--'],
    ...[process.execPath, CHILD, ...child],
  ]

  describe('exec', () => {
    test('points the command at the sidecar and keeps real credentials from it', async () => {
      const surroundings = { ...PLANTED, LANG: 'C.UTF-8', MY_SETTING: 'kept' }
      const { out, err } = await run(process.execPath, exec('exit', '0'), sidecar.folder, surroundings)
      const { env, status } = saidBy(out)
      assert.equal(status, 200)
      assert.equal(env.COUNTERSIGN_URL_RAILWAY, `${sidecar.gate}/railway`)
      assert.equal(env.COUNTERSIGN_URL_STRIPE, `${sidecar.gate}/stripe`)
      assert.equal(env.COUNTERSIGN_URL_BILLING, `${sidecar.gate}/billing`)
      assert.equal(env.RAILWAY_GRAPHQL_ENDPOINT, `${sidecar.gate}/railway/graphql/v2`)
      assert.equal(env.RAILWAY_API_TOKEN, env.COUNTERSIGN_GRANT)
      assert.equal(env.STRIPE_API_KEY, env.COUNTERSIGN_GRANT)
      assert.equal(env.STRIPE_API_BASE, `http://${sidecar.stripe.host}:${sidecar.stripe.port}`)
      assert.equal(env.MY_SETTING, 'kept')
      for (const [name, secret] of Object.entries(PLANTED)) {
        assert.ok(!Object.values(env).includes(secret), `${name} reached the command`)
        assert.ok(err.includes(name), `${name} was taken out in silence`)
        assert.ok(!err.includes(secret))
      }
    })

    test('passes the exit code on and revokes the grant at the end', async () => {
      const { code, out } = await run(process.execPath, exec('exit', '7'), sidecar.folder)
      assert.equal(code, 7)
      const refused = await readInvoice(saidBy(out).env.COUNTERSIGN_GRANT ?? '')
      assert.equal(refused.status, 401)
      assert.match(((await refused.json()) as { message: string }).message, /The grant was revoked/)
    })

    test('hands SIGTERM to the command, and revokes the grant when that ends', async () => {
      const child = spawn(process.execPath, exec('wait'), {
        env: { PATH: process.env.PATH, HOME: sidecar.folder },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const ended = new Promise(resolve => child.once('exit', resolve))
      let grant = ''
      for await (const line of createInterface(child.stdout)) {
        grant = saidBy(line).env.COUNTERSIGN_GRANT ?? ''
        child.kill('SIGTERM')
      }
      assert.equal(await ended, 43)
      assert.equal((await readInvoice(grant)).status, 401)
    })

    test('says what is wrong with a command that can’t be run', async () => {
      const argv = [...exec().slice(0, -2), 'no-such-program-here']
      const { code, err } = await run(process.execPath, argv, sidecar.folder)
      assert.equal(code, 2)
      assert.match(err, /cannot run no-such-program-here/)
    })
  })

  describe('env', () => {
    const formatted = async (format: string) => {
      const { code, out, err } = await sidecar.command(['env', '--agent', 'coder', '--format', format])
      assert.equal(code, 0, err)
      return out
    }
    const usable = async (variables: Readonly<Record<string, unknown>>) => {
      assert.equal(variables.COUNTERSIGN_URL_BILLING, `${sidecar.gate}/billing`)
      assert.equal((await readInvoice(String(variables.COUNTERSIGN_GRANT))).status, 200)
    }

    test('sh is read by a shell', async () => {
      const script = `${await formatted('sh')}\nprintf '%s %s' "$COUNTERSIGN_URL_BILLING" "$COUNTERSIGN_GRANT"`
      const { out } = await run('/bin/sh', ['-c', script], sidecar.folder)
      const [COUNTERSIGN_URL_BILLING, COUNTERSIGN_GRANT] = out.split(' ')
      await usable({ COUNTERSIGN_URL_BILLING, COUNTERSIGN_GRANT })
    })

    test('dotenv is one quoted value a line', async () => {
      const pairs = (await formatted('dotenv'))
        .trim()
        .split('\n')
        .map(line => /^([A-Z][A-Z0-9_]*)=(".*")$/.exec(line) ?? assert.fail(line))
      await usable(Object.fromEntries(pairs.map(([, name, value]) => [name, JSON.parse(value as string)])))
    })

    test('mcp is the `env` of a server’s entry', async () => {
      await usable((JSON.parse(await formatted('mcp')) as { env: Record<string, string> }).env)
    })

    test('k8s is the `env` of a container', async () => {
      const list = parse(await formatted('k8s')) as readonly { name: string; value: string }[]
      await usable(Object.fromEntries(list.map(({ name, value }) => [name, value])))
    })
  })

  test('guide tells the agent its URLs and what a refusal means', async () => {
    const { code, out } = await sidecar.command(['guide', '--agent', 'coder'])
    assert.equal(code, 0)
    for (const word of ['COUNTERSIGN_URL_RAILWAY', 'COUNTERSIGN_GRANT_FILE', 'DENIED', 'HELD', '503'])
      assert.ok(out.includes(word), word)
  })

  test('doctor finds the ways around the sidecar and exits 1', async () => {
    const workplace = join(sidecar.folder, 'workplace')
    await mkdir(join(workplace, 'scripts'), { recursive: true })
    await writeFile(
      join(workplace, 'scripts', '.env.old'),
      'RAILWAY_API_TOKEN=0f4c7e52-9d1b-4e0a-b7a3-5c6d\n',
    )
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const secret = JSON.stringify(privateKey.export({ format: 'jwk' }))
    for (const file of [join(workplace, 'maria.jwk'), join(sidecar.folder, 'home.jwk')])
      await writeFile(file, secret)
    await writeFile(join(workplace, 'public.jwk'), JSON.stringify(publicKey.export({ format: 'jwk' })))
    await mkdir(join(sidecar.folder, '.aws'), { recursive: true })
    await writeFile(join(sidecar.folder, '.aws', 'credentials'), '[default]\n')
    const argv = ['doctor', '--folder', workplace, '--json']
    const { code, out } = await sidecar.command(argv, PLANTED)
    assert.equal(code, 1)
    type Findings = { findings: readonly { code: string; subject: string; mend: string }[] }
    const { findings } = JSON.parse(out) as Findings
    const found = (what: string) => findings.filter(each => each.code === what).map(({ subject }) => subject)
    assert.deepEqual(found('environment_credential').sort(), Object.keys(PLANTED).sort())
    assert.ok(found('readable_credential').some(path => path.endsWith('scripts/.env.old')))
    assert.ok(found('readable_credential').some(path => path.endsWith('.aws/credentials')))
    assert.ok(found('readable_credential').some(path => path.endsWith('workplace/maria.jwk')))
    assert.ok(found('readable_credential').some(path => path.endsWith('/home.jwk')))
    assert.ok(!found('readable_credential').some(path => path.endsWith('public.jwk')))
    assert.ok(found('direct_egress').includes(sidecar.cloud.railway))
    assert.ok(found('shared_user').length >= 2)
    assert.ok(found('readable_secret').some(path => path.endsWith('vault.key')))
    for (const secret of Object.values(PLANTED)) assert.ok(!out.includes(secret))
  })

  describe('grants', () => {
    test('list shows a grant without its token, and revoke ends it', async () => {
      const { token, jti } = await sidecar.grant({ task: 'listed' })
      const listed = await sidecar.command(['grant', 'list'])
      assert.equal(listed.code, 0, listed.err)
      assert.match(listed.out, new RegExp(`^${jti}  coder  listed  bearer  until `, 'm'))
      assert.ok(!listed.out.includes(token))
      assert.equal((await sidecar.command(['grant', 'revoke', jti])).code, 0)
      assert.equal((await readInvoice(token)).status, 401)
      const again = JSON.parse((await sidecar.command(['grant', 'list', '--json'])).out) as {
        grants: readonly { jti: string; revoked: boolean }[]
      }
      assert.equal(again.grants.find(grant => grant.jti === jti)?.revoked, true)
    })

    test('an agent of the same user gets none without the enrol key', async () => {
      const key = join(sidecar.folder, 'keeper', 'keys', 'receipt.jwk')
      const wrongKey = await sidecar.command(['grant', 'issue', '--agent', 'coder', '--key', key])
      assert.equal(wrongKey.code, 2)
      assert.match(wrongKey.err, /signing_key_unknown/)
      const noKey = await sidecar.command(['grant', 'issue', '--agent', 'coder', '--key', '/nowhere.jwk'])
      assert.equal(noKey.code, 2)
      assert.match(noKey.err, /no key with the enrol role/)
      assert.equal(wrongKey.out + noKey.out, '')
    })

    test('an order that was overheard gets nothing a second time', async () => {
      const { loaded } = sidecar
      const admin = connectAdmin(loaded.path(loaded.config.keeper.admin))
      const order = sealGrantOrder(
        {
          v: 1,
          origin: loaded.config.origin,
          agent: 'coder',
          environment: 'staging',
          task: 'once',
          owner: 'maria',
          slot: 'bearer',
          ttlSeconds: 60,
          t: Date.now(),
          nonce: randomUUID(),
        },
        readSigningKey(loaded.path('trust/keys/enrol.jwk')),
      )
      const body = { order: parseStrictJson(encodeEnvelope(order)) }
      try {
        assert.ok(await admin.post('/v1/grants', body))
        await assert.rejects(admin.post('/v1/grants', body), /grant_order_replayed/)
      } finally {
        await admin.close()
      }
    })
  })
})
