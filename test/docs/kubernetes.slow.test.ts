import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import { parse, stringify } from 'yaml'
import { TOOL_FOLDER, TOOLS_MISSING } from '../../scripts/kubernetes/tools.js'
import { packageRoot } from '../../src/cli/catalogs.js'
import { injectorParts } from '../../src/cli/inject/parts.js'
import { renderManifests } from '../../src/injector/index.js'
import { Cluster, ISSUER, POD_CLAIMS } from '../credential/pod-tokens.js'
import { makeVolumes, settingsOf } from '../deploy/gateway-pod.js'
import { type Manifest, objectsOf, podOf, profilesOf, read, strangersIn } from '../deploy/manifests.js'
import { objectionTo } from './commands.js'

/*
 * “From nothing to an injected agent”, as the page has it. What a cluster would do is done here by hand: the files are
 * mounted, keeper and gate are started as their containers say, and the agent's container runs its own command.
 */

const ADDRESS = '10.96.70.70:7443'

test('the walk of docs/kubernetes.md ends with a denied call and its receipt', {
  skip: TOOLS_MISSING,
}, async t => {
  const { folder, run, env } = place(t)
  const page = read('docs/kubernetes.md')
  const text = page.slice(page.indexOf('\n## From nothing'), page.indexOf('\n## People and the gateway'))
  const [policy] = blocksOf(text, 'yaml policy')
  const commands = blocksOf(text, 'sh').flatMap(block => block.trim().split('\n'))
  writeFileSync(join(folder, 'token.txt'), 'f5a0c7de-4b0a-4c9e-8a51-0d9a4f9e7b11')

  let pin = ''
  let objects: readonly Manifest[] = []
  let inPod = ''
  for (const command of commands) {
    const [program, verb] = command.split(' ')
    if (command.startsWith('CHECKOUT=')) {
      // `place` has made the folder.
      assert.equal(
        command,
        'CHECKOUT=$PWD; mkdir -m 700 ~/walk && cd ~/walk && ln -s "$CHECKOUT/deploy" deploy',
      )
    } else if (
      program === 'countersign' ||
      program === 'openssl' ||
      `${program} ${verb}` === 'kubectl create'
    ) {
      const { code, out } = run(command)
      assert.equal(code, 0, `${command}\n${out}`)
      if (verb === 'init') writeFileSync(join(folder, 'gateway/policy/policy.yaml'), policy ?? '')
      if (verb === 'trust') pin = /^ {2}version 1 {2}(sha256:[0-9a-f]{64})$/m.exec(out)?.[1] ?? ''
    } else if (`${program} ${verb}` === 'kubectl apply') {
      for (const [, file] of command.matchAll(/-f (\S+)/g))
        assert.deepEqual(strangersIn(objectsOf(readFileSync(join(folder, file as string), 'utf8'))), [])
    } else if (program === 'helm') {
      const values = read('deploy/kustomize/gateway/values.yaml').replace(/(pin: )sha256:[ab]+/, `$1${pin}`)
      writeFileSync(join(folder, 'values.yaml'), values)
      const { code, out } = run(command.replace('helm install', 'helm template'))
      assert.equal(code, 0, out)
      objects = objectsOf(out)
    } else {
      assert.match(
        command,
        /^kubectl (-n \w+ )?(rollout status|wait|logs|exec) /,
        'a command that nothing runs',
      )
      const [, within] = command.split(' -- countersign ')
      if (within !== undefined) {
        assert.equal(objectionTo(within.split(' ')), null)
        inPod = `countersign ${within}`
      }
    }
  }

  const pod = join(folder, 'pod')
  makeVolumes(pod)
  mount(folder, 'configmap.yaml', join(pod, 'etc/countersign'))
  mount(folder, 'secret.yaml', join(pod, 'etc/countersign-secret'))
  mount(folder, 'tls.yaml', join(pod, 'etc/countersign-tls'))
  const cluster = await Cluster.start()
  writeFileSync(join(pod, 'etc/countersign/jwks.json'), JSON.stringify(cluster.jwks))
  const made = settingsOf(objects, 'countersign.yaml', pod)
  assert.equal(made.trust.pin, pin)
  assert.equal(made.ledger.auditorKey, join(pod, 'etc/countersign/auditor.jwk'))
  const settings = {
    ...made,
    keeper: { ...made.keeper, identities: [{ issuer: ISSUER, keys: { file: 'jwks.json' } }] },
  }
  const config = join(pod, 'etc/countersign/countersign.yaml')
  writeFileSync(config, stringify(settings))

  const [unpack, keeper, gate] = sidecarArguments(objects)
  assert.equal(run(`countersign ${here(unpack, pod).join(' ')}`).code, 0)
  await start(t, here(keeper, pod), env)
  const { tls } = await start<{ tls: string }>(t, here(gate, pod), env)

  const { yaml } = renderManifests(
    read('deploy/examples/first-call.yaml'),
    { passOthers: false, namespace: null },
    injectorParts(profilesOf(objects)),
  )
  const agent = agentOf(objectsOf(yaml ?? '')[0] as Manifest)
  const grant = join(folder, 'grant')
  writeFileSync(grant, await cluster.token(settings.origin, Date.now()))
  writeFileSync(join(folder, '.curlrc'), `connect-to = "${ADDRESS}:${new URL(tls).host}"\n`)
  const called = spawnSync(agent.command[0] as string, [...agent.command.slice(1), ...agent.args], {
    encoding: 'utf8',
    env: {
      PATH: '/usr/bin:/bin',
      HOME: folder,
      ...agent.env,
      GATEWAY_CA: join(folder, 'ca.crt'),
      COUNTERSIGN_GRANT_FILE: grant,
    },
  })
  assert.equal(called.status, 0, called.stderr)
  assert.match(called.stdout, /DENIED by policy, nothing was executed\. volumeDelete/)
  const [, seq] = /^countersign-receipt: .*seq=(\d+)/im.exec(called.stdout) ?? []
  const receipts = run(inPod.replace('/etc/countersign/countersign.yaml', config))
  assert.equal(receipts.code, 0, receipts.out)
  assert.match(receipts.out, /never-volumes/)
  assert.ok(seq !== undefined && receipts.out.includes(seq), receipts.out)

  const section = page.slice(
    page.indexOf('\n## People and the gateway'),
    page.indexOf('\n## A sidecar in each pod'),
  )
  const inside = (words: string) =>
    words.replace('/etc/countersign/countersign.yaml', config).replaceAll('/run/', `${pod}/run/`)
  const ran = []
  for (const [, words] of section.matchAll(/ -- ((?:countersign|node) .*)$/gm)) {
    const { code, out } = run(inside(words as string))
    assert.equal(code, 0, `${words}\n${out}`)
    ran.push(words)
  }
  assert.equal(ran.length, 4)
  const [, verify] = /^(countersign receipts verify .*)$/m.exec(section) ?? []
  const verified = run((verify ?? '').replace('sha256:…', pin))
  assert.equal(verified.code, 0, verified.out)
})

