import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { judge } from '../../src/injector/index.js'
import { Cluster, ISSUER, POD_CLAIMS, SUBJECT } from '../credential/pod-tokens.js'
import { agentPod, PARTS } from '../injector/agents.js'
import { invoicesPolicy, startInvoices } from './invoices.js'
import { startSidecar } from './supervised-sidecar.js'

const MAIN = fileURLToPath(new URL('../../bin/main.js', import.meta.url))
const POD = `identity: [{ issuer: "${ISSUER}", subject: "${SUBJECT}" }]`

test('an agent in a pod holds nothing, and its requests have its pod’s name on them', async t => {
  const cluster = await Cluster.start()
  const invoices = await startInvoices(t)
  const sidecar = await startSidecar(t, {
    policy: invoicesPolicy(invoices.address).replace('session: 8h', POD),
    billing: invoices.address,
    env: { POD_UID: POD_CLAIMS.pod.uid },
    configure: (config, folder) => {
      writeFileSync(join(folder, 'jwks.json'), JSON.stringify(cluster.jwks))
      mkdirSync(join(folder, 'pod'))
      return {
        ...config,
        gate: { ...config.gate, probes: '127.0.0.1:0', podToken: 'pod/grant' },
        keeper: {
          ...config.keeper,
          identities: [{ issuer: ISSUER, keys: { file: 'jwks.json' } }],
          pod: { env: 'POD_UID' },
        },
      }
    },
  })
  const { origin } = sidecar.loaded.config
  /** As a kubelet does it. */
  const project = async (claims: Readonly<Record<string, unknown>> = {}): Promise<void> => {
    const file = join(sidecar.folder, 'pod', 'grant')
    writeFileSync(`${file}.new`, await cluster.token(origin, Date.now(), claims))
    renameSync(`${file}.new`, file)
  }
  const ask = (authorization = 'Bearer countersign-pod') =>
    fetch(`${sidecar.url}/billing/invoices/1`, { headers: { authorization } })

  await t.test('who asks before there is a token gets in nowhere', async () => {
    assert.equal((await ask()).status, 401)
    assert.equal(invoices.seen.length, 0)
  })

  await t.test('the gate presents the pod’s token in the place of the word', async () => {
    await project()
    assert.equal((await ask()).status, 200)
    assert.equal(invoices.seen.length, 1)
    assert.doesNotMatch(invoices.seen[0]?.authorization ?? '', /countersign-pod/)
  })

  await t.test('a client may present such a token itself', async () => {
    assert.equal((await ask(`Bearer ${await cluster.token(origin, Date.now())}`)).status, 200)
  })

  await t.test(
    'attack: a token of another pod is refused, and one for the API server is foreign',
    async () => {
      const other = { 'kubernetes.io': { ...POD_CLAIMS, pod: { name: 'coder-2', uid: 'another' } } }
      assert.equal((await ask(`Bearer ${await cluster.token(origin, Date.now(), other)}`)).status, 401)
      const api = await cluster.token(origin, Date.now(), { aud: [ISSUER] })
      const answer = await ask(`Bearer ${api}`)
      assert.equal(answer.status, 403)
      assert.match(await answer.text(), /foreign_credential/)
    },
  )

  await t.test('the probes have a port of their own', async () => {
    const line = sidecar.output.split('\n').find(text => text.includes('"door":"probes"'))
    const { address } = JSON.parse(line ?? '{}') as { address: string }
    assert.equal((await fetch(`${address}/readyz`)).status, 200)
    assert.equal((await fetch(`${address}/billing/invoices/1`)).status, 404)
  })

  await t.test('revoking one of its grants ends the pod', async () => {
    const { grants } = await sidecar.admin.get<{ grants: { jti: string; task: string }[] }>('/v1/grants')
    assert.deepEqual([...new Set(grants.map(({ task }) => task))], ['agents/coder-1'])
    await sidecar.admin.post(`/v1/grants/${grants[0]?.jti}/revoke`)
    assert.equal((await ask(`Bearer ${await cluster.token(origin, Date.now())}`)).status, 401)
  })

  await t.test('the ledger holds together, and every attempt cites a grant that it has', () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [MAIN, 'receipts', 'verify', '--config', sidecar.loaded.file],
      { encoding: 'utf8' },
    )
    assert.equal(status, 0, stdout + stderr)
  })
})

