import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Writable } from 'node:stream'
import type { Command } from 'commander'
import type { AwsScene } from '../demo/aws-agent.js'
import { AWS_INCIDENT } from '../demo/aws-incident.js'
import { accountUntouched, volumeSurvived } from '../demo/cloud.js'
import { furnish, INCIDENT, type Scene } from '../demo/incident.js'
import { FREEZE, HALT, PEOPLE, type PeopleScene, type Person, REFUND, type Said } from '../demo/people.js'
import type { Step } from '../demo/step.js'
import { type GrantSession, openGrantSession } from '../grant-session.js'
import { AnswerNo, type Io, printLine } from '../io.js'
import { createKeyFile } from '../keyfile.js'
import { sealedFileOf } from '../policy-location.js'
import { readTemplate } from '../policy-templates.js'
import { type Stage, setStage } from '../stage.js'

/** Runs another command line of this program. */
type RunCommandLine = (argv: readonly string[], io: Io) => Promise<number>

export function registerDemo(program: Command, io: Io, run: RunCommandLine): void {
  program
    .command('demo')
    .summary('play the nine seconds, against real processes on this machine')
    .description('Exit 0 only if every step was seen to end as the story says, evidence included.')
    .addHelpText('after', '\nExample:\n  countersign demo\n')
    .action(async () => {
      const keys = mkdtempSync(join(tmpdir(), 'countersign-people-'))
      const stage = await setStage({ policy: policyWith(keys) })
      try {
        const played = (await playPeople(stage, keys, io, run)) && (await playIncident(stage, io))
        const proven = await checkEvidence(stage, io, run)
        printLine(
          io,
          played && proven
            ? '\nAll of it was observed.'
            : '\nNot everything was observed: see the lines marked ✗.',
        )
        if (!(played && proven)) throw new AnswerNo()
      } finally {
        await stage.strike()
        rmSync(keys, { recursive: true, force: true })
      }
    })
}

/** The sample policy with people who are there to ask: two of them have to agree. */
function policyWith(keys: string): string {
  const holders = PEOPLE.map(person => `${person}: "${createKeyFile(keyOf(keys, person))}"`)
  const sample = readTemplate('sandbox')
  const policy = sample.replace(
    /keys: \{ nobody: "[^"]+" \}/,
    `keys: { ${holders.join(', ')} }\n    threshold: 2`,
  )
  if (policy === sample) throw new Error('the sample policy has no approvers to put people in place of')
  return policy
}

function keyOf(keys: string, person: Person): string {
  return join(keys, `${person}.jwk`)
}

/** People hold the agent: a freeze, a refund that two have to agree to, a halt. */
async function playPeople(stage: Stage, keys: string, io: Io, run: RunCommandLine): Promise<boolean> {
  const options = { config: stage.loaded.file, agent: 'coder', task: 'release', owner: 'maria' }
  const session = await openGrantSession(options, io)
  const url = (name: string) => session.apis.find(api => api.name === name)?.url ?? ''
  const operator = (...argv: readonly string[]) => heard([...argv, '--config', stage.loaded.file], io, run)
  const scene: PeopleScene = {
    railway: url('railway'),
    stripe: url('stripe'),
    grant: (await session.issue('bearer')).token,
    anotherGrant: async () => (await session.issue('bearer')).token,
    operator,
    approve: async (person, id) => {
      const shown = await operator('approvals', 'show', id, '--json')
      if (shown.code !== 0) return shown
      const { approval } = JSON.parse(shown.out) as { approval: { digest: string } }
      return operator('approve', id, '--key', keyOf(keys, person), '--digest', approval.digest)
    },
  }
  const frozen = await playSteps(FREEZE, scene, io)
  const paid = await playSteps(REFUND, scene, io)
  const halted = await playSteps(HALT, scene, io)
  return frozen && paid && halted
}

/** Runs another command line, and keeps what it says. */
async function heard(argv: readonly string[], io: Io, run: RunCommandLine): Promise<Said> {
  const said: string[] = []
  const listening = new Writable({
    write: (chunk, _encoding, done) => {
      said.push(String(chunk))
      done()
    },
  })
  const code = await run(argv, { ...io, stdout: listening, stderr: listening })
  return { code, out: said.join('') }
}