test('the walk with a sidecar in each pod ends with an injected pod, and its keeper and gate start', {
  skip: TOOLS_MISSING,
}, async t => {
  const { folder, run, env } = place(t)
  const page = read('docs/kubernetes.md')
  const before = page.slice(page.indexOf('\n## From nothing'), page.indexOf('\n## People and the gateway'))
  const text = page.slice(page.indexOf('\n## A sidecar in each pod'), page.indexOf('\n## Change, upgrade'))
  const [policy] = blocksOf(before, 'yaml policy')
  const [settings] = blocksOf(text, 'yaml sidecar')
  const cluster = await Cluster.start()
  writeFileSync(join(folder, 'token.txt'), 'f5a0c7de-4b0a-4c9e-8a51-0d9a4f9e7b11')
  // What `kubectl get --raw /openid/v1/jwks` gets from a cluster.
  writeFileSync(join(folder, 'jwks.json'), JSON.stringify(cluster.jwks))

  let digest = ''
  let objects: readonly Manifest[] = []
  for (const command of blocksOf(text, 'sh').flatMap(block => block.trim().split('\n'))) {
    const [program, verb] = command.split(' ')
    if (program === 'countersign' || `${program} ${verb}` === 'kubectl create') {
      const { code, out } = run(command)
      assert.equal(code, 0, `${command}\n${out}`)
      if (verb === 'init') writeFileSync(join(folder, 'coder/policy/policy.yaml'), policy ?? '')
      if (verb === 'trust') {
        const pin = /^ {2}version 1 {2}(sha256:[0-9a-f]{64})$/m.exec(out)?.[1] ?? ''
        const written = settings?.replace(/sha256:[ab]+/, pin) ?? ''
        writeFileSync(join(folder, 'sidecar.yaml'), written)
      }
      if (verb === 'inject') digest = out.trim()
    } else if (program === 'helm') {
      const values = parse(read('deploy/kustomize/sidecar-netadmin/values.yaml')) as SidecarValues
      delete values.profiles.worker
      delete values.profiles.coder?.configDigest
      writeFileSync(join(folder, 'sidecar-values.yaml'), stringify(values))
      const { code, out } = run(command.replace('helm upgrade --install', 'helm template'))
      assert.equal(code, 0, out)
      objects = objectsOf(out)
    } else {
      assert.match(
        command,
        /^kubectl (-n \w+ )?(apply|rollout status|wait|logs|get) /,
        'a command that nothing runs',
      )
    }
  }
  const profiles = profilesOf(objects)
  assert.equal(profiles.byName.get('coder')?.configDigest, digest)
  const { yaml } = renderManifests(
    read('deploy/examples/first-call-sidecar.yaml'),
    { passOthers: false, namespace: null },
    injectorParts(profiles),
  )
  const { initContainers } = podOf(objectsOf(yaml ?? '')[0] as Manifest).spec as {
    initContainers: { name: string; args?: string[] }[]
  }
  const arguments_ = (name: string) => initContainers.find(each => each.name === name)?.args ?? []
  for (const name of ['countersign-keeper', 'countersign-gate']) assert.ok(arguments_(name).includes(digest))

  const pod = join(folder, 'pod')
  for (const path of [
    'etc/countersign',
    'etc/countersign-secret',
    'run/countersign',
    'run/countersign-keeper',
    'var/lib/countersign',
    'var/run/countersign.dev',
  ])
    mkdirSync(join(pod, path), { recursive: true })
  mount(folder, 'coder-configmap.yaml', join(pod, 'etc/countersign'))
  mount(folder, 'coder-secret.yaml', join(pod, 'etc/countersign-secret'))
  const config = join(pod, 'etc/countersign/countersign.yaml')
  writeFileSync(
    config,
    readFileSync(join(folder, 'sidecar.yaml'), 'utf8')
      .replaceAll(/\/(?:etc|run|var\/lib|var\/run)\/[\w./-]*/g, path => `${pod}${path}`)
      .replaceAll(/(127\.0\.0\.1|0\.0\.0\.0):\d+/g, '127.0.0.1:0'),
  )
  const unpack = here(arguments_('countersign-secrets'), pod)
  assert.equal(run(`countersign ${unpack.join(' ')}`).code, 0)
  writeFileSync(
    join(pod, 'var/run/countersign.dev/grant'),
    await cluster.token('acme.example/countersign/coder', Date.now()),
  )
  await start(t, here(arguments_('countersign-keeper'), pod), {
    ...env,
    COUNTERSIGN_POD_UID: POD_CLAIMS.pod.uid,
  })
  const { main } = await start<{ main: string }>(t, here(arguments_('countersign-gate'), pod), env)
  const agent = agentOf(objectsOf(yaml ?? '')[0] as Manifest)
  writeFileSync(join(folder, '.curlrc'), `connect-to = "127.0.0.1:7070:${new URL(main).host}"\n`)
  const called = spawnSync(agent.command[0] as string, [...agent.command.slice(1), ...agent.args], {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', HOME: folder, ...agent.env },
  })
  assert.match(called.stdout, /DENIED by policy, nothing was executed\. volumeDelete/, called.stderr)
})

