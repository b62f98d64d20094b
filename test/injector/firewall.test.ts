import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import process from 'node:process'
import { describe, it, type TestContext } from 'node:test'
import { judge } from '../../src/injector/index.js'
import { agentPod, PARTS, USERS } from './agents.js'

/** What the injected pod's first container gives to `nft`. */
function rules(): string {
  const judgement = judge(agentPod(), 'agents', PARTS)
  assert.equal(judgement.kind, 'injected')
  const [first] = judgement.pod.spec.initContainers ?? []
  const [, text] = (first?.command ?? []) as readonly string[]
  assert.ok(text)
  return text
}

const works = (...command: readonly [string, ...string[]]) =>
  spawnSync(command[0], command.slice(1), { stdio: 'ignore' }).status === 0

function missing(): string | false {
  if (process.getuid?.() !== 0) return 'it takes root to make network namespaces'
  const tool = ['nft', 'ip', 'setpriv'].find(each => !works('sh', '-c', `command -v ${each}`))
  if (tool !== undefined) return `${tool} is not installed`
  const name = `cs-${randomBytes(3).toString('hex')}`
  if (!works('ip', 'netns', 'add', name)) return 'no network namespace can be made here'
  const applied = works('ip', 'netns', 'exec', name, 'nft', 'add table inet probe')
  works('ip', 'netns', 'del', name)
  return applied ? false : 'the kernel has no nftables here'
}

/** Two namespaces with a cable between: the pod at 10.99.0.2 and fd99::2, and the world at 10.99.0.1 and fd99::1. */
class Wire {
  readonly pod: string
  readonly world: string

  constructor(t: TestContext) {
    const id = randomBytes(3).toString('hex')
    this.pod = `cs-pod-${id}`
    this.world = `cs-world-${id}`
    const ip = (...args: string[]) => {
      const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' })
      assert.equal(status, 0, `ip ${args.join(' ')}: ${stderr}`)
    }
    for (const name of [this.pod, this.world]) {
      ip('netns', 'add', name)
      t.after(() => works('ip', 'netns', 'del', name))
      ip('-n', name, 'link', 'set', 'lo', 'up')
    }
    ip('-n', this.pod, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.world)
    for (const [name, host] of [
      [this.pod, 2],
      [this.world, 1],
    ] as const) {
      ip('-n', name, 'addr', 'add', `10.99.0.${host}/24`, 'dev', 'eth0')
      ip('-n', name, 'addr', 'add', `fd99::${host}/64`, 'dev', 'eth0', 'nodad')
      ip('-n', name, 'link', 'set', 'eth0', 'up')
    }
    this.apply()
  }

  /** A process in the namespace that listens on all addresses until the test ends. */
  async listen(t: TestContext, namespace: string, user: number, port: number): Promise<void> {
    const script = `require('net').createServer(s => s.on('error', () => 0).end('hello')).listen(${port}, '::', () => console.log('up'))`
    const child = spawn('ip', this.as(namespace, user, script), { stdio: ['ignore', 'pipe', 'inherit'] })
    t.after(() => child.kill('SIGKILL'))
    await once(child.stdout, 'data')
  }

  /** `within` is a program that starts the process, and changes what it is on the way. */
  reaches(
    namespace: string,
    user: number,
    host: string,
    port: number,
    within: readonly string[] = [],
  ): boolean {
    const script = `const s = require('net').connect(${port}, '${host}', () => process.exit(0)); s.on('error', () => process.exit(1)); setTimeout(() => process.exit(1), 1500)`
    return spawnSync('ip', this.as(namespace, user, script, within), { stdio: 'ignore' }).status === 0
  }

  /** A process in the world that answers every datagram until the test ends. */
  async echo(t: TestContext, port: number): Promise<void> {
    const script = `const s = require('dgram').createSocket('udp6'); s.on('message', (m, { port, address }) => s.send(m, port, address)); s.bind(${port}, '::', () => console.log('up'))`
    const child = spawn('ip', this.as(this.world, AGENT, script), { stdio: ['ignore', 'pipe', 'inherit'] })
    t.after(() => child.kill('SIGKILL'))
    await once(child.stdout, 'data')
  }

