import { randomUUID } from 'node:crypto'
import {
  connectKeeper,
  type Gate,
  type GateOptions,
  type KeeperClient,
  type ListenerTls,
  startGate,
} from '../../gate/index.js'
import { watchFiles } from '../../native/index.js'
import type { LoadedConfig } from '../config.js'
import type { Io } from '../io.js'
import { readNeeded } from '../needed-file.js'
import { missingInPod } from '../pod-mode.js'
import { processLog } from '../process-log.js'
import { serveUntilStopped } from '../supervise.js'

/** The gate as a process: it reads addresses from the configuration and nothing else of it. */
export async function runGate({ config, path }: LoadedConfig, io: Io): Promise<void> {
  const logger = processLog('gate', config.log?.level ?? 'info', io.stderr)
  for (const sentence of missingInPod(io.env)) logger.warn({}, sentence)
  const keeper = connectKeeper({
    socketPath: path(config.keeper.socket),
    gate: randomUUID(),
    onLost: fault => logger.warn({ code: fault?.code ?? 'keeper_gone' }, 'the link to the keeper was lost'),
  })
  await keeper.whenConnected()
  const gate = await openGate({ config, path }, keeper, logger).catch(async error => {
    // The link would keep this process alive.
    await keeper.close()
    throw error
  })
  const unwatch = followCertificate({ config, path }, gate, logger)
  await serveUntilStopped(gate.addresses(), async () => {
    unwatch()
    await gate.close()
    await keeper.close()
  })
}

async function openGate(
  { config, path }: Pick<LoadedConfig, 'config' | 'path'>,
  keeper: KeeperClient,
  logger: GateOptions['logger'],
): Promise<Gate> {
  const { listen, ports, tls, unix, probes, podToken, maxInspectBytes, upstreamTimeoutSeconds, upstreamCa } =
    config.gate
  return startGate({
    listen,
    keeper,
    logger,
    ...(ports === undefined ? {} : { ports }),
    ...(tls === undefined
      ? {}
      : {
          tls: {
            listen: tls.listen,
            ...(tls.ports === undefined ? {} : { ports: tls.ports }),
            ...readCertificate(path(tls.cert), path(tls.key)),
          },
        }),
    ...(unix === undefined ? {} : { unix: path(unix) }),
    ...(probes === undefined ? {} : { probes }),
    ...(podToken === undefined ? {} : { podTokenFile: path(podToken) }),
    ...(upstreamCa === undefined
      ? {}
      : { upstreamTls: { ca: readNeeded(path(upstreamCa)).toString('utf8') } }),
    limits: {
      ...(maxInspectBytes === undefined ? {} : { maxInspectBytes }),
      ...(upstreamTimeoutSeconds === undefined ? {} : { upstreamMs: upstreamTimeoutSeconds * 1_000 }),
    },
  })
}

const POLL_MS = 10_000

function readCertificate(cert: string, key: string): ListenerTls {
  return { cert: readNeeded(cert).toString('utf8'), key: readNeeded(key).toString('utf8') }
}

/** Something else renews both files, cert-manager for one. What can't be used leaves the certificate that is in use. */
function followCertificate(
  { config, path }: Pick<LoadedConfig, 'config' | 'path'>,
  gate: Gate,
  logger: GateOptions['logger'],
): () => void {
  const { tls } = config.gate
  if (tls === undefined) return () => undefined
  const files = [path(tls.cert), path(tls.key)] as const
  return watchFiles(files, POLL_MS, () => {
    try {
      gate.useCertificate(readCertificate(...files))
      logger.info({}, 'another certificate is in use')
    } catch (error) {
      logger.error({ code: (error as { code?: string }).code }, 'the certificate stays as it is')
    }
  })
}