interface SidecarValues {
  readonly profiles: Record<string, { configDigest?: string } | undefined>
}

function blocksOf(text: string, language: string): readonly string[] {
  const fences = new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, 'gm')
  return [...text.matchAll(fences)].map(([, block]) => block as string)
}

/** As the kubelet mounts a ConfigMap or a Secret. */
function mount(folder: string, file: string, into: string): void {
  const [object] = objectsOf(readFileSync(join(folder, file), 'utf8'))
  const { data, kind } = object as unknown as { data: Record<string, string>; kind: string }
  for (const [key, value] of Object.entries(data))
    writeFileSync(join(into, key), Buffer.from(value, kind === 'Secret' ? 'base64' : 'utf8'))
}

/** A container's arguments for the folder that stands for its pod. Its paths are others, so the digest would be of another text. */
function here(words: readonly string[], pod: string): readonly string[] {
  return words
    .filter((word, i) => word !== '--config-digest' && words[i - 1] !== '--config-digest')
    .map(word => (word.startsWith('/') ? join(pod, word) : word))
}

/** What the chart has the pod's containers run. */
function sidecarArguments(objects: readonly Manifest[]): readonly [string[], string[], string[]] {
  const gateway = objects.find(({ kind }) => kind === 'StatefulSet')
  const { initContainers, containers } = podOf(gateway as Manifest).spec as Record<
    string,
    { args: string[] }[]
  >
  const [unpack, keeper, gate] = [...(initContainers ?? []), ...(containers ?? [])].map(({ args }) => args)
  return [unpack ?? [], keeper ?? [], gate ?? []]
}

