import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer as createTlsServer, request } from 'node:https'
import { createServer } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { tryUntilBlocked } from '../../src/cli/inject/blocked.js'
import { TestCa } from '../certificates.js'
import { agentPod, PROFILES, profileOf, profilesText, reviewOf, SIDECAR_IMAGE } from '../injector/agents.js'
import { countersign, scratch } from './command-line.js'

const PROGRAM = fileURLToPath(new URL('../../bin/main.js', import.meta.url))

async function folderWithProfiles(t: TestContext) {
  const at = await scratch(t)
  writeFileSync(at('profiles.yaml'), profilesText(PROFILES, 'firewalled'))
  return at
}

describe('countersign inject render', () => {
  it('prints the manifests with the sidecar', async t => {
    const at = await folderWithProfiles(t)
    writeFileSync(at('pod.yaml'), stringify(agentPod(), { aliasDuplicateObjects: false }))
    const { code, out } = await countersign(
      'inject',
      'render',
      at('pod.yaml'),
      '--profiles',
      at('profiles.yaml'),
    )
    assert.equal(code, 0)
    assert.match(out, /^apiVersion: v1\nkind: Pod\n/)
    assert.match(out, /name: countersign-gate/)
  })

  it('prints every reason and nothing else where a pod is refused, and answers 1', async t => {
    const at = await folderWithProfiles(t)
    writeFileSync(at('pod.json'), JSON.stringify(agentPod({ spec: { hostPID: true, hostIPC: true } })))
    const { code, out, err } = await countersign(
      'inject',
      'render',
      at('pod.json'),
      '--profiles',
      at('profiles.yaml'),
    )
    assert.deepEqual([code, out], [1, ''])
    assert.match(err, /^Pod "agent": .*host_namespace at spec\.hostPID: .*host_namespace at spec\.hostIPC: /)
  })

  it('says the same as JSON', async t => {
    const at = await folderWithProfiles(t)
    writeFileSync(at('pod.json'), JSON.stringify(agentPod({ spec: { hostPID: true } })))
    const words = ['inject', 'render', at('pod.json'), '--profiles', at('profiles.yaml'), '--json']
    const { code, out } = await countersign(...words)
    assert.equal(code, 1)
    assert.deepEqual(JSON.parse(out), {
      objects: [
        {
          kind: 'Pod',
          name: 'agent',
          namespace: 'agents',
          outcome: { kind: 'refused', refusals: [{ code: 'host_namespace', at: 'spec.hostPID' }] },
        },
      ],
      manifests: null,
    })
  })

  for (const [what, profile, says] of [
    ['an image by tag', profileOf({ images: { sidecar: 'countersign:1' } }), /images\.sidecar/],
    [
      'two users that are one',
      profileOf({ users: { gate: 2001, keeper: 2001, group: 2002, storage: 2003 } }),
      /all four numbers must differ/,
    ],
    ['a port twice', profileOf({ apis: { a: { catalog: 'a', port: 7070 } } }), /each port is used once/],
    ['no gateway in the mode gateway', profileOf({ mode: 'gateway' }), /the mode gateway has one/],
    [
      'a sidecar whose configuration nothing holds',
      profileOf({ configDigest: undefined }),
      /configDigest: the modes with a sidecar/,
    ],
    [
      'a firewall and no image that has nft',
      profileOf({ images: { sidecar: SIDECAR_IMAGE } }),
      /images\.firewall: the mode sidecar-netadmin/,
    ],
    ['a member that it doesn’t have', profileOf({ skip: true }), /skip/],
  ] as const)
    it(`takes no profile with ${what}, and answers 2`, async t => {
      const at = await scratch(t)
      writeFileSync(at('profiles.yaml'), profilesText({ bad: profile }))
      const { code, err } = await countersign('inject', 'render', '--profiles', at('profiles.yaml'))
      assert.equal(code, 2)
      assert.match(err, /profiles_malformed/)
      assert.match(err, says)
    })
})

