import assert from 'node:assert/strict'
import { test } from 'node:test'
import { credentialBroker, outbound, standardMinters } from '../../src/credential/index.js'
import { recordMint } from '../../src/keeper/index.js'
import { fakeSts, USER } from '../credential/aws.js'
import { vaultOf } from '../credential/scope.js'
import { awsGrant, awsPolicy, REGION, signedCall } from './aws-house.js'
import { entriesOf, House, ORIGIN, ofType } from './keeper-fixture.js'

test('what the agent signs goes upstream signed by a session of the role, which the ledger names', async t => {
  const sts = await fakeSts(t, { nowMs: Date.now() })
  const network = outbound({ allowPlaintextLoopback: true })
  t.after(() => network.close())
  const house = await House.build(t)
  house.shelf.next = awsPolicy(undefined, sts.origin)
  const ledger = await house.openLedger()
  const broker = credentialBroker({
    vault: vaultOf({ name: 'aws', kind: 'aws-sts', material: USER, origins: [sts.origin] }),
    minters: standardMinters(network, ORIGIN),
    clock: Date.now,
    onMint: recordMint(ledger),
  })
  const { keeper } = await house.start({ ledger, broker })
  const client = await house.connect()
  const body = 'Action=TerminateInstances&Version=2016-11-15&InstanceId.1=i-1'
  const call = await signedCall({ client }, await awsGrant(house), {
    operation: 'ec2:TerminateInstances',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body,
  })
  const { verdict } = await client.admit(call)
  assert.ok(verdict.kind === 'forward', JSON.stringify(verdict))
  const host = 'ec2.eu-west-1.amazonaws.com'
  const headers = Object.fromEntries([...(call.signed?.outbound ?? []), ...verdict.headers, ['host', host]])
  const sent = { method: 'POST', path: '/', headers, body }
  const at = { service: 'ec2', region: REGION }
  assert.equal(await sts.isSigned(sent, at), true)
  assert.equal(await sts.isSigned({ ...sent, body: `${body}&InstanceId.2=i-2` }, at), false)
  await client.close()
  await keeper.stop()
  const reopened = await house.reopenLedger()
  const [mint] = await ofType(reopened, 'mint')
  const [attempt] = await ofType(reopened, 'attempt')
  assert.equal(sts.sessions[0]?.form.get('RoleSessionName'), mint?.data.id)
  assert.equal(attempt?.credential?.mint, mint?.data.id)
  assert.equal(
    attempt?.credential?.scope,
    'ec2:TerminateInstances on *; role arn:aws:iam::111122223333:role/agents',
  )
  assert.doesNotMatch(JSON.stringify(await entriesOf(reopened)), /planted/)
})