function agentOf(job: Manifest) {
  const { containers } = podOf(job).spec as {
    containers: { command: string[]; args: string[]; env: { name: string; value: string }[] }[]
  }
  const [agent] = containers
  assert.ok(agent)
  return { ...agent, env: Object.fromEntries(agent.env.map(({ name, value }) => [name, value])) }
}

/** An empty folder with this repository's `deploy` in it, and the programs that the page uses on the PATH. */
function place(t: TestContext) {
  const home = mkdtempSync(join(tmpdir(), 'countersign-walk-'))
  t.after(() => rmSync(home, { recursive: true, force: true }))
  const [folder, bin] = [join(home, 'folder'), join(home, 'bin')]
  for (const each of [folder, bin]) mkdirSync(each)
  symlinkSync(join(packageRoot(), 'deploy'), join(folder, 'deploy'))
  const main = join(packageRoot(), 'dist/bin/main.js')
  assert.ok(existsSync(main))
  symlinkSync(main, join(bin, 'countersign'))
  const env = {
    PATH: [bin, TOOL_FOLDER, dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter),
    HOME: home,
  }
  const run = (command: string) => {
    const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', command], {
      cwd: folder,
      env,
      encoding: 'utf8',
    })
    return { code: status, out: status === 0 ? stdout : stdout + stderr }
  }
  return { folder, run, env }
}

/** Starts one process of the sidecar; resolves with what it reports when it is ready. */
async function start<T>(t: TestContext, argv: readonly string[], env: NodeJS.ProcessEnv): Promise<T> {
  const main = join(packageRoot(), 'dist/bin/main.js')
  const child = spawn(process.execPath, [main, ...argv], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], env })
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise<void>(resolve => child.once('exit', () => resolve()))
    child.kill('SIGTERM')
    await gone
  })
  let printed = ''
  child.stderr?.on('data', chunk => {
    printed += chunk
  })
  return await new Promise((resolve, reject) => {
    child.once('message', message => resolve((message as { ready: T }).ready))
    child.once('close', () => reject(new Error(printed)))
  })
}
