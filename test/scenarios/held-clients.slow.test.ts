import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import Stripe from 'stripe'
import { createKeyFile } from '../../src/cli/keyfile.js'
import { readTemplate } from '../../src/cli/policy-templates.js'
import { STRIPE_IDS } from '../../src/sandbox/index.js'
import { type Attempt, type Ended, runCountersign, type Sidecar, startSidecar } from './sidecar.js'

/** Debian's own; another on PATH may be another version. */
const AWS = '/usr/bin/aws'
const PYTHON = '/usr/bin/python3'
const hasAws = spawnSync(AWS, ['--version']).status === 0
const hasBoto = spawnSync(PYTHON, ['-c', 'import boto3']).status === 0

const HOLDING = `
  - id: instances-with-a-second-person
    hold: { api: aws, operations: ["ec2:RunInstances"] }
    to: coder
    approvers: operators
    because: An instance costs money until somebody stops it.
`

/**
 * What an SDK makes anew for every call, a client token or an idempotency key, is not what a person agrees to: each
 * client repeats its call as its users write it, and the second passes under the approval of the first.
 */
describe('unmodified clients repeat a held call', () => {
  let sidecar: Sidecar
  let keys: string
  before(async () => {
    keys = mkdtempSync(join(tmpdir(), 'countersign-approver-'))
    const jo = createKeyFile(join(keys, 'jo.jwk'))
    const sample = readTemplate('sandbox').replace(/nobody: "[^"]+"/, `jo: "${jo}"`)
    sidecar = await startSidecar({ policy: `${sample.trimEnd()}${HOLDING}` })
  })
  after(async () => {
    await sidecar?.strike()
    rmSync(keys, { recursive: true, force: true })
  })

  /** Approves the only request that waits. */
  async function approve(): Promise<string> {
    const listed = await sidecar.command(['approvals', 'list', '--json'])
    const waiting = JSON.parse(listed.out).approvals as { id: string; digest: string; state: string }[]
    assert.equal(waiting.length, 1, listed.out)
    const { id, digest } = waiting[0] as { id: string; digest: string }
    const said = await sidecar.command(['approve', id, '--key', join(keys, 'jo.jwk'), '--digest', digest])
    assert.equal(said.code, 0, said.err)
    return id
  }

  const effects = (attempts: readonly Attempt[], operation: string) =>
    attempts.filter(({ ops }) => ops[0]?.name === operation).map(({ decision }) => decision.effect)

  /** Tried twice, approved, tried twice: the first of these passes under the approval, and the second is asked about anew. */
  async function passesOnce(operation: string, call: () => Promise<boolean>): Promise<void> {
    const asked = await sidecar.during(async () => [await call(), await call()])
    assert.deepEqual(asked.value, [false, false])
    assert.deepEqual(effects(asked.attempts, operation), ['hold', 'hold'])
    const id = await approve()
    const used = await sidecar.during(async () => [await call(), await call()])
    assert.deepEqual(used.value, [true, false])
    assert.deepEqual(effects(used.attempts, operation), ['allow', 'hold'])
    assert.equal(used.attempts.find(({ decision }) => decision.effect === 'allow')?.approval, id)
    // Nothing may wait when the next client is tried.
    await approve()
    assert.equal(await call(), true)
  }

  it('Stripe’s SDK, with an idempotency key of its own each time', async () => {
    const { token } = await sidecar.grant()
    const sent = new Set<string>()
    const stripe = new Stripe(token, { ...sidecar.stripe, maxNetworkRetries: 2 })
    stripe.on('request', (event: Stripe.RequestEvent) => sent.add(String(event.idempotency_key)))
    await passesOnce('POST /v1/refunds', () =>
      stripe.refunds.create({ charge: STRIPE_IDS.charge, amount: 6_000 }).then(
        () => true,
        (error: Error) => {
          assert.match(error.message, /HELD/)
          return false
        },
      ),
    )
    assert.ok(sent.size >= 5, [...sent].join())
  })

  async function passes({ code, out, err }: Ended): Promise<boolean> {
    if (code === 0) return true
    assert.match(out + err, /HELD, nothing was executed/)
    return false
  }

  const exec = (task: string, ...command: readonly string[]) =>
    runCountersign(
      ['exec', '--config', sidecar.loaded.file, '--agent', 'coder', '--task', task, '--', ...command],
      sidecar.folder,
    )

  it('the AWS CLI, with a client token of its own each time', {
    skip: !hasAws && 'awscli is not installed',
  }, async () => {
    const at = ['--endpoint-url', `${sidecar.gate}/aws`, '--output', 'json']
    const run = [
      'ec2',
      'run-instances',
      '--image-id',
      'ami-0abc',
      '--instance-type',
      't3.micro',
      '--count',
      '1',
    ]
    await passesOnce('ec2:RunInstances', async () => passes(await exec('cli', AWS, ...at, ...run)))
  })

  it('boto3, with a client token of its own each time', {
    skip: !hasBoto && 'python3-boto3 is not installed',
  }, async () => {
    const script = join(sidecar.folder, 'run.py')
    writeFileSync(
      script,
      `
import boto3, os
ec2 = boto3.client('ec2', endpoint_url=os.environ['AWS_ENDPOINT_URL'])
ec2.run_instances(ImageId='ami-0abc', InstanceType='t3.micro', MinCount=1, MaxCount=1)
`,
    )
    await passesOnce('ec2:RunInstances', async () => passes(await exec('boto', PYTHON, script)))
  })
})
