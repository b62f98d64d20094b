import process from 'node:process'
import { type DestinationStream, type Logger, pino } from 'pino'
import type { ErrorTable } from '../canon/index.js'
import { type LineBounds, LineCount } from './line-count.js'

/**
 * The log of one of the sidecar's processes: a JSON object a line, with `name` and `pid` first. What is logged is
 * named field by field where it happens; the redaction is the second barrier, for an object that carries headers, a
 * target or a credential by accident. Lines of one kind beyond a number in each interval are counted instead. Warnings
 * and errors with a code of `errors` say what mends it as `mend`, unless they say so themselves.
 */
export function processLog(
  name: 'gate' | 'keeper' | 'witness' | 'injector',
  level: string,
  destination: DestinationStream,
  { bounds, errors = {} }: { readonly bounds?: LineBounds; readonly errors?: ErrorTable } = {},
): Logger {
  const lines = new LineCount(bounds)
  const log = pino(
    {
      level,
      base: { name, pid: process.pid },
      redact: { paths: REDACTED, censor: '[redacted]' },
      // Messages of foreign errors may quote addresses, headers and bodies.
      serializers: { err: errorFields },
      hooks: {
        logMethod(args, write, lineLevel) {
          if (!lines.mayWrite(kindOf(lineLevel, args))) return
          const [facts, ...rest] = args
          const mend = lineLevel < WARN ? undefined : mendOf(facts, errors)
          if (mend === undefined) write.apply(this, args)
          else write.apply(this, [{ mend, ...(facts as object) }, ...rest] as unknown as typeof args)
        },
      },
    },
    destination,
  )
  lines.onInterval(counted => {
    for (const [kind, count] of counted) log.warn({ code: kind, count }, 'lines left out')
  })
  return log
}

/** pino's number of the level. */
const WARN = 40

function mendOf(facts: unknown, errors: ErrorTable): string | undefined {
  const { code } = (facts ?? {}) as { readonly code?: unknown }
  return typeof code === 'string' && Object.hasOwn(errors, code) ? errors[code]?.mend : undefined
}

/** ATTACK: a flood of refused requests, each a line, until the disk is full. Receipts and metrics count them all. */
function kindOf(level: number, [facts, sentence]: readonly unknown[]): string {
  const code = typeof facts === 'object' && facts !== null ? (facts as { code?: unknown }).code : undefined
  return [level, code, sentence].filter(part => part !== undefined).join(' ')
}

const SECRET_MEMBERS = [
  'authorization',
  'body',
  'cookie',
  'headers',
  'material',
  'minted',
  'presented',
  'rawHeaders',
  'secret',
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
