import { spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Header, RawRequest } from '../../src/protocol/index.js'

/** Python of the distribution, which has botocore beside the AWS CLI. */
const PYTHON = '/usr/bin/python3'
const SCRIPT = fileURLToPath(new URL('../../../test/protocol/aws-botocore.py', import.meta.url))

/** A request as a client of botocore serialised it, and what it was given. */
export interface BotocoreRequest {
  readonly service: string
  readonly operation: string
  readonly protocol: string
  /** Every member was given, not only the required ones. */
  readonly full: boolean
  readonly params: Readonly<Record<string, unknown>>
  readonly raw: RawRequest
}

/** Why there is nothing to serialise with; false where there is. */
export const needsBotocore: string | false =
  spawnSync(PYTHON, ['-c', 'import botocore']).status === 0 ? false : `${PYTHON} has no botocore`

/** Every operation of these services, minimal and full; the ones that botocore itself refuses are left out. */
export async function* botocoreRequests(services: readonly string[]): AsyncGenerator<BotocoreRequest> {
  const child = spawn(PYTHON, [SCRIPT, ...services], { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const text of createInterface({ input: child.stdout })) {
    const line = JSON.parse(text) as Line
    if (line.skipped !== undefined) continue
    const { service, operation, protocol, full, params, method, target, headers } = line
    const body = Buffer.from(line.body, 'base64')
    yield { service, operation, protocol, full, params, raw: { method, target, headers, body } }
  }
}

interface Line {
  readonly service: string
  readonly operation: string
  readonly protocol: string
  readonly full: boolean
  readonly params: Readonly<Record<string, unknown>>
  readonly skipped?: string
  readonly method: string
  readonly target: string
  readonly headers: readonly Header[]
  readonly body: string
}
