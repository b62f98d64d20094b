import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { packageVersion } from '../../src/cli/package-version.js'
import { judge } from '../../src/injector/index.js'
import { agentPod, PARTS, USERS } from '../injector/agents.js'
import { Shared } from '../lasting.js'
import { buildBase } from './base.js'
import { build, bundledHere, Opened, packagesIn } from './built.js'
import { Containers } from './containers.js'
import { missing, ran, tried } from './engine.js'

const MB = 1_000_000
const SBOM = '/usr/share/doc/countersign/sbom.cdx.json'
const NOT_WANTED =
  /\/(sh|ash|bash|dash|busybox|env|npm|npx|yarn|corepack|apt|apt-get|dpkg|ld|strip|cat|ls|su|sudo|mount)$/

interface Bom {
  readonly components: readonly { readonly name: string; readonly version: string; readonly purl: string }[]
}

describe('the image of the sidecar', { skip: missing() }, () => {
  const shared = new Shared()
  let image: string
  let opened: Opened
  before(() => {
    image = build(buildBase(), 'sidecar', 'one')
    opened = new Opened(image)
    shared.after(() => opened.remove())
    shared.after(() => tried('podman', 'rmi', '--force', image))
  })
  after(() => shared.end())

  it('has no shell, no package manager, and nothing that changes its user', () => {
    const paths = opened.entries.map(({ path }) => path)
    assert.ok(paths.includes('/usr/local/bin/node'))
    assert.deepEqual(
      paths.filter(path => NOT_WANTED.test(path)),
      [],
    )
    assert.deepEqual(
      opened.entries.filter(({ mode }) => /s/i.test(mode.slice(1))),
      [],
    )
    const started = opened.entries.filter(
      ({ mode, path }) => /^-..x/.test(mode) && !/\.so(\.\d+)*$/.test(path),
    )
    assert.deepEqual(
      started
        .map(({ path }) => path)
        .filter(path => !path.startsWith('/app/config/policy-repository/'))
        .sort(),
      ['/app/dist/bin/main.js', '/usr/local/bin/node'],
    )
  })

  it('is written by nobody but where the keeper’s volumes are, and in /tmp', () => {
    const others = opened.entries.filter(({ owner }) => owner !== '0/0')
    assert.deepEqual(
      others.map(({ mode, owner, path }) => `${mode} ${owner} ${path}`).sort(),
      ['ledger', 'mark', 'run'].map(name => `drwxr-x--- 65531/65530 /etc/countersign/${name}`),
    )
    const open = opened.entries.filter(({ mode }) => /^[^l].{7}w/.test(mode))
    assert.deepEqual(
      open.map(({ mode, path }) => `${mode} ${path}`),
      ['drwxrwxrwt /tmp'],
    )
  })

  it('is as small as Node allows', t => {
    t.diagnostic(
      `${(opened.pulledBytes / MB).toFixed(1)} MB to pull, ${(opened.bytes / MB).toFixed(1)} MB unpacked`,
    )
    assert.ok(opened.pulledBytes < 60 * MB, `${opened.pulledBytes} bytes`)
    assert.ok(opened.bytes < 140 * MB, `${opened.bytes} bytes`)
    const node = opened.entries.find(({ path }) => path === '/usr/local/bin/node')
    assert.ok(opened.bytes - (node?.bytes ?? 0) < 30 * MB, 'besides Node')
  })

  it('names every package in it, Node and the libraries in its SBOM', () => {
    const { components } = JSON.parse(opened.read(SBOM)) as Bom
    const npm = components.filter(({ purl }) => purl.startsWith('pkg:npm/'))
    assert.deepEqual(
      npm.map(({ name, version }) => `${name} ${version}`).sort(),
      [...new Set([...bundledHere(), ...packagesIn(opened)])].sort(),
    )
    assert.match(components.find(({ purl }) => purl.startsWith('pkg:generic/node@'))?.version ?? '', /^24\./)
    const debian = components.filter(({ purl }) => purl.startsWith('pkg:deb/')).map(({ name }) => name)
    assert.deepEqual(debian.sort(), ['libc6', 'libgcc-s1', 'libstdc++6'])
    for (const name of debian)
      assert.ok(
        opened.entries.some(({ path }) => path === `/usr/share/doc/${name}/copyright`),
        name,
      )
  })

  it('says what it is', () => {
    const { User, Labels } = opened.config
    assert.equal(User, '65532:65530')
    assert.equal(Labels['org.opencontainers.image.version'], packageVersion())
    assert.equal(Labels['org.opencontainers.image.licenses'], 'Apache-2.0')
  })

  it('starts by the name of the program, without a shell, as any user', () => {
    const confined = ['--rm', '--network=none', '--read-only', '--cap-drop=ALL', '--user=64001:64003']
    assert.equal(ran('podman', 'run', ...confined, image, '--version'), packageVersion())
    assert.notEqual(tried('podman', 'run', ...confined, '--entrypoint=sh', image, '-c', 'true').status, 0)
    const native = `const of = require('module').createRequire('/app/dist/bin/main.js'); of('sodium-native'); of('classic-level')`
    ran('podman', 'run', ...confined, '--entrypoint=node', image, '-e', native)
  })

  it('is the same, byte for byte, when it is built again', () => {
    const again = build(buildBase(), 'sidecar', 'two')
    shared.after(() => tried('podman', 'rmi', '--force', again))
    const second = new Opened(again)
    shared.after(() => second.remove())
    assert.equal(second.digest, opened.digest)
  })

  it('enforces as gate and keeper of deploy/compose.yaml: two users, nothing writable, and receipts that verify', async t => {
    const containers = await Containers.start(t, image)
    const read = await containers.ask('GET', '/billing/invoices/1')
    assert.deepEqual(read, { status: 200, text: '{"paid":true}' })
    const voided = await containers.ask('POST', '/billing/invoices/1/void')
    assert.equal(voided.status, 403)
    assert.match(voided.text, /never-void/)

    for (const [role, uid] of [
      ['keeper', '65531'],
      ['gate', '65532'],
    ] as const) {
      const status = containers.statusOf(role)
      assert.deepEqual(status.Uid?.split('\t'), Array(4).fill(uid), role)
      assert.deepEqual(status.Gid?.split('\t'), Array(4).fill('65530'), role)
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
        assert.equal(status[set], '0'.repeat(16), set)
      assert.equal(status.NoNewPrivs, '1')
      for (const path of ['/tmp/file', '/app/file', '/etc/countersign/file', '/etc/countersign/keeper/file'])
        assert.equal(containers.writes(role, path), false, `${role} ${path}`)
      assert.equal(containers.isWell(role), true, role)
    }
    assert.equal(containers.writes('gate', '/etc/countersign/run/file'), false)

    assert.equal(containers.stop('gate'), '0', containers.logs('gate'))
    assert.equal(containers.isWell('gate'), false)
    assert.equal(containers.stop('keeper'), '0', containers.logs('keeper'))
    const verified = containers.asKeeper(
      'receipts',
      'verify',
      '/etc/countersign/ledger',
      '--trust',
      '/etc/countersign/trust/root.json',
    )
    assert.equal(verified.status, 0, verified.stdout + verified.stderr)
    assert.match(verified.stdout, /valid/i)
  })
})

