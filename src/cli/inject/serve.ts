import { X509Certificate } from 'node:crypto'
import {
  type ApiServer,
  type Certificates,
  type InjectorLog,
  injectorFault,
  ownCertificates,
  publishCa,
  type ServerTls,
  startInjector,
} from '../../injector/index.js'
import { watchFiles } from '../../native/index.js'
import { type Io, printLine, UsageError } from '../io.js'
import { parseListenAddress } from '../listen-address.js'
import { readNeeded } from '../needed-file.js'
import { processLog } from '../process-log.js'
import { serveUntilStopped } from '../supervise.js'
import { injectorParts, readProfiles } from './parts.js'

export interface ServeOptions {
  readonly profiles: string
  readonly listen: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly service?: string
  readonly webhookConfiguration: string
  readonly apiServer?: string
  readonly apiTokenFile: string
  readonly apiCaFile: string
}

const POLL_MS = 10_000

/** Serves until SIGTERM. Nothing is served before profiles and certificate are good. */
export async function serveInjector(options: ServeOptions, io: Io): Promise<void> {
  const log = processLog('injector', 'info', io.stderr)
  let parts = injectorParts(readProfiles(options.profiles))
  const certificates = await certificatesOf(options, log, io)
  const server = await startInjector({
    ...parseListenAddress(options.listen),
    certificates,
    parts: () => parts,
    log,
  })
  const unwatch = watchFiles([options.profiles], POLL_MS, () => {
    try {
      parts = injectorParts(readProfiles(options.profiles))
      log.info({}, 'the profiles were read anew')
    } catch (error) {
      log.error(
        { code: (error as { code?: string }).code },
        'the profiles stay as they are: the file can’t be used',
      )
    }
  })
  printLine(io, `The injector listens on ${server.url}.`)
  await serveUntilStopped(server.url, async () => {
    unwatch()
    await server.close()
  })
}

function certificatesOf(options: ServeOptions, log: InjectorLog, io: Io): Promise<Certificates> {
  const { tlsCert, tlsKey, service } = options
  if (tlsCert !== undefined && tlsKey !== undefined)
    return Promise.resolve(certificatesInFiles(tlsCert, tlsKey, log))
  if (tlsCert !== undefined || tlsKey !== undefined)
    throw new UsageError('--tls-cert and --tls-key belong together', 'Give both, or neither.')
  if (service === undefined)
    throw new UsageError(
      'the injector needs a certificate',
      'Give --tls-cert and --tls-key, or --service NAME.NAMESPACE for a CA of its own.',
    )
  if (!/^[a-z0-9-]+\.[a-z0-9-]+$/.test(service))
    throw new UsageError(`${service} is no service`, 'Write --service NAME.NAMESPACE.')
  const server = apiServerOf(options, io)
  return ownCertificates({
    dnsNames: [`${service}.svc`, `${service}.svc.cluster.local`],
    publish: ca => publishCa(server, options.webhookConfiguration, ca, Date.now()),
    nowMs: Date.now,
    log,
  })
}

function apiServerOf({ apiServer, apiTokenFile, apiCaFile }: ServeOptions, { env }: Io): ApiServer {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env
  const inCluster =
    host === undefined ? undefined : `https://${host.includes(':') ? `[${host}]` : host}:${port}`
  const url = apiServer ?? inCluster
  if (url?.startsWith('https://') !== true)
    throw new UsageError(
      'there is no API server to give the CA to',
      'Run it in a pod, pass --api-server https://…, or give --tls-cert and --tls-key.',
    )
  return { url, tokenFile: apiTokenFile, caFile: apiCaFile }
}

/** Files that something else renews, cert-manager for one; they are read again when they change. */
function certificatesInFiles(cert: string, key: string, log: InjectorLog): Certificates {
  const read = (): ServerTls => {
    const tls = { cert: readNeeded(cert).toString('utf8'), key: readNeeded(key).toString('utf8') }
    try {
      if (Date.parse(new X509Certificate(tls.cert).validTo) > Date.now()) return tls
    } catch {
      // What OpenSSL says of it helps nobody.
    }
    throw injectorFault('injector_tls_unusable', `${cert} is no certificate, or has ended`)
  }
  return {
    tls: read(),
    watch: onChange =>
      watchFiles([cert, key], POLL_MS, () => {
        try {
          onChange(read())
        } catch (error) {
          log.error({ code: (error as { code?: string }).code }, 'the certificate stays as it is')
        }
      }),
  }
}
