import { homedir } from 'node:os'
import process from 'node:process'
import type { Command } from 'commander'
import type { ActivePolicy } from '../../policy/index.js'
import { type LoadedConfig, loadConfig } from '../config.js'
import { clientFiles, environmentVariables, peoplesKeys, projectFiles } from '../doctor/credentials.js'
import type { Finding } from '../doctor/finding.js'
import { directEgress, fixedClients, sharedUsers, sidecarSecrets } from '../doctor/separation.js'
import { expiry, openDoors, policyHere, unservedCredentials } from '../doctor/sidecar.js'
import { AnswerNo, type Io, printJson, printLine } from '../io.js'
import { addConfigOption } from '../session-options.js'

interface DoctorOptions {
  readonly config: string
  readonly folder: string
  readonly json?: boolean
}

export function registerDoctor(program: Command, io: Io): void {
  addConfigOption(program.command('doctor'))
    .summary('find what would undo the sidecar')
    .description(
      'Run it as the agent’s user. Looks for credentials that the agent can read, direct ways to the upstreams, users that should be apart, and clients that can’t be redirected; for listeners and folders that are open to everybody, and a policy that is missing or about to expire. As root or the keeper’s user it also says which credentials of the policy the vault has no secret for. Exit 1 when it found any.',
    )
    .option('--folder <dir>', 'folder that the agent works in, searched for credentials', '.')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  sudo -u agent countersign doctor --folder /srv/app\n')
    .action(async (options: DoctorOptions) => {
      const findings = await examine(loadConfig(options.config), options.folder, io)
      if (options.json === true) printJson(io, { findings })
      else print(findings, io)
      if (findings.length > 0) throw new AnswerNo()
    })
}

async function examine(loaded: LoadedConfig, folder: string, io: Io): Promise<Finding[]> {
  return [
    ...environmentVariables(io.env),
    ...clientFiles(homedir()),
    ...projectFiles(folder),
    ...peoplesKeys(homedir()),
    ...sidecarSecrets(secretFiles(loaded)),
    ...sharedUsers(process.getuid?.() ?? -1),
    ...openDoors(loaded),
    ...(await whatThePolicyNeeds(loaded, io)),
    ...fixedClients(io.env.PATH ?? ''),
  ]
}

async function whatThePolicyNeeds(loaded: LoadedConfig, io: Io): Promise<Finding[]> {
  const policy = policyHere(loaded)
  if ('subject' in policy) return [policy]
  return [
    ...(await directEgress(upstreamOrigins(policy))),
    ...(await unservedCredentials(loaded, policy, io)),
    ...expiry(policy, Date.now()),
  ]
}

function secretFiles({ config, path }: LoadedConfig): string[] {
  const keys = ['receipt', 'checkpoint', 'grant'].map(name => path(`${config.keeper.keys}/${name}.jwk`))
  const vaultKey = 'file' in config.vault.key ? [path(config.vault.key.file)] : []
  return [
    ...keys,
    ...vaultKey,
    path(config.vault.file),
    // The keys of the trust root's roles, the approver's of the first run, and the one that opens what decisions were made of.
    ...['root', 'recover', 'operate', 'policy', 'enrol', 'approver'].map(role =>
      path(`trust/keys/${role}.jwk`),
    ),
    path('auditor/private.jwk'),
  ]
}

function upstreamOrigins({ apis }: ActivePolicy): string[] {
  return [...new Set([...apis.values()].flatMap(api => Object.values(api.origins)))]
}

function print(findings: readonly Finding[], io: Io): void {
  if (findings.length === 0) {
    printLine(io, 'Found no way around the sidecar for this user.')
    return
  }
  for (const { code, subject, message, mend } of findings) {
    printLine(io, `${code}  ${subject}`)
    printLine(io, `  ${message}`)
    printLine(io, `  → ${mend}`)
  }
  printLine(io, `\n${findings.length} finding${findings.length === 1 ? '' : 's'}.`)
}
