import { type DestinationStream, type Logger, pino } from 'pino'

/**
 * The gate's logger. What is logged is named field by field where it happens; the redaction is the second
 * barrier, for an object that carries headers, a target or a credential by accident.
 */
export function gateLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    name: 'gate',
    level,
    redact: { paths: REDACTED, censor: '[redacted]' },
    // Messages of foreign errors may quote addresses, headers and bodies.
    serializers: { err: errorFields },
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}

const SECRET_MEMBERS = [
  'authorization',
  'body',
  'cookie',
  'headers',
  'minted',
  'presented',
  'rawHeaders',
  'target',
  'token',
  'url',
]
const REDACTED = SECRET_MEMBERS.flatMap(member => [member, `*.${member}`])

function errorFields(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error }
  const { code } = error as NodeJS.ErrnoException
  const frames = (error.stack ?? '').split('\n').filter(line => /^\s+at /.test(line))
  return { type: error.name, code: code ?? null, frames: frames.slice(0, 8) }
}
