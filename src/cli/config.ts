import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import Type, { type Static } from 'typebox'
import { Value } from 'typebox/value'
import { LineCounter, parseDocument } from 'yaml'
import { UsageError } from './io.js'

const strict = { additionalProperties: false }
const Listen = Type.String({ description: 'host:port, or unix:/path/to/socket. Port 0 picks a free one.' })
const Path = Type.String({ description: 'A file or folder, relative to the configuration file.' })

/** The configuration of one sidecar. It holds paths and addresses, never a secret; what is allowed stands in the sealed policy alone. */
export const ConfigSchema = Type.Object(
  {
    apiVersion: Type.Literal('countersign.dev/v1'),
    kind: Type.Literal('Sidecar'),
    origin: Type.String({
      pattern: '^[a-z0-9.-]+/countersign/[a-z0-9-]+$',
      description: '<domain>/countersign/<sidecar>: names this sidecar in grants and in its log.',
    }),
    audience: Type.String({ description: 'Deployment this sidecar belongs to; a policy must list it.' }),
    trust: Type.Object({ root: Path, pin: Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }) }, strict),
    policy: Type.Object({ file: Path }, strict),
    gate: Type.Object(
      {
        listen: Listen,
        ports: Type.Optional(
          Type.Record(Type.String(), Listen, {
            description: 'One listener per API, for SDKs that cannot take a path prefix.',
          }),
        ),
        tls: Type.Optional(
          Type.Object(
            { listen: Listen, cert: Path, key: Path },
            { ...strict, description: 'HTTPS listener with all prefixes.' },
          ),
        ),
        unix: Type.Optional(Path),
        maxInspectBytes: Type.Optional(Type.Integer({ minimum: 1024, maximum: 16777216 })),
        upstreamTimeoutSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 3600 })),
        /** Trusted only by the sandbox audience: an extra CA for upstream TLS. */
        upstreamCa: Type.Optional(Path),
      },
      strict,
    ),
    keeper: Type.Object(
      {
        socket: Path,
        admin: Path,
        keys: Type.String({
          description: 'Folder with receipt.jwk, checkpoint.jwk and grant.jwk, mode 0600.',
        }),
        enrolment: Path,
      },
      strict,
    ),
    ledger: Type.Object(
      {
        dir: Path,
        highWater: Type.String({ description: 'High-water file, on another volume than the ledger.' }),
        auditorKey: Type.Optional(
          Type.String({ description: 'Public JWK (ECDH-ES) that decision inputs are encrypted to.' }),
        ),
        heartbeatSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 86400 })),
      },
      strict,
    ),
    vault: Type.Object(
      {
        file: Path,
        key: Type.Union([
          Type.Object({ file: Path }, strict),
          Type.Object({ env: Type.String() }, strict),
          Type.Object({ systemd: Type.String({ description: 'Name of a systemd credential.' }) }, strict),
        ]),
      },
      strict,
    ),
    users: Type.Optional(
      Type.Object(
        { gate: Type.String(), keeper: Type.String(), group: Type.String() },
        { ...strict, description: 'Users that the two processes run as when started as root.' },
      ),
    ),
    log: Type.Optional(Type.Object({ level: Type.Optional(Type.String()) }, strict)),
    sandbox: Type.Optional(
      Type.Object(
        { railway: Listen, stripe: Listen, billing: Listen },
        {
          ...strict,
          description:
            'Stand-in clouds on loopback; only for an audience that the trust root lists as a test audience.',
        },
      ),
    ),
  },
  {
    ...strict,
    $id: 'https://countersign.dev/schema/config.v1.json',
    title: 'Countersign sidecar configuration',
  },
)
export type Config = Static<typeof ConfigSchema>

/** A configuration with the folder that its relative paths start from. */
export interface LoadedConfig {
  readonly file: string
  readonly config: Config
  path(relative: string): string
}

/** Reads and checks a configuration file; throws a UsageError with line and column. */
export function loadConfig(file: string): LoadedConfig {
  const lines = new LineCounter()
  const document = parseDocument(readText(file), {
    lineCounter: lines,
    uniqueKeys: true,
    maxAliasCount: 0,
  } as never)
  const broken = document.errors[0]
  if (broken !== undefined) {
    const { line, col } = lines.linePos(broken.pos[0])
    throw new UsageError(`${file}:${line}:${col}: ${broken.message.split('\n')[0]}`, 'Mend the YAML there.')
  }
  const value: unknown = document.toJS()
  const problem = [...Value.Errors(ConfigSchema, value)][0]
  if (problem !== undefined) {
    const path = problem.instancePath.split('/').filter(part => part !== '')
    const node = document.getIn(path, true) as { range?: [number, number, number] } | undefined
    const { line, col } = lines.linePos(node?.range?.[0] ?? 0)
    throw new UsageError(
      `${file}:${line}:${col}: ${path.join('.') || 'the file'}: ${problem.message}`,
      'See `countersign run --help` and config/schema/config.v1.json.',
    )
  }
  const folder = dirname(resolve(file))
  return { file: resolve(file), config: value as Config, path: relative => resolve(folder, relative) }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw new UsageError(
      `cannot read the configuration ${file}`,
      'Make one with `countersign init DIR`, or pass --config FILE.',
    )
  }
}
