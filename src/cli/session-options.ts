import type { Command } from 'commander'

export const DEFAULT_CONFIG = '.countersign/countersign.yaml'

/** What `exec`, `env` and `grant issue` need to know to order a grant. */
export interface SessionOptions {
  readonly config: string
  readonly agent: string
  readonly task: string
  readonly owner: string
  readonly key?: string
}

export function addSessionOptions(command: Command): Command {
  return addConfigOption(command)
    .requiredOption('--agent <id>', 'agent of the policy')
    .option('--task <task>', 'what the agent is to do; approvals are bound to it', 'default')
    .option('--owner <person>', 'the person that the agent acts for', 'unknown')
    .option('--key <file>', 'private key with the enrol role; the first run keeps one in trust/keys')
}

export function addConfigOption(command: Command): Command {
  return command.option('--config <file>', 'configuration of the sidecar', DEFAULT_CONFIG)
}
