import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { isAbsolute } from 'node:path'
import type { Vault } from '../../credential/index.js'
import type { Notice, NoticePlace } from '../../keeper/index.js'
import { beginningOf, exchange } from '../../ledger/index.js'
import type { TrustRoot } from '../../policy/index.js'
import type { LoadedConfig } from '../config.js'
import { cliFault } from '../error-table.js'
import { readNeeded } from '../needed-file.js'
import type { NotifyPlace } from '../notify-schema.js'
import { shipSecret } from '../ship-credential.js'

/** The places of the configuration that notices go to. Throws `config_malformed` or `notify_plaintext`. */
export function noticePlaces(
  loaded: LoadedConfig,
  parts: { readonly vault: Vault; readonly trust: TrustRoot },
): readonly NoticePlace[] {
  const places = loaded.config.keeper.notify ?? []
  const twice = places.find(({ name }, i) => places.findIndex(other => other.name === name) !== i)
  if (twice !== undefined) throw cliFault('config_malformed', `keeper.notify: two are called ${twice.name}`)
  return places.map(place => ('webhook' in place ? webhook(place, loaded, parts) : hook(place)))
}

/**
 * Posts each event, signed as the Standard Webhooks specification has it (https://www.standardwebhooks.com): `v1,` and the
 * base64 of HMAC-SHA-256 over `<id>.<Unix seconds>.<body>`. A secret `whsec_…` is base64, any other is taken as it is.
 */
function webhook(
  { name, webhook: { url, secret, ca } }: Extract<NotifyPlace, { webhook: unknown }>,
  loaded: LoadedConfig,
  { vault, trust }: { readonly vault: Vault; readonly trust: TrustRoot },
): NoticePlace {
  if (url.startsWith('http:') && !trust.testAudiences.includes(loaded.config.audience))
    throw cliFault('notify_plaintext', name)
  const http = exchange(ca === undefined ? {} : { ca: readNeeded(loaded.path(ca)).toString('utf8') })
  return {
    name,
    close: () => http.close(),
    deliver: async (notice, signal) => {
      const body = bodyOf(notice)
      const t = Math.floor(Date.now() / 1_000)
      const key = keyOf(shipSecret(secret, 'ship-http', url, loaded, vault).secret)
      const mac = createHmac('sha256', key).update(`${notice.id}.${t}.${body}`).digest('base64')
      const headers = [
        ['content-type', 'application/json'],
        ['webhook-id', notice.id],
        ['webhook-timestamp', String(t)],
        ['webhook-signature', `v1,${mac}`],
      ] as const
      const answer = await http.send({ method: 'POST', url, headers, body: Buffer.from(body) }, signal)
      await beginningOf(answer, 1_024)
      if (answer.status < 200 || answer.status > 299) throw coded(`http_${answer.status}`)
    },
  }
}

function keyOf(secret: string): Buffer {
  return secret.startsWith('whsec_')
    ? Buffer.from(secret.slice('whsec_'.length), 'base64')
    : Buffer.from(secret)
}

/** Starts a program for each event. It has no environment of the keeper's, and ends with the try. */
function hook({ name, command }: Extract<NotifyPlace, { command: unknown }>): NoticePlace {
  const [program = '', ...args] = command
  if (!isAbsolute(program))
    throw cliFault('config_malformed', `keeper.notify ${name}: write the absolute path`)
  return {
    name,
    close: async () => undefined,
    deliver: (notice, signal) =>
      new Promise((resolve, reject) => {
        const child = spawn(program, args, {
          stdio: ['pipe', 'ignore', 'ignore'],
          env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
          cwd: '/',
          signal,
          killSignal: 'SIGKILL',
        })
        child.once('error', error =>
          reject(coded(String((error as NodeJS.ErrnoException).code ?? 'hook_failed'))),
        )
        child.once('exit', (code, killed) =>
          code === 0 ? resolve() : reject(coded(code === null ? `hook_${killed}` : `hook_exit_${code}`)),
        )
        // A program that reads nothing is no fault.
        child.stdin.on('error', () => undefined)
        child.stdin.end(`${bodyOf(notice)}\n`)
      }),
  }
}

/** `{"type":"approval.requested","id":"…","timestamp":"2027-01-13T18:00:00.000Z","data":{…}}` */
function bodyOf({ id, type, t, data }: Notice): string {
  return JSON.stringify({ type, id, timestamp: new Date(t).toISOString(), data })
}

function coded(code: string): Error {
  return Object.assign(new Error(code), { code })
}
