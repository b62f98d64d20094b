import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { EC2Client, RunInstancesCommand } from '@aws-sdk/client-ec2'
import Stripe from 'stripe'
import { parse, stringify } from 'yaml'
import { packageRoot } from '../../src/cli/catalogs.js'
import { type Attempt, type Sidecar, single, startSidecar } from './sidecar.js'

const SUBNET = 'subnet-0a1b2c3d4e5f60718'

/** The sample policy, in which an agent may refund and start machines, but not that charge's money or in that subnet. */
function policy(): string {
  const file = join(packageRoot(), 'config', 'policies', 'sandbox.yaml')
  const sample = parse(readFileSync(file, 'utf8')) as { rules: unknown[] }
  sample.rules.push(
    {
      id: 'not-that-charge',
      deny: { api: 'stripe', effect: 'refund', resources: [{ type: 'charge', id: 'ch_audited' }] },
    },
    {
      id: 'machines',
      allow: { api: 'aws', operations: ['ec2:RunInstances'], class: ['create', 'opaque'] },
      to: 'coder',
    },
    {
      id: 'not-that-subnet',
      deny: {
        api: 'aws',
        operations: ['ec2:RunInstances'],
        resources: [`arn:aws:ec2:eu-west-1:111122223333:subnet/${SUBNET}`],
      },
    },
  )
  return stringify(sample)
}

describe('a rule about one resource, behind the sidecar', () => {
  let sidecar: Sidecar
  before(async () => {
    sidecar = await startSidecar({ policy: policy() })
  })
  after(() => sidecar?.strike())

  async function decisionOf(call: () => Promise<unknown>): Promise<Attempt['decision']> {
    const { attempts } = await sidecar.during(() => call().catch((error: unknown) => error))
    return single(attempts).decision
  }

  it('attack: a refund by its payment, past a deny of the charge behind it', async () => {
    const { token } = await sidecar.grant()
    const stripe = new Stripe(token, { ...sidecar.stripe, maxNetworkRetries: 0 })
    const refund = (by: { readonly charge?: string; readonly payment_intent?: string }) =>
      decisionOf(() => stripe.refunds.create({ ...by, amount: 100 }))
    assert.equal((await refund({ charge: 'ch_audited' })).rule, 'not-that-charge')
    assert.equal((await refund({ payment_intent: 'pi_of_audited' })).rule, 'not-that-charge')
    assert.equal((await refund({ charge: 'ch_1' })).rule, 'small-refunds')
  })

  it('attack: a subnet within a network interface, past a deny of its ARN', async () => {
    const { jti, token, secret } = await sidecar.grant({ slot: 'aws-sigv4' })
    const ec2 = new EC2Client({
      endpoint: `${sidecar.gate}/aws`,
      region: 'eu-west-1',
      credentials: { accessKeyId: jti, secretAccessKey: secret ?? '', sessionToken: token },
      maxAttempts: 1,
    })
    const started = (subnet: object) =>
      decisionOf(() =>
        ec2.send(
          new RunInstancesCommand({
            ...subnet,
            ImageId: 'ami-0a1b2c3d4e5f60718',
            MinCount: 1,
            MaxCount: 1,
          }),
        ),
      )
    assert.equal((await started({ SubnetId: SUBNET })).rule, 'not-that-subnet')
    const within = { NetworkInterfaces: [{ DeviceIndex: 0, SubnetId: SUBNET }] }
    assert.equal((await started(within)).rule, 'not-that-subnet')
    assert.equal((await started({ SubnetId: 'subnet-0ffffffffffffffff' })).rule, 'machines')
  })
})
