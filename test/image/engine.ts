import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'

/** The stand-in for the official image that the build starts from is of this Debian. */
export const SUITE = 'bookworm'

/** Kept between runs, for the base image in it. */
export const CACHE = join(tmpdir(), `countersign-image-${SUITE}`)

const TOOLS = ['buildah', 'podman', 'runc', 'debootstrap', 'npm', 'tar', 'ip'] as const
/** Podman would ask for more open files and processes than a container may that it runs in itself. */
export const LIMITS = ['nofile=1024:1024', 'nproc=1024:1024'] as const
const FILES = {
  // The engine's own store and no other, without a kernel's help.
  'storage.conf': `[storage]\ndriver = "vfs"\nrunroot = "${CACHE}/runroot"\ngraphroot = "${CACHE}/storage"\n`,
  // Works without systemd, and with no more of cgroups and limits than a container has itself.
  'containers.conf': `[containers]\ndefault_ulimits = ${JSON.stringify(LIMITS)}\nlog_driver = "k8s-file"\n[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "runc"\n`,
}

const env = {
  ...process.env,
  BUILDAH_ISOLATION: 'chroot',
  CONTAINERS_CONF: join(CACHE, 'containers.conf'),
  CONTAINERS_STORAGE_CONF: join(CACHE, 'storage.conf'),
  DISABLE_HC_SYSTEMD: 'true',
}

/** What the tests of this folder lack here; false where nothing is. */
export function missing(): string | false {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'it takes root on Linux to build images like this'
  const tool = TOOLS.find(each => spawnSync(each, ['--version'], { stdio: 'ignore' }).error !== undefined)
  if (tool !== undefined) return `${tool} is not installed`
  const asked = spawnSync('npm', ['view', `node-linux-${process.arch}@24`, 'version'], { stdio: 'ignore' })
  return asked.status === 0 ? false : 'npm’s registry can’t be reached'
}

export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A command of the machine with the engine's settings; what it printed and how it ended. */
export function tried(command: string, ...args: readonly string[]): Ran {
  mkdirSync(CACHE, { recursive: true })
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(CACHE, name), text)
  return spawnSync(command, args, { env, encoding: 'utf8', maxBuffer: 64 << 20 })
}

/** The same where it must not fail; answers what it printed. */
export function ran(command: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = tried(command, ...args)
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')}: ${stdout.slice(-4_000)}${stderr.slice(-4_000)}`)
  return stdout.trim()
}
