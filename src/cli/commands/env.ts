import { type Command, Option } from 'commander'
import { staticCredentials } from '../aws-credentials.js'
import { clientEnvironment, ENVIRONMENT_FORMATS } from '../client-environment.js'
import { openGrantSession } from '../grant-session.js'
import { type Io, printLine } from '../io.js'
import { addSessionOptions, type SessionOptions } from '../session-options.js'

export function registerEnv(program: Command, io: Io): void {
  addSessionOptions(program.command('env'))
    .summary('print base URLs and a grant for an agent')
    .description(
      'Issues a grant and prints the variables that point an agent’s clients at the gate. It isn’t renewed: `exec` does that.',
    )
    .addOption(
      new Option('--format <format>', 'how to write them')
        .choices(Object.keys(ENVIRONMENT_FORMATS))
        .default('sh'),
    )
    .addHelpText('after', '\nExample:\n  eval "$(countersign env --agent coder --task fix-login)"\n')
    .action(async (options: SessionOptions & { readonly format: string }) => {
      const session = await openGrantSession(options, io)
      const { token: grant } = await session.issue('bearer')
      const signs = session.apis.some(({ catalog }) => catalog === 'aws')
      const aws = signs ? staticCredentials(await session.issue('aws-sigv4')) : {}
      const variables = clientEnvironment(session.apis, { grant, aws })
      await session.leave()
      printLine(
        io,
        (ENVIRONMENT_FORMATS[options.format] as (variables: Record<string, string>) => string)(variables),
      )
    })
}
