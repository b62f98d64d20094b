import { type Case, guardedShot, plainShot } from './cases.js'
import type { Shot } from './load.js'
import { startHaproxy, startMitmproxy, startNginx, startNginxWithPolicy } from './peers.js'
import { familyOf, installed, start, versionOf } from './processes.js'
import { startSidecar } from './sidecar.js'

/** A proxy in front of the benchmark's upstream. */
export interface Contender {
  readonly name: string
  readonly version: string
  shot(each: Case): Shot
  /** All its processes, by what they do. */
  pids(): Readonly<Record<string, readonly number[]>>
  stop(): Promise<void>
}

interface Kind {
  readonly name: string
  readonly what: string
  /** Program without which it can't take part. */
  readonly needs: string | null
  start(upstreamPort: number): Promise<Contender>
}

const BARE = '@fastify/http-proxy'
const SIDECAR = 'countersign'

export const KINDS: readonly Kind[] = [
  {
    name: SIDECAR,
    what: 'the whole sidecar: sealed policy, grant, minted credential, both receipts signed and fsynced',
    needs: null,
    start: startCountersign,
  },
  { name: BARE, what: 'passes everything on, as its README mounts it', needs: null, start: startBare },
  {
    name: 'nginx',
    what: 'passes everything on, over kept-alive connections',
    needs: 'nginx',
    start: port => ordinary('nginx', startNginx(port)),
  },
  {
    name: 'nginx + policy service',
    what: 'asks a Node service by auth_request, which sees method, path and token, no body, and writes a line to a file',
    needs: 'nginx',
    start: port => ordinary('nginx + policy service', startNginxWithPolicy(port)),
  },
  {
    name: 'haproxy',
    what: 'passes everything on, over kept-alive connections',
    needs: 'haproxy',
    start: port => ordinary('haproxy', startHaproxy(port)),
  },
  {
    name: 'mitmproxy + script',
    what: 'matches method, path, token and the operation in the body in Python, and writes a line to a file',
    needs: 'mitmdump',
    start: port => ordinary('mitmproxy + script', startMitmproxy(port)),
  },
]

/** Those of `names`, or all, that this machine can start; what is missing is told. */
export function contenders(names: readonly string[] | null, tell: (line: string) => void): readonly Kind[] {
  const unknown = names?.find(name => !KINDS.some(kind => kind.name === name))
  if (unknown !== undefined)
    throw new Error(`no contender "${unknown}": ${KINDS.map(({ name }) => name).join(', ')}`)
  return KINDS.filter(({ name, needs }) => {
    const wanted = names === null || names.includes(name) || name === SIDECAR || name === BARE
    if (wanted && needs !== null && !installed(needs)) {
      tell(`${name}: left out, ${needs} is not installed`)
      return false
    }
    return wanted
  })
}

export function isSidecar({ name }: { readonly name: string }): boolean {
  return name === SIDECAR
}

/** What the target of DESIGN is a ratio to. */
export function isBare({ name }: { readonly name: string }): boolean {
  return name === BARE
}

async function startCountersign(upstreamPort: number): Promise<Contender> {
  const sidecar = await startSidecar(upstreamPort)
  const { pid } = sidecar.supervisor
  const roles = { gate: [sidecar.pidOf('gate')], keeper: [sidecar.pidOf('keeper')] }
  return {
    name: SIDECAR,
    version: versionOf('countersign'),
    shot: each => guardedShot(each, sidecar.main, sidecar.grant, sidecar.keys),
    pids: () => ({ ...roles, supervisor: pid === undefined ? [] : [pid] }),
    stop: () => sidecar.stop(),
  }
}

async function startBare(upstreamPort: number): Promise<Contender> {
  const bare = await start('./bare.js', `http://127.0.0.1:${upstreamPort}`)
  return {
    name: BARE,
    version: versionOf(BARE),
    shot: each => plainShot(each, `http://127.0.0.1:${bare.port}`, 'none'),
    pids: () => ({ all: [bare.pid] }),
    stop: async () => bare.stop(),
  }
}

async function ordinary(name: string, starting: ReturnType<typeof startNginx>): Promise<Contender> {
  const { origin, token, version, roots, stop } = await starting
  return {
    name,
    version,
    shot: each => plainShot(each, origin, token),
    pids: () => ({ all: roots.flatMap(familyOf) }),
    stop,
  }
}
