import { randomUUID } from 'node:crypto'
import { connectKeeper, type Gate, type GateOptions, type KeeperClient, startGate } from '../../gate/index.js'
import type { LoadedConfig } from '../config.js'
import type { Io } from '../io.js'
import { readNeeded } from '../needed-file.js'
import { processLog } from '../process-log.js'
import { serveUntilStopped } from '../supervise.js'

/** The gate as a process: it reads addresses from the configuration and nothing else of it. */
export async function runGate({ config, path }: LoadedConfig, io: Io): Promise<void> {
  const logger = processLog('gate', config.log?.level ?? 'info', io.stderr)
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
  await serveUntilStopped(gate.addresses(), async () => {
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
            cert: readNeeded(path(tls.cert)).toString('utf8'),
            key: readNeeded(path(tls.key)).toString('utf8'),
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
