import { spawn } from 'node:child_process'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import type { Command } from 'commander'
import { serveAwsCredentials } from '../aws-credentials.js'
import { clientEnvironment, type Presented } from '../client-environment.js'
import { type GrantSession, openGrantSession } from '../grant-session.js'
import { ExitWith, type Io, UsageError } from '../io.js'
import { withoutCredentials } from '../real-credentials.js'
import { addSessionOptions, type SessionOptions } from '../session-options.js'

export function registerExec(program: Command, io: Io): void {
  addSessionOptions(
    program
      .command('exec')
      .summary('run a command as an agent behind the sidecar')
      .description(
        'Issues a grant, points the clients of every API in the policy at the gate, takes real credentials out of the environment, runs the command, renews the grant while it runs and revokes it at the end.',
      )
      .argument('<command...>', 'the command and its arguments, after --'),
  )
    .addHelpText('after', '\nExample:\n  countersign exec --agent coder --task fix-login -- node agent.js\n')
    .action(async (command: string[], options: SessionOptions) => {
      const code = await execute(command, options, io)
      if (code !== 0) throw new ExitWith(code)
    })
}

async function execute(command: readonly string[], options: SessionOptions, io: Io): Promise<number> {
  const session = await openGrantSession(options, io)
  const folder = mkdtempSync(join(tmpdir(), 'countersign-'))
  const grantFile = join(folder, 'grant')
  try {
    const { token: grant } = await session.issue('bearer')
    writeGrant(grantFile, grant)
    const aws = await awsVariables(session, folder)
    const stopRenewing = session.keepRenewing(
      token => writeGrant(grantFile, token),
      problem => io.stderr.write(`countersign: the grant could not be renewed: ${problem}\n`),
    )
    try {
      const presented = { grant, aws: aws.variables }
      return await runChild(command, environmentOf(session, presented, grantFile, io), io)
    } finally {
      stopRenewing()
      await aws.close()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
    await session.end()
  }
}

function environmentOf(
  session: GrantSession,
  presented: Presented,
  grantFile: string,
  io: Io,
): Record<string, string> {
  const { env, removed } = withoutCredentials(io.env)
  if (removed.length > 0)
    io.stderr.write(`countersign: kept from the command: ${[...removed].sort().join(', ')}\n`)
  return { ...env, ...clientEnvironment(session.apis, presented), COUNTERSIGN_GRANT_FILE: grantFile }
}

/** Where AWS clients of the command get their credentials, and renew them; nothing where the policy has no AWS. */
async function awsVariables(
  session: GrantSession,
  folder: string,
): Promise<{ readonly variables: Readonly<Record<string, string>>; close(): Promise<void> }> {
  if (!session.apis.some(({ catalog }) => catalog === 'aws'))
    return { variables: {}, close: () => Promise.resolve() }
  const endpoint = await serveAwsCredentials(session)
  const tokenFile = join(folder, 'aws-authorization')
  const sharedFile = join(folder, 'aws-credentials')
  const configFile = join(folder, 'aws-config')
  writeFileSync(tokenFile, endpoint.authorization, { mode: 0o600 })
  // Keys and profiles of the person who runs this would win over the endpoint.
  writeFileSync(sharedFile, '', { mode: 0o600 })
  // A bucket's name can't stand before the gate's address.
  writeFileSync(configFile, '[default]\ns3 =\n  addressing_style = path\n', { mode: 0o600 })
  return {
    variables: {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: endpoint.url,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: tokenFile,
      // Older clients don't know the file.
      AWS_CONTAINER_AUTHORIZATION_TOKEN: endpoint.authorization,
      AWS_SHARED_CREDENTIALS_FILE: sharedFile,
      AWS_CONFIG_FILE: configFile,
    },
    close: endpoint.close,
  }
}

/** Replaced by rename, so that a reader sees the old token or the new one and never half of one. */
function writeGrant(file: string, token: string): void {
  writeFileSync(`${file}.next`, token, { mode: 0o600 })
  renameSync(`${file}.next`, file)
}

const FORWARDED = ['SIGTERM', 'SIGHUP', 'SIGQUIT'] as const

function runChild(command: readonly string[], env: Record<string, string>, io: Io): Promise<number> {
  const [program, ...args] = command as [string, ...string[]]
  const child = spawn(program, args, { env, cwd: io.cwd, stdio: 'inherit' })
  const forward = (signal: NodeJS.Signals) => child.kill(signal)
  for (const signal of FORWARDED) process.on(signal, forward)
  // A terminal sends SIGINT to the child as well; we stay to revoke the grant.
  const ignore = () => undefined
  process.on('SIGINT', ignore)
  return new Promise<number>((resolve, reject) => {
    child.once('error', () => reject(new UsageError(`cannot run ${program}`, 'Check the command after --.')))
    child.once('exit', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    )
  }).finally(() => {
    for (const signal of FORWARDED) process.off(signal, forward)
    process.off('SIGINT', ignore)
  })
}
