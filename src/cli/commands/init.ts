import { existsSync, readdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { initDeployment } from '../init-deployment.js'
import { initSandbox } from '../init-sandbox.js'
import { type Io, printJson, printLine, UsageError } from '../io.js'
import { documentOf, policyTemplates } from '../policy-templates.js'

interface InitOptions {
  readonly template: string
  readonly origin?: string
  readonly audience?: string
  readonly notProduction?: boolean
  readonly json?: boolean
}

export function registerInit(program: Command, io: Io): void {
  program
    .command('init')
    .summary('lay out the folder of a sidecar')
    .description(
      'Makes keys, a trust root, an enrolment, an empty vault, a policy to edit and the configuration, and says what to do next. Never overwrites anything.',
    )
    .argument('<dir>', 'a folder that is empty or not there')
    .option('--template <name>', `policy to start from: ${policyTemplates().join(', ')}`, 'staging')
    .option('--origin <origin>', '<domain>/countersign/<sidecar>; made from the host’s name unless told')
    .option('--audience <name>', 'deployment that this sidecar belongs to; the template’s name unless told')
    .option(
      '--not-production',
      'let gate and keeper run as one user, and upstreams be plain http, in this deployment',
    )
    .option('--json', 'one JSON document')
    .addHelpText('after', INIT_HELP)
    .action((dir: string, options: InitOptions) => init(dir, options, io))
}

const INIT_HELP = `
The template sandbox is the first run's: stand-in clouds on loopback, and everything sealed already.

Examples:
  countersign init /etc/countersign --origin example.com/countersign/staging-1 --audience staging
  countersign init sandbox --template sandbox
`

async function init(dir: string, options: InitOptions, io: Io): Promise<void> {
  const folder = resolve(io.cwd, dir)
  if (existsSync(folder) && readdirSync(folder).length > 0)
    throw new UsageError(`${dir} is not empty`, 'Name another folder; nothing is ever overwritten.')
  const said =
    options.template === 'sandbox' ? await sandbox(folder, options) : await deployment(folder, options)
  const next = said.next.map(step => step.replaceAll('DIR', () => dir))
  if (options.json === true) return printJson(io, { folder, ...said, next })
  printLine(io, `${dir}: ${said.origin} for the audience ${said.audience}. Next:`)
  for (const step of next) printLine(io, step)
}

interface LaidOut {
  readonly origin: string
  readonly audience: string
  readonly pin: string | null
  /** What is left to do, a line each, with DIR for the folder. */
  readonly next: readonly string[]
}

async function sandbox(folder: string, options: InitOptions): Promise<LaidOut> {
  if (options.origin !== undefined || options.audience !== undefined)
    throw new UsageError('the sandbox has its own origin and audience', 'Leave --origin and --audience out.')
  await initSandbox(folder)
  const next = ['countersign run --config DIR/countersign.yaml']
  return { origin: 'localhost/countersign/sandbox', audience: 'sandbox', pin: null, next }
}

async function deployment(folder: string, options: InitOptions): Promise<LaidOut> {
  const audience = plainName(options.audience ?? options.template, '--audience')
  const origin = originOf(options.origin ?? `${hostname().toLowerCase()}/countersign/${audience}`)
  const production = options.notProduction !== true
  const { template } = options
  const pin = await initDeployment(folder, { template, origin, audience, production })
  return { origin, audience, pin, next: nextSteps(template, production) }
}

function plainName(name: string, option: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name))
    throw new UsageError(`${option} ${JSON.stringify(name)} is not a plain name`, 'Use a-z, 0-9 and “-”.')
  return name
}

function originOf(origin: string): string {
  if (!/^[a-z0-9.-]+\/countersign\/[a-z0-9-]+$/.test(origin))
    throw new UsageError(
      `${JSON.stringify(origin)} is not an origin`,
      'Pass --origin <domain>/countersign/<sidecar>, in lower case.',
    )
  return origin
}

function nextSteps(template: string, production: boolean): readonly string[] {
  return [
    'Edit DIR/policy/policy.yaml: ids, addresses, agents, rules; then  countersign policy lint DIR/policy/policy.yaml',
    ...approverSteps(template),
    'countersign policy seal DIR/policy/policy.yaml --key DIR/trust/keys/policy.jwk -o DIR/policy/policy.sealed.json',
    ...vaultSteps(template),
    'Move DIR/trust/keys/*.jwk to their holders, off this machine: root and recover into a safe, policy to who seals policies, enrol to who issues grants, operate to who is on call.',
    'Move DIR/auditor/private.jwk to the auditor; it alone reads the decision inputs.',
    ...(production ? USER_STEPS : []),
    `countersign run --config DIR/countersign.yaml${production ? '   (as root)' : ''}`,
    'countersign doctor --config DIR/countersign.yaml   (as the user that the agent runs as)',
  ]
}

function approverSteps(template: string): readonly string[] {
  const names = Object.values(documentOf(template).approvers ?? {}).flatMap(({ keys }) => Object.keys(keys))
  if (names.length === 0) return []
  return [
    `DIR/trust/keys/approver.jwk is the key that the policy has for ${[...new Set(names)].join(' and ')}: name the people who approve instead, each with a key of their own (countersign trust key FILE --lock prints it) or a passkey.`,
  ]
}

const USER_STEPS: readonly string[] = [
  'groupadd --system countersign; for u in gate keeper; do useradd --system --no-create-home --gid countersign countersign-$u; done',
  'chown -R countersign-keeper:countersign DIR/keeper',
]

/** One command per credential of the template, with the origins and environments that it is used in there. */
function vaultSteps(template: string): readonly string[] {
  const { apis, credentials, agents } = documentOf(template)
  const environment = Object.values(agents)[0]?.environment ?? 'ENVIRONMENT'
  return Object.entries(credentials ?? {}).map(([name, { minter }]) => {
    const upstream = Object.values(apis).find(api => api.credential === name)?.upstream ?? 'https://HOST'
    const secret = minter === 'jwt' ? '--generate Ed25519' : '< SECRET-FILE'
    return `countersign vault put ${name} --kind ${minter} --origin ${upstream} --environment ${environment} --config DIR/countersign.yaml ${secret}`
  })
}
