import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { delimiter, join } from 'node:path'
import { isReadable } from './credentials.js'
import type { Finding } from './finding.js'

/** Files of the sidecar that the agent's user must not be able to read. */
export function sidecarSecrets(files: readonly string[]): Finding[] {
  return files.filter(isReadable).map(subject => ({
    code: 'readable_secret',
    subject,
    message: 'This user can read a secret of the sidecar.',
    mend: 'Run the sidecar as users of its own (`users:` in the configuration, started as root) and the agent as another.',
  }))
}

/** A keeper or gate process that runs as the same user as the doctor. */
export function sharedUsers(uid: number): Finding[] {
  return processes()
    .filter(each => each.uid === uid && / --config .* --role (keeper|gate)/.test(each.command))
    .map(each => ({
      code: 'shared_user',
      subject: `process ${each.pid}`,
      message: 'A process of the sidecar runs as this user, so its memory can be read from here.',
      mend: 'Run the sidecar as users of its own, and this doctor as the agent’s user.',
    }))
}

function processes(): { pid: string; uid: number; command: string }[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(pid => {
      try {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8')
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return [{ pid, uid: Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]), command }]
      } catch {
        return []
      }
    })
}

const DIAL_MS = 3_000

/** Upstreams that this user reaches without the gate. */
export async function directEgress(origins: readonly string[]): Promise<Finding[]> {
  const reached = await Promise.all(
    origins.map(async origin => ((await isReachable(origin)) ? origin : null)),
  )
  return reached
    .filter(origin => origin !== null)
    .map(subject => ({
      code: 'direct_egress',
      subject,
      message: 'This user reaches the upstream without the sidecar.',
      mend: 'Allow egress to it for the gate’s user only (nftables by owner UID, or a NetworkPolicy with a gateway pod).',
    }))
}

function isReachable(origin: string): Promise<boolean> {
  const { hostname, port, protocol } = new URL(origin)
  return new Promise(resolve => {
    const socket = connect({
      host: hostname,
      port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
    })
    const done = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(DIAL_MS, () => done(false))
    socket.once('connect', () => done(true))
    socket.once('error', () => done(false))
  })
}

/** Clients whose base URL is fixed; a working credential is all they need to go around. */
const FIXED_CLIENTS = ['railway', 'stripe', 'flyctl', 'heroku', 'vercel'] as const

export function fixedClients(path: string): Finding[] {
  const folders = path.split(delimiter).filter(folder => folder !== '')
  return FIXED_CLIENTS.flatMap(client => {
    const found = folders.map(folder => join(folder, client)).find(isReadable)
    if (found === undefined) return []
    return [
      {
        code: 'fixed_client' as const,
        subject: found,
        message: 'This client always talks to its own host; it can’t be pointed at the sidecar.',
        mend: 'Take it out of the agent’s PATH; have the agent use the API through its base URL.',
      },
    ]
  })
}