describe('the image of the firewall', { skip: missing() }, () => {
  const shared = new Shared()
  after(() => shared.end())

  it('has `nft` alone, and sets the rules of an injected pod with one capability', () => {
    const image = build(buildBase(), 'firewall', 'one')
    shared.after(() => tried('podman', 'rmi', '--force', image))
    const opened = new Opened(image)
    shared.after(() => opened.remove())
    assert.ok(opened.bytes < 15 * MB, `${opened.bytes} bytes`)
    const started = opened.entries.filter(
      ({ mode, path }) => /^-..x/.test(mode) && !/\.so(\.\d+)*$/.test(path),
    )
    assert.deepEqual(
      started.map(({ path }) => path),
      ['/usr/sbin/nft'],
    )

    const judgement = judge(agentPod(), 'agents', PARTS)
    assert.equal(judgement.kind, 'injected')
    const [program, rules] = (judgement.pod.spec.initContainers?.[0]?.command ?? []) as readonly string[]
    assert.ok(program && rules)
    const network = `cs-${randomBytes(3).toString('hex')}`
    ran('ip', 'netns', 'add', network)
    shared.after(() => tried('ip', 'netns', 'del', network))
    const confined = [
      '--rm',
      '--read-only',
      '--cap-drop=ALL',
      '--cap-add=NET_ADMIN',
      '--security-opt=no-new-privileges',
    ]
    const inPod = ['run', ...confined, `--network=ns:/run/netns/${network}`, `--entrypoint=${program}`, image]
    ran('podman', ...inPod, rules)
    const listed = ran('podman', ...inPod, 'list ruleset')
    for (const id of [USERS.gate, USERS.keeper]) assert.match(listed, new RegExp(`skuid .*${id}`))
  })
})
