import { type Command, Option } from 'commander'
import type { Slot } from '../../protocol/index.js'
import { connectAdmin } from '../admin-client.js'
import { processCredentials } from '../aws-credentials.js'
import { loadConfig } from '../config.js'
import { openGrantSession } from '../grant-session.js'
import { type Io, printJson, printLine } from '../io.js'
import { group } from '../program-group.js'
import { addConfigOption, addSessionOptions, type SessionOptions } from '../session-options.js'

interface ListedGrant {
  readonly jti: string
  readonly agent: string
  readonly task: string
  readonly slot: string
  readonly expiresMs: number
  readonly revoked: boolean
}

const SLOTS: readonly Slot[] = ['bearer', 'project-access-token', 'aws-sigv4']

export function registerGrant(program: Command, io: Io): void {
  const grant = group(program, 'grant', 'issue, list and revoke grants')
  addSessionOptions(grant.command('issue'))
    .summary('issue a grant for an agent and print it')
    .addOption(
      new Option('--slot <slot>', 'place in a request that it is good for').choices(SLOTS).default('bearer'),
    )
    .addHelpText(
      'after',
      '\nFor aws-sigv4 it prints what `credential_process` of an AWS configuration expects. After a halt and `resume`, issue a new one.\n\nExample:\n  countersign grant issue --agent coder --task fix-login --owner maria\n',
    )
    .action(async (options: SessionOptions & { readonly slot: Slot }) => {
      const session = await openGrantSession(options, io)
      const grant = await session.issue(options.slot)
      await session.leave()
      printLine(io, options.slot === 'aws-sigv4' ? processCredentials(grant) : grant.token)
    })
  addConfigOption(grant.command('list'))
    .summary('list grants that have not expired')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  countersign grant list\n')
    .action((options: { config: string; json?: boolean }) => list(options, io))
  addConfigOption(grant.command('revoke'))
    .summary('revoke a grant at once')
    .argument('<jti>', 'its id, from `grant list`')
    .addHelpText('after', '\nExample:\n  countersign grant revoke 5b8c2f0e-…\n')
    .action((jti: string, options: { config: string }) => revoke(jti, options, io))
}

async function list(options: { config: string; json?: boolean }, io: Io): Promise<void> {
  const loaded = loadConfig(options.config)
  const admin = connectAdmin(loaded.path(loaded.config.keeper.admin))
  try {
    const { grants } = await admin.get<{ grants: readonly ListedGrant[] }>('/v1/grants')
    if (options.json === true) return printJson(io, { grants })
    for (const { jti, agent, task, slot, expiresMs, revoked } of grants) {
      printLine(
        io,
        `${jti}  ${agent}  ${task}  ${slot}  ${revoked ? 'revoked' : `until ${new Date(expiresMs).toISOString()}`}`,
      )
    }
    if (grants.length === 0) printLine(io, 'No grants.')
  } finally {
    await admin.close()
  }
}

async function revoke(jti: string, options: { config: string }, io: Io): Promise<void> {
  const loaded = loadConfig(options.config)
  const admin = connectAdmin(loaded.path(loaded.config.keeper.admin))
  try {
    await admin.post(`/v1/grants/${encodeURIComponent(jti)}/revoke`)
    printLine(io, `Revoked ${jti}.`)
  } finally {
    await admin.close()
  }
}
