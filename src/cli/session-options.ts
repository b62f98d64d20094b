import { userInfo } from 'node:os'
import process from 'node:process'
import type { Command } from 'commander'
import type { JsonObject } from '../canon/index.js'
import { UsageError } from './io.js'
import { repeatable } from './repeatable.js'

export const DEFAULT_CONFIG = '.countersign/countersign.yaml'

/** What `exec`, `env` and `grant issue` need to know to order a grant. */
export interface SessionOptions {
  readonly config: string
  readonly agent: string
  readonly task: string
  readonly owner: string
  readonly key?: string
  /** `API:OPERATIONS` each: narrows the grant to these. */
  readonly only?: readonly string[]
}

export function addSessionOptions(command: Command): Command {
  return addConfigOption(command)
    .requiredOption('--agent <id>', 'agent of the policy')
    .option('--task <task>', 'what the agent is to do; approvals are bound to it', 'default')
    .option(
      '--owner <person>',
      'the person that the agent acts for, who can’t approve its requests',
      defaultOwner(),
    )
    .option(
      '--only <api:operations>',
      'narrow the grant to operations of an API, such as railway:variable*; repeatable',
      repeatable,
    )
    .option(
      '--key <file>',
      'private key with the enrol role; $COUNTERSIGN_ENROL_KEY, or trust/keys/enrol.jwk beside the configuration, unless told',
    )
}

export function addConfigOption(command: Command): Command {
  return command.option('--config <file>', 'configuration of the sidecar', DEFAULT_CONFIG)
}

/** The authorization details (RFC 9396) that `--only` asks for; undefined without it. Throws a UsageError for what can't be read. */
export function narrowingOf({ only }: Pick<SessionOptions, 'only'>): readonly JsonObject[] | undefined {
  return only?.map(text => {
    const [, api, operations] = /^([a-z][a-z0-9-]*):(.+)$/.exec(text) ?? []
    if (api === undefined || operations === undefined)
      throw new UsageError(
        `cannot read --only ${text}`,
        'Write --only API:OPERATIONS, such as railway:variable*.',
      )
    return { type: 'countersign', api, operations }
  })
}

/** The user of this process; a container's user may have no name. */
export function defaultOwner(): string {
  try {
    return userInfo().username
  } catch {
    return `uid-${process.getuid?.() ?? 'unknown'}`
  }
}
