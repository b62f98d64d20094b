import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import { stringify } from 'yaml'
import { TOOL_FOLDER, TOOLS_MISSING } from '../../scripts/kubernetes/tools.js'
import { packageRoot } from '../../src/cli/catalogs.js'
import { injectorParts } from '../../src/cli/inject/parts.js'
import { renderManifests } from '../../src/injector/index.js'
import { Cluster, ISSUER } from '../credential/pod-tokens.js'
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
  const text = page.slice(page.indexOf('\n## From nothing'), page.indexOf('\n## The gateway, precisely'))
  const [policy] = [...text.matchAll(/^```yaml policy\n([\s\S]*?)^```/gm)].map(([, block]) => block as string)
  const commands = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block]) =>
    (block as string).trim().split('\n'),
  )
  writeFileSync(join(folder, 'token.txt'), 'f5a0c7de-4b0a-4c9e-8a51-0d9a4f9e7b11')

  let pin = ''
  let objects: readonly Manifest[] = []
  let inPod = ''
  for (const command of commands) {
    const [program, verb] = command.split(' ')
    if (program === 'countersign' || program === 'openssl' || `${program} ${verb}` === 'kubectl create') {
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
  const mounted = (file: string, into: string) => {
    const [object] = objectsOf(readFileSync(join(folder, file), 'utf8'))
    const { data, kind } = object as unknown as { data: Record<string, string>; kind: string }
    for (const [key, value] of Object.entries(data))
      writeFileSync(join(pod, into, key), Buffer.from(value, kind === 'Secret' ? 'base64' : 'utf8'))
  }
  mounted('configmap.yaml', 'etc/countersign')
  mounted('secret.yaml', 'etc/countersign-secret')
  mounted('tls.yaml', 'etc/countersign-tls')
  const cluster = await Cluster.start()
  writeFileSync(join(pod, 'etc/countersign/jwks.json'), JSON.stringify(cluster.jwks))
  const made = settingsOf(objects, 'countersign.yaml', pod)
  assert.equal(made.trust.pin, pin)
  const settings = {
    ...made,
    keeper: { ...made.keeper, identities: [{ issuer: ISSUER, keys: { file: 'jwks.json' } }] },
  }
  const config = join(pod, 'etc/countersign/countersign.yaml')
  writeFileSync(config, stringify(settings))

  const [unpack, keeper, gate] = sidecarArguments(objects)
  // The paths are of this folder, so the digest is of another text; test/deploy holds it to what the chart writes.
  const here = (words: readonly string[]) =>
    words
      .filter((word, i) => word !== '--config-digest' && words[i - 1] !== '--config-digest')
      .map(word => (word.startsWith('/') ? join(pod, word) : word))
  assert.equal(run(`countersign ${here(unpack).join(' ')}`).code, 0)
  await start(t, here(keeper), env)
  const { tls } = await start<{ tls: string }>(t, here(gate), env)

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
})

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