describe('countersign inject unpack', () => {
  it('copies a mounted Secret for this user alone, as the kubelet lays it out', async t => {
    const at = await scratch(t)
    mkdirSync(at('secret', '..2027'), { recursive: true })
    writeFileSync(at('secret', '..2027', 'vault.key'), 'k', { mode: 0o444 })
    symlinkSync('..2027', at('secret', '..data'))
    symlinkSync(join('..data', 'vault.key'), at('secret', 'vault.key'))
    const { code } = await countersign(
      'inject',
      'unpack',
      '--from',
      at('secret'),
      '--to',
      at('private', 'secrets'),
    )
    assert.equal(code, 0)
    assert.deepEqual(readdirSync(at('private', 'secrets')), ['vault.key'])
    assert.equal(statSync(at('private', 'secrets', 'vault.key')).mode & 0o777, 0o600)
    assert.equal(statSync(at('private', 'secrets')).mode & 0o777, 0o700)
    assert.equal(readFileSync(at('private', 'secrets', 'vault.key'), 'utf8'), 'k')
  })
})

describe('countersign inject digest', () => {
  it('prints what a profile has, of a configuration that is a good one', async t => {
    const at = await scratch(t)
    assert.equal(
      (await countersign('init', at('side'), '--origin', 'a.example/countersign/a', '--audience', 'staging'))
        .code,
      0,
    )
    const file = at('side', 'countersign.yaml')
    const digest = createHash('sha256').update(readFileSync(file)).digest('hex')
    const { code, out } = await countersign('inject', 'digest', file)
    assert.deepEqual([code, out], [0, `sha256:${digest}\n`])
    writeFileSync(file, 'kind: Sidecar')
    assert.match((await countersign('inject', 'digest', file)).err, /config_malformed/)
  })
})

const BLOCKED = ['inject', 'blocked', '--patience', '0', '--address'] as const

describe('countersign inject blocked', () => {
  const answers = (...reached: readonly boolean[]) => {
    const left = [...reached]
    const asked: number[] = []
    const attempt = async (addresses: readonly string[]) => {
      asked.push(addresses.length)
      const now = left.length > 1 ? left.shift() : left[0]
      return addresses.map(address => ({ address, reached: now === true }))
    }
    return { attempt, asked }
  }

  it('waits for a network that applies its policies late', async () => {
    const { attempt, asked } = answers(true, true, false)
    const pauses: number[] = []
    const tried = await tryUntilBlocked(['1.1.1.1:443'], 30_000, attempt, async ms => pauses.push(ms))
    assert.deepEqual(tried, [{ address: '1.1.1.1:443', reached: false }])
    assert.deepEqual([asked.length, pauses.length], [3, 2])
  })

  it('attack: waits no longer than it was told, and then says what was reached', async () => {
    const { attempt, asked } = answers(true)
    const tried = await tryUntilBlocked(['1.1.1.1:443'], 0, attempt)
    assert.deepEqual([tried[0]?.reached, asked.length], [true, 1])
  })

  it('answers 1 where an address is reached', async t => {
    const server = createServer(socket => socket.end())
    await once(server.listen(0, '127.0.0.1'), 'listening')
    t.after(() => server.close())
    const { port } = server.address() as { port: number }
    const { code, err } = await countersign(...BLOCKED, `127.0.0.1:${port}`)
    assert.equal(code, 1)
    assert.match(err, /could get around/)
  })

  it('takes a refusal of the other side for having reached it', async () => {
    const server = createServer()
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as { port: number }
    await new Promise(resolve => server.close(resolve))
    assert.equal((await countersign(...BLOCKED, `127.0.0.1:${port}`)).code, 1)
  })
})

