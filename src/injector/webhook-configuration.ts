import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { bundleIsCurrent, bundleWith } from './authority.js'
import { injectorFault } from './error-table.js'

/** The API server as a pod reaches it. Both files are read for each call: the kubelet renews the token. */
export interface ApiServer {
  /** `https://10.96.0.1:443` */
  readonly url: string
  readonly tokenFile: string
  readonly caFile: string
}

const GROUP = '/apis/admissionregistration.k8s.io/v1'
const KINDS = ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'] as const
const MAX_BYTES = 4_194_304
const TIMEOUT_MS = 10_000
const TRIES = 5

interface Configuration {
  readonly metadata: { readonly resourceVersion: string }
  readonly webhooks?: readonly { readonly clientConfig?: { readonly caBundle?: string } }[]
}

/**
 * Sees to it that both webhook configurations of this name believe the CA. Two replicas may write at once: a patch
 * holds for the version that was read, and is tried again. Throws `api_server_refused`.
 */
export async function publishCa(server: ApiServer, name: string, ca: string, nowMs: number): Promise<void> {
  for (const kind of KINDS) await publishIn(server, `${GROUP}/${kind}/${name}`, ca, nowMs)
}

async function publishIn(server: ApiServer, path: string, ca: string, nowMs: number): Promise<void> {
  for (let left = TRIES; ; left--) {
    const { status, body } = await call(server, 'GET', path)
    if (status !== 200) throw injectorFault('api_server_refused', `GET ${path}: ${status}`)
    const { metadata, webhooks = [] } = JSON.parse(body) as Configuration
    const bundles = webhooks.map(({ clientConfig }) =>
      Buffer.from(clientConfig?.caBundle ?? '', 'base64').toString('latin1'),
    )
    if (bundles.length === 0) throw injectorFault('api_server_refused', `${path} has no webhooks`)
    if (bundles.every(bundle => bundleIsCurrent(bundle, ca, nowMs))) return
    const patch = [
      { op: 'test', path: '/metadata/resourceVersion', value: metadata.resourceVersion },
      ...bundles.map((bundle, i) => ({
        op: 'add',
        path: `/webhooks/${i}/clientConfig/caBundle`,
        value: Buffer.from(bundleWith(bundle, ca, nowMs)).toString('base64'),
      })),
    ]
    const answer = await call(server, 'PATCH', path, JSON.stringify(patch))
    if (answer.status === 200) return
    const raced = answer.status === 409 || answer.status === 422
    if (!raced || left <= 1) throw injectorFault('api_server_refused', `PATCH ${path}: ${answer.status}`)
  }
}

async function call(
  { url, tokenFile, caFile }: ApiServer,
  method: string,
  path: string,
  body = '',
): Promise<{ readonly status: number; readonly body: string }> {
  const [token, ca] = await Promise.all([readFile(tokenFile, 'utf8'), readFile(caFile, 'utf8')]).catch(
    error => {
      throw injectorFault('api_server_refused', String((error as NodeJS.ErrnoException).code))
    },
  )
  return await new Promise((resolve, reject) => {
    const failed = (error: Error) =>
      reject(injectorFault('api_server_refused', (error as NodeJS.ErrnoException).code ?? 'no answer'))
    const asked = request(
      new URL(path, url),
      {
        method,
        ca,
        rejectUnauthorized: true,
        timeout: TIMEOUT_MS,
        headers: {
          authorization: `Bearer ${token.trim()}`,
          accept: 'application/json',
          ...(body === '' ? {} : { 'content-type': 'application/json-patch+json' }),
        },
      },
      response => {
        const chunks: Buffer[] = []
        let size = 0
        response.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > MAX_BYTES) response.destroy()
          else chunks.push(chunk)
        })
        response.once('error', failed)
        response.once('end', () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
        )
      },
    )
    asked.once('timeout', () => asked.destroy())
    asked.once('error', failed)
    asked.end(body)
  })
}