test('the startup probe of a keeper passes while there is no gate, and not without a keeper', async t => {
  const invoices = await startInvoices(t)
  const sidecar = await startSidecar(t, {
    policy: invoicesPolicy(invoices.address),
    billing: invoices.address,
  })
  await sidecar.stop()
  assert.notEqual(probe(sidecar.loaded.file), 0)
  await sidecar.start('keeper')
  assert.equal(probe(sidecar.loaded.file), 0)
})

test('a sidecar that nothing guards says so at its start and in `status`', async t => {
  const invoices = await startInvoices(t)
  const sidecar = await startSidecar(t, {
    policy: invoicesPolicy(invoices.address),
    billing: invoices.address,
    env: { COUNTERSIGN_POD_MODE: 'sidecar' },
  })
  await sidecar.stop()
  await sidecar.start('keeper')
  assert.match(sidecar.output, /"msg":"nothing in this pod keeps the agent from going around the sidecar/)
  const { stdout } = spawnSync(process.execPath, [MAIN, 'status', '--config', sidecar.loaded.file], {
    encoding: 'utf8',
  })
  assert.match(stdout, /^ {2}missing {5}nothing in this pod keeps the agent from going around the sidecar/m)
})

test('attack: who rewrites the configuration of a pinned sidecar has none that starts', async t => {
  const invoices = await startInvoices(t)
  const sidecar = await startSidecar(t, {
    policy: invoicesPolicy(invoices.address),
    billing: invoices.address,
  })
  await sidecar.stop()
  const { file } = sidecar.loaded
  const text = readFileSync(file, 'utf8')
  const pin = `sha256:${createHash('sha256').update(text).digest('hex')}`
  await sidecar.start(undefined, '--config-digest', pin)
  await sidecar.stop()
  const evil = join(sidecar.folder, 'evil')
  writeFileSync(
    file,
    text.replace(
      /^keeper:$/m,
      `keeper:\n  signers: { receipt: { command: [touch, ${JSON.stringify(evil)}] } }`,
    ),
  )
  await assert.rejects(sidecar.start('keeper', '--config-digest', pin), /config_altered/)
  await assert.rejects(sidecar.start(undefined, '--config-digest', pin), /config_altered/)
  assert.equal(existsSync(evil), false)
})

/** As the kubelet runs what the injector wrote, with this program and this configuration. */
function probe(config: string): number | null {
  const judgement = judge(agentPod(), 'agents', PARTS)
  assert.equal(judgement.kind, 'injected')
  const keeper = judgement.pod.spec.initContainers?.find(({ name }) => name === 'countersign-keeper')
  assert.ok(keeper)
  const { exec } = keeper.startupProbe as { exec: { command: readonly string[] } }
  const [program, ...words] = exec.command
  assert.equal(program, 'countersign')
  const here = words.map(word => (word === '/etc/countersign/countersign.yaml' ? config : word))
  return spawnSync(process.execPath, [MAIN, ...here], { stdio: 'ignore' }).status
}

test('a keeper that is bound to its pod and not told which doesn’t start', async t => {
  const invoices = await startInvoices(t)
  const started = startSidecar(t, {
    policy: invoicesPolicy(invoices.address).replace('session: 8h', POD),
    billing: invoices.address,
    configure: config => ({
      ...config,
      keeper: {
        ...config.keeper,
        identities: [{ issuer: ISSUER, keys: { file: 'jwks.json' } }],
        pod: { env: 'POD_UID' },
      },
    }),
  })
  await assert.rejects(started, /pod_unknown/)
})