describe('countersign inject serve', () => {
  it('wants a certificate, or a service and an API server for one of its own', async t => {
    const at = await folderWithProfiles(t)
    const serve = (...words: string[]) =>
      countersign('inject', 'serve', '--profiles', at('profiles.yaml'), ...words)
    assert.match((await serve()).err, /needs a certificate/)
    assert.match((await serve('--tls-cert', 'x')).err, /belong together/)
    assert.match((await serve('--service', 'injector')).err, /is no service/)
    assert.match((await serve('--service', 'a.b')).err, /no API server/)
    assert.match((await serve('--service', 'a.b', '--api-server', 'http://10.0.0.1')).err, /no API server/)
  })

  it('serves with the files of something else, takes others that follow, and stops at SIGTERM', async t => {
    const at = await folderWithProfiles(t)
    const [first, second] = [new TestCa(t), new TestCa(t)]
    const install = (ca: TestCa): void => {
      const { cert, key } = ca.issue('injector', { names: 'IP:127.0.0.1', usage: 'serverAuth' })
      for (const [name, pem] of [
        ['tls.key', key],
        ['tls.crt', cert],
      ] as const) {
        writeFileSync(at(`${name}.new`), pem)
        renameSync(at(`${name}.new`), at(name))
      }
    }
    install(first)
    const files = ['--tls-cert', at('tls.crt'), '--tls-key', at('tls.key')]
    const words = ['inject', 'serve', '--profiles', at('profiles.yaml'), '--listen', '127.0.0.1:0', ...files]
    const child = spawn(process.execPath, [PROGRAM, ...words], { stdio: ['ignore', 'pipe', 'ignore'] })
    t.after(() => child.kill('SIGKILL'))
    const [said] = (await once(child.stdout, 'data')) as [Buffer]
    const [url] = /https:\/\/[0-9.]+:[0-9]+/.exec(String(said)) ?? []
    assert.ok(url)
    const review = JSON.stringify(reviewOf(agentPod()))
    assert.match(await post(`${url}/inject`, first.cert, review), /"patchType":"JSONPatch"/)
    install(second)
    let answered = ''
    while (answered === '') answered = await post(`${url}/inject`, second.cert, review).catch(() => '')
    assert.match(answered, /"allowed":true/)
    child.kill('SIGTERM')
    assert.deepEqual(await once(child, 'exit'), [0, null])
  })
})

describe('countersign inject serve with a CA of its own', () => {
  it('gives it to the API server, serves under the service’s name, and stops at SIGTERM', async t => {
    const at = await folderWithProfiles(t)
    const api = await startApiServer(t)
    writeFileSync(at('token'), 'service-account-token')
    const words = ['inject', 'serve', '--profiles', at('profiles.yaml'), '--listen', '127.0.0.1:0']
    const files = ['--api-token-file', at('token'), '--api-ca-file', api.caFile]
    const child = spawn(
      process.execPath,
      [PROGRAM, ...words, '--service', 'injector.countersign', '--api-server', api.url, ...files],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    )
    t.after(() => child.kill('SIGKILL'))
    const [said] = (await once(child.stdout, 'data')) as [Buffer]
    const [url] = /https:\/\/[0-9.]+:[0-9]+/.exec(String(said)) ?? []
    assert.ok(url)
    const ca = Buffer.from(api.bundles[0] ?? '', 'base64').toString()
    const answered = await post(
      `${url}/inject`,
      ca,
      JSON.stringify(reviewOf(agentPod())),
      'injector.countersign.svc',
    )
    assert.match(answered, /"patchType":"JSONPatch"/)
    assert.equal(api.bundles[0], api.bundles[1])
    child.kill('SIGTERM')
    assert.deepEqual(await once(child, 'exit'), [0, null])
  })
})

/** Two webhook configurations as an API server keeps them. */
async function startApiServer(t: TestContext) {
  const authority = new TestCa(t)
  const { cert, key } = authority.issue('kubernetes', { names: 'IP:127.0.0.1', usage: 'serverAuth' })
  const bundles = ['', '']
  const server = createTlsServer({ cert, key }, (asked, response) => {
    let text = ''
    asked.on('data', chunk => {
      text += chunk
    })
    asked.once('end', () => {
      const i = asked.url?.includes('/validating') ? 1 : 0
      if (asked.method === 'PATCH') bundles[i] = JSON.parse(text)[1].value
      const webhooks = [{ clientConfig: { caBundle: bundles[i] } }]
      response.end(JSON.stringify({ metadata: { resourceVersion: '1' }, webhooks }))
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as { port: number }
  return { url: `https://127.0.0.1:${port}`, caFile: authority.certFile, bundles }
}

function post(url: string, ca: string, body: string, servername?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(
      url,
      { method: 'POST', ca, agent: false, ...(servername === undefined ? {} : { servername }) },
      response => {
        let text = ''
        response.on('data', chunk => {
          text += chunk
        })
        response.once('end', () => resolve(text))
      },
    )
    asked.once('error', reject)
    asked.end(body)
  })
}
