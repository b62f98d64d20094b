import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { CACHE, ran, SUITE, tried } from './engine.js'

const BASE = `localhost/countersign-build-base:${SUITE}`
/** What the Dockerfile would otherwise install. */
const INCLUDED = 'binutils,nftables,ca-certificates'
const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt'
/** Caches, and what the kernel or the engine puts there. */
const LEFT_OUT = ['./dev/*', './proc/*', './sys/*', './var/cache/apt/*', './var/lib/apt/lists/*']

/** The name of an image like the official ones of Node, made here where it isn't yet. */
export function buildBase(): string {
  if (tried('podman', 'image', 'exists', BASE).status === 0) return BASE
  mkdirSync(CACHE, { recursive: true })
  const work = mkdtempSync(join(CACHE, 'base-'))
  try {
    const root = join(work, 'root')
    ran('debootstrap', '--variant=minbase', `--include=${INCLUDED}`, SUITE, root)
    addNode(root, work)
    configureNpm(root)
    const archive = join(work, 'root.tar')
    ran('tar', '-C', root, ...LEFT_OUT.map(path => `--exclude=${path}`), '-cf', archive, '.')
    ran('podman', 'import', archive, BASE)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return BASE
}

/** Node as npm's registry has it, under /usr/local as in the official image, and this machine's npm. */
function addNode(root: string, work: string): void {
  ran('npm', 'pack', '--silent', `node-linux-${process.arch}@24`, '--pack-destination', work)
  const archive = readdirSync(work).find(name => name.endsWith('.tgz')) as string
  ran('tar', '-C', join(root, 'usr/local'), '--strip-components=1', '-xzf', join(work, archive))
  const modules = join(root, 'usr/local/lib/node_modules')
  mkdirSync(modules, { recursive: true })
  cpSync(join(ran('npm', 'root', '--global'), 'npm'), join(modules, 'npm'), { recursive: true })
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'))
}

/** The build reaches the registry as this machine does. */
function configureNpm(root: string): void {
  const lines = [`registry=${ran('npm', 'config', 'get', 'registry')}`]
  if (existsSync(AUTHORITIES)) {
    cpSync(AUTHORITIES, join(root, AUTHORITIES), { dereference: true })
    lines.push(`cafile=${AUTHORITIES}`)
  }
  mkdirSync(join(root, 'usr/local/etc'), { recursive: true })
  writeFileSync(join(root, 'usr/local/etc/npmrc'), `${lines.join('\n')}\n`)
}
