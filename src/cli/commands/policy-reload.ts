import type { Command } from 'commander'
import { connectAdmin } from '../admin-client.js'
import { loadConfig } from '../config.js'
import { visible } from '../entry-text.js'
import { AnswerNo, type Io, printJson, printLine } from '../io.js'
import { type KeeperStatus, refusedWords } from '../keeper-status.js'
import { group } from '../program-group.js'
import { addConfigOption } from '../session-options.js'

interface ReloadOptions {
  readonly config: string
  readonly json?: boolean
}

type Reloaded = Pick<KeeperStatus, 'policy' | 'refusedUpdate' | 'distribution'> & {
  readonly inForce: boolean
}

export function registerPolicyReload(program: Command, io: Io): void {
  addConfigOption(group(program, 'policy', 'check, explain, seal and show policies').command('reload'))
    .summary('have the running keeper read its trust root and sealed policy again, or fetch it')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      '\nThe keeper also notices a changed file by itself, and asks a server at its interval. A policy that it refuses, or\ncan’t fetch, changes nothing: exit code 1.\n\nExample:\n  countersign policy reload\n',
    )
    .action((options: ReloadOptions) => reload(options, io))
}

async function reload(options: ReloadOptions, io: Io): Promise<void> {
  const loaded = loadConfig(options.config)
  const admin = connectAdmin(loaded.path(loaded.config.keeper.admin))
  try {
    const reloaded = await admin.post<Reloaded>('/v1/policy/reload')
    if (options.json === true) printJson(io, reloaded)
    else print(reloaded, io)
    if (!reloaded.inForce || reloaded.distribution?.failing != null) throw new AnswerNo()
  } finally {
    await admin.close()
  }
}

function print({ policy, refusedUpdate, distribution }: Reloaded, io: Io): void {
  if (distribution?.failing != null)
    printLine(io, `Not fetched: ${distribution.failing.message} The last good policy stays.`)
  if (refusedUpdate !== null) printLine(io, `Refused: ${visible(refusedWords(refusedUpdate))}`)
  printLine(
    io,
    policy === null
      ? 'No policy is in force.'
      : `In force: ${visible(policy.name)}, version ${policy.version}, ${policy.cid}.`,
  )
}
