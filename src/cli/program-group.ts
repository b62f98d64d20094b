import type { Command } from 'commander'

/** The command that holds subcommands, such as `policy`; made once, shared by the files that add to it. */
export function group(program: Command, name: string, summary: string): Command {
  return program.commands.find(each => each.name() === name) ?? program.command(name).summary(summary)
}