async function playIncident(stage: Stage, io: Io): Promise<boolean> {
  const workspace = join(stage.folder, 'workspace')
  furnish(workspace)
  const options = { config: stage.loaded.file, agent: 'coder', task: 'fix-login', owner: 'maria' }
  const session = await openGrantSession(options, io)
  const url = (name: string) => session.apis.find(api => api.name === name)?.url ?? ''
  const scene: Scene = {
    workspace,
    railway: url('railway'),
    billing: url('billing'),
    cloud: `http://${stage.loaded.config.sandbox?.railway}`,
    grant: (await session.issue('bearer')).token,
    stop: () => session.end(),
  }
  const onAws = await playSteps(AWS_INCIDENT, await awsScene(session), io)
  const untouched = await accountUntouched(stage)
  printLine(io, `\n${mark(untouched)} At AWS: databases, snapshots, buckets and the stack are still there.`)
  const onRailway = await playSteps(INCIDENT, scene, io)
  const alive = await volumeSurvived(stage)
  printLine(io, `\n${mark(alive)} In the cloud: the volume and its three backups are still there.`)
  return onAws && untouched && onRailway && alive
}

/** True where every step ended as the story says. */
async function playSteps<S>(steps: readonly Step<S>[], scene: S, io: Io): Promise<boolean> {
  let asTold = true
  for (const step of steps) {
    const answer = await step.act(scene)
    const seen = step.expect(answer)
    asTold &&= seen
    printLine(io, `\n${mark(seen)} ${step.title}`)
    printLine(io, `  ${answer.status} ${answer.words}`)
  }
  return asTold
}

async function awsScene(session: GrantSession): Promise<AwsScene> {
  const api = session.apis.find(({ catalog }) => catalog === 'aws')
  const { jti, token, secret = '' } = await session.issue('aws-sigv4')
  const keys = { accessKeyId: jti, secretAccessKey: secret, sessionToken: token }
  return { aws: api?.url ?? '', region: api?.region ?? '', keys }
}

function mark(seen: boolean): string {
  return seen ? '✓' : '✗'
}

/** The ledger is verified with pinned trust, its decisions derived again; then one byte of a copy is changed, and verification has to name the entry. */
async function checkEvidence(stage: Stage, io: Io, run: RunCommandLine): Promise<boolean> {
  const dump = join(stage.folder, 'evidence.jsonl')
  await stage.stop()
  await run(['receipts', 'export', dump, '--in', stage.loaded.path(stage.loaded.config.ledger.dir)], io)
  printLine(io, '\nWhat the ledger proves:')
  const { trust, ledger } = stage.loaded.config
  const pins = ['--trust', stage.loaded.path(trust.root), '--pin', trust.pin]
  const covered = ['--checkpoint', stage.loaded.path(ledger.highWater)]
  const verifying = (log: string) => ['receipts', 'verify', log, ...pins, ...covered]
  const policies = ['--policies', dirname(sealedFileOf(stage.loaded))]
  const auditor = ['--auditor-key', join(stage.folder, 'auditor', 'private.jwk')]
  const intact = (await run([...verifying(stage.loaded.path(ledger.dir)), ...policies, ...auditor], io)) === 0
  const tampered = join(stage.folder, 'tampered.jsonl')
  const entry = changeOneByte(dump, tampered)
  printLine(io, `\nOne byte of a copy is changed, in entry ${entry}:`)
  const { code, out } = await heard(verifying(tampered), io, run)
  const refused = code === 1
  printLine(io, out.trimEnd())
  const named = out.includes(`entry ${entry}`)
  printLine(
    io,
    `\n${mark(intact)} The ledger verifies.\n${mark(refused && named)} The changed copy is refused, by entry.`,
  )
  return intact && refused && named
}

/** Flips one bit in the middle of the longest entry's line; returns its number. */
function changeOneByte(from: string, to: string): number {
  const bytes = readFileSync(from)
  const lines = bytes.toString('latin1').split('\n')
  const entry = lines.reduce(
    (longest, line, index) => (line.length > (lines[longest] as string).length ? index : longest),
    0,
  )
  const start = lines.slice(0, entry).reduce((offset, line) => offset + line.length + 1, 0)
  const at = start + Math.floor((lines[entry] as string).length / 2)
  bytes[at] = (bytes[at] as number) ^ 1
  writeFileSync(to, bytes)
  return entry
}
