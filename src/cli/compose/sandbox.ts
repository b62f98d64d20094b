import { readFileSync } from 'node:fs'
import { startSandbox } from '../../sandbox/index.js'
import type { LoadedConfig } from '../config.js'
import { UsageError } from '../io.js'
import { SANDBOX_BILLING_AUDIENCE, type SandboxSecrets } from '../sandbox-secrets.js'
import { serveUntilStopped } from '../supervise.js'
import { readTrustRoot } from '../trust-files.js'

/** The stand-in clouds as a process of their own, with the credentials that the vault also holds. */
export async function runSandbox(loaded: LoadedConfig): Promise<void> {
  const { config, path } = loaded
  if (config.sandbox === undefined)
    throw new UsageError('this configuration has no sandbox', 'Use `countersign run --first-run DIR`.')
  if (!readTrustRoot(loaded).testAudiences.includes(config.audience)) {
    throw new UsageError(
      `the audience ${config.audience} is production: it has no sandbox`,
      'Take `sandbox` out of the configuration.',
    )
  }
  const secrets = JSON.parse(readFileSync(path('sandbox/secrets.json'), 'utf8')) as SandboxSecrets
  const sandbox = await startSandbox({
    listen: config.sandbox,
    railwayToken: secrets.railwayToken,
    ...(secrets.railwayViewer === undefined ? {} : { railwayViewer: secrets.railwayViewer }),
    stripeKeys: secrets.stripeKeys,
    billing: { audience: SANDBOX_BILLING_AUDIENCE, jwks: secrets.billingJwks },
    aws: { ...secrets.aws, listen: config.sandbox.aws },
  }).catch((error: NodeJS.ErrnoException & { port?: number }) => {
    if (error.code !== 'EADDRINUSE') throw error
    throw new UsageError(
      `the stand-in clouds can’t listen: port ${error.port} on 127.0.0.1 is taken`,
      'Stop what listens there. The address is sealed into the policy: to move it, make a new folder with `run --first-run DIR`.',
    )
  })
  await serveUntilStopped(null, () => sandbox.close())
}
