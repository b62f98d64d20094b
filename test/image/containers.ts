import { randomBytes } from 'node:crypto'
import { chownSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { connectAdmin } from '../../src/cli/admin-client.js'
import type { Config } from '../../src/cli/config-schema.js'
import { orderGrant } from '../../src/cli/grant-session.js'
import { readSigningKey } from '../../src/cli/keyfile.js'
import type { Lasting } from '../lasting.js'
import { openLikeInit } from '../scenarios/init-modes.js'
import { invoicesPolicy } from '../scenarios/invoices.js'
import { eventually, prepareSidecar, type Sidecar } from '../scenarios/supervised-sidecar.js'
import { confinement, service } from './compose.js'
import { type Ran, ran, tried } from './engine.js'

const UPSTREAM = '127.0.0.1:9000'
const ANSWERS = `require('node:http').createServer((q, a) => a.end('{"paid":true}')).listen(9000, '127.0.0.1')`
const KEEPER = { uid: 65_531, gid: 65_530 }

type Role = 'keeper' | 'gate'

/** Keeper and gate as deploy/compose.yaml has them, beside an upstream, in a network of their own. */
export class Containers {
  readonly sidecar: Sidecar
  private readonly image: string
  private readonly prefix = `cs-${randomBytes(3).toString('hex')}-`

  private constructor(image: string, sidecar: Sidecar) {
    this.image = image
    this.sidecar = sidecar
  }

  static async start(t: Lasting, image: string): Promise<Containers> {
    const configure = (config: Config): Config => ({
      ...config,
      gate: { ...config.gate, listen: '127.0.0.1:7070' },
    })
    const sidecar = await prepareSidecar(t, {
      policy: invoicesPolicy(UPSTREAM),
      billing: UPSTREAM,
      configure,
    })
    const containers = new Containers(image, sidecar)
    t.after(() => containers.remove())
    containers.prepare()
    ran(
      'podman',
      'run',
      '--detach',
      '--network=none',
      `--name=${containers.nameOf('upstream')}`,
      ...containers.script(ANSWERS),
    )
    containers.startRole('keeper')
    await containers.well('keeper')
    containers.startRole('gate')
    await containers.well('gate')
    return containers
  }

  /** As the comment at the top of deploy/compose.yaml says. */
  private prepare(): void {
    const { folder } = this.sidecar
    openLikeInit(folder)
    const keeper = join(folder, 'keeper')
    for (const path of [
      keeper,
      ...readdirSync(keeper, { recursive: true, encoding: 'utf8' }).map(name => join(keeper, name)),
    ])
      chownSync(path, KEEPER.uid, KEEPER.gid)
  }

  private startRole(role: Role): void {
    const { command, healthcheck } = service(role)
    ran(
      'podman',
      'run',
      '--detach',
      `--name=${this.nameOf(role)}`,
      `--network=container:${this.nameOf('upstream')}`,
      ...confinement(role, this.sidecar.folder, this.prefix),
      `--health-cmd=${JSON.stringify(healthcheck)}`,
      this.image,
      ...command,
    )
  }

  private async well(role: Role): Promise<void> {
    const look = () => this.isWell(role) || undefined
    await eventually(`a ${role} that is well`, look).catch(error => {
      throw new Error(this.logs(role), { cause: error })
    })
  }

  isWell(role: Role): boolean {
    return tried('podman', 'healthcheck', 'run', this.nameOf(role)).status === 0
  }

  /** What an agent gets that sends this, from where it can reach the gate alone. */
  async ask(method: string, path: string): Promise<{ status: number; text: string }> {
    const init = { method, headers: { authorization: `Bearer ${await this.grant()}` } }
    const asked = JSON.stringify([`http://127.0.0.1:7070${path}`, init])
    const script = `fetch(...${asked}).then(async r => console.log(JSON.stringify({ status: r.status, text: await r.text() })))`
    const network = `--network=container:${this.nameOf('upstream')}`
    return JSON.parse(ran('podman', 'run', '--rm', network, ...this.script(script))) as {
      status: number
      text: string
    }
  }

  /** Issued from outside, over the keeper's admin socket in its volume. */
  private async grant(): Promise<string> {
    const { loaded } = this.sidecar
    const run = ran('podman', 'volume', 'inspect', '--format={{.Mountpoint}}', `${this.prefix}run`)
    const admin = connectAdmin(join(run, 'admin.sock'))
    try {
      const key = readSigningKey(loaded.path('trust/keys/enrol.jwk'))
      const task = { agent: 'coder', environment: 'staging', task: 'read', owner: 'maria' }
      return (await orderGrant(admin, key, loaded, { ...task, slot: 'bearer', ttlSeconds: 600 })).token
    } finally {
      await admin.close()
    }
  }

  /** A command of the program with all that the keeper has; some want a place for a copy. */
  asKeeper(...command: readonly string[]): Ran {
    const options = confinement('keeper', this.sidecar.folder, this.prefix)
    return tried(
      'podman',
      'run',
      '--rm',
      '--network=none',
      '--tmpfs=/tmp',
      ...options,
      this.image,
      ...command,
    )
  }

  /** What the kernel says about the first process of a role. */
  statusOf(role: Role): Readonly<Record<string, string>> {
    const text = ran(
      'podman',
      'exec',
      this.nameOf(role),
      'node',
      '-p',
      "fs.readFileSync('/proc/1/status', 'utf8')",
    )
    return Object.fromEntries(text.split('\n').map(line => line.split(/:\s+/) as [string, string]))
  }

  /** Whether a file can be made there by the role's own user. */
  writes(role: Role, path: string): boolean {
    const script = `fs.writeFileSync(${JSON.stringify(path)}, '')`
    return tried('podman', 'exec', this.nameOf(role), 'node', '-e', script).status === 0
  }

  /** As `docker stop` and the kubelet end it; answers the exit code. */
  stop(role: Role): string {
    ran('podman', 'stop', `--time=${service(role).graceSeconds}`, this.nameOf(role))
    return ran('podman', 'inspect', '--format={{.State.ExitCode}}', this.nameOf(role))
  }

  logs(role: Role): string {
    const { stdout, stderr } = tried('podman', 'logs', this.nameOf(role))
    return stdout + stderr
  }

  private nameOf(part: Role | 'upstream'): string {
    return `${this.prefix}${part}`
  }

  private script(text: string): string[] {
    return ['--read-only', '--cap-drop=ALL', '--entrypoint=node', this.image, '-e', text]
  }

  private remove(): void {
    for (const part of ['gate', 'keeper', 'upstream'] as const)
      tried('podman', 'rm', '--force', '--time=0', this.nameOf(part))
    for (const volume of ['run', 'ledger', 'mark'])
      tried('podman', 'volume', 'rm', '--force', `${this.prefix}${volume}`)
  }
}
