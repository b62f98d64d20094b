import type { Command } from 'commander'

/** Which log a command reads; without `in` that of the running keeper. */
export interface SourceFlags {
  readonly config: string
  readonly in?: string
  readonly archive?: string
}

export function addSourceOptions(command: Command): Command {
  return addArchiveOption(
    command.option(
      '--in <path>',
      'a ledger folder (stopped, or a copy), a dump or a log as tiles, instead of the running keeper',
    ),
  )
}

export function addArchiveOption(command: Command): Command {
  return command.option(
    '--archive <dir>',
    'where archived entries of a ledger folder are, if not where they were moved to',
  )
}