  isEchoed(user: number, host: string, port: number): boolean {
    const script = `const s = require('dgram').createSocket('${host.includes(':') ? 'udp6' : 'udp4'}'); s.on('error', () => process.exit(1)); s.on('message', () => process.exit(0)); s.send('x', ${port}, '${host}', error => error && process.exit(1)); setTimeout(() => process.exit(1), 1500)`
    return spawnSync('ip', this.as(this.pod, user, script), { stdio: 'ignore' }).status === 0
  }

  /** Gives the rules to the kernel, as the pod's first container does when it starts, and when it starts again. */
  apply(): void {
    const applied = spawnSync('ip', ['netns', 'exec', this.pod, 'nft', rules()], { encoding: 'utf8' })
    assert.equal(applied.status, 0, applied.stderr)
  }

  private as(namespace: string, user: number, script: string, within: readonly string[] = []): string[] {
    const identity = [`--reuid=${user}`, `--regid=${user}`, '--clear-groups', '--no-new-privs']
    return ['netns', 'exec', namespace, 'setpriv', ...identity, ...within, process.execPath, '-e', script]
  }
}

const AGENT = 10_001

describe('the firewall of a pod', { skip: missing() }, () => {
  it('lets the gate and the keeper out, over IPv4 and IPv6, and nobody else', async t => {
    const wire = new Wire(t)
    await wire.listen(t, wire.world, AGENT, 8443)
    for (const host of ['10.99.0.1', 'fd99::1']) {
      assert.equal(wire.reaches(wire.pod, USERS.gate, host, 8443), true, `gate to ${host}`)
      assert.equal(wire.reaches(wire.pod, USERS.keeper, host, 8443), true, `keeper to ${host}`)
      assert.equal(wire.reaches(wire.pod, AGENT, host, 8443), false, `agent to ${host}`)
    }
  })

  it('lets the agent reach the gate within the pod', async t => {
    const wire = new Wire(t)
    await wire.listen(t, wire.pod, USERS.gate, 7070)
    assert.equal(wire.reaches(wire.pod, AGENT, '127.0.0.1', 7070), true)
  })

  it('attack: an agent that listens is not reached, so that it answers nobody; the gate’s probes are', async t => {
    const wire = new Wire(t)
    await wire.listen(t, wire.pod, AGENT, 8080)
    await wire.listen(t, wire.pod, USERS.gate, 7079)
    assert.equal(wire.reaches(wire.world, AGENT, '10.99.0.2', 8080), false)
    assert.equal(wire.reaches(wire.world, AGENT, '10.99.0.2', 7079), true)
  })

  it('attack: an agent’s datagrams reach nobody either', async t => {
    const wire = new Wire(t)
    await wire.echo(t, 5353)
    for (const host of ['10.99.0.1', 'fd99::1']) {
      assert.equal(wire.isEchoed(USERS.keeper, host, 5353), true, `keeper to ${host}`)
      assert.equal(wire.isEchoed(AGENT, host, 5353), false, `agent to ${host}`)
    }
  })

  it('attack: an agent that takes the gate’s place answers nobody', async t => {
    const wire = new Wire(t)
    await wire.listen(t, wire.pod, AGENT, 7079)
    for (const host of ['10.99.0.2', 'fd99::2'])
      assert.equal(wire.reaches(wire.world, AGENT, host, 7079), false, host)
  })

  it('attack: an agent that is the gate in a user namespace of its own is still the agent', async t => {
    const within = ['unshare', '--user', `--map-user=${USERS.gate}`]
    const wire = new Wire(t)
    await wire.listen(t, wire.world, AGENT, 8443)
    await wire.listen(t, wire.pod, USERS.gate, 7070)
    if (!wire.reaches(wire.pod, AGENT, '127.0.0.1', 7070, within))
      return t.skip('no user may make a user namespace here')
    assert.equal(wire.reaches(wire.pod, AGENT, '10.99.0.1', 8443, within), false)
  })

  it('is the same when its container has started again', async t => {
    const wire = new Wire(t)
    wire.apply()
    await wire.listen(t, wire.world, AGENT, 8443)
    assert.equal(wire.reaches(wire.pod, USERS.gate, '10.99.0.1', 8443), true)
    assert.equal(wire.reaches(wire.pod, AGENT, '10.99.0.1', 8443), false)
  })
})
