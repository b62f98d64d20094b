import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { approvalCard } from '../../src/cli/approval-card.js'
import { PROBES } from '../../src/keeper/index.js'
import { RAILWAY_IDS } from '../../src/sandbox/index.js'
import { askedCloud, unmount, VIEWER, WRITER } from './asked-cloud.js'
import { type Asked, entriesOf, ofType } from './keeper-fixture.js'

const OWN = 'e == agent.facts.railwayEnvironment'
const ALLOW = `
  - id: volumes-of-its-own
    allow: { api: railway, operations: [volumeDelete] }
    to: [coder, other]
    probe: volume
    when: probe.environments.all(e, ${OWN})
`
const RENAME = `
  - id: names
    allow: { api: railway, operations: [volumeUpdate] }
    to: [coder]
`
const RENAMED = { name: 'volumeUpdate', args: { volumeId: RAILWAY_IDS.volume, input: { name: 'data' } } }
const DENY = `
  - id: never-shared
    deny: { api: railway, operations: [volumeDelete] }
    probe: volume
    when: probe.environments.exists(e, !(${OWN}))
    because: Another environment has it mounted.
`
const HOLD = `
  - id: volumes-wait
    hold: { api: railway, operations: [volumeDelete] }
    to: [coder]
    probe: volume
    approvers: platform
`

function outcome({ verdict }: Asked): string {
  return verdict.kind === 'refuse' ? `${verdict.effect} ${verdict.code} ${verdict.rule ?? '-'}` : verdict.kind
}

function heldAs({ verdict }: Asked): string {
  return (
    (verdict.kind === 'refuse' && verdict.effect === 'hold' && verdict.approval) ||
    assert.fail(outcome({ verdict, seq: 0 }))
  )
}

describe('a rule that asks the API first', () => {
  it('denies a volume that production has mounted as well, and allows one that staging alone has', async t => {
    const { ask, cloud, ledger } = await askedCloud(t, {
      rules: ALLOW + DENY,
      bounds: { ...PROBES, freshMs: 0 },
    })
    assert.equal(outcome(await ask()), 'deny denied_by_rule never-shared')
    unmount(cloud, RAILWAY_IDS.production)
    assert.equal(outcome(await ask()), 'forward')
    const attempts = await ofType(ledger, 'attempt')
    assert.deepEqual(
      attempts.map(({ probes }) =>
        probes?.map(({ probe, op, resource, status }) => [probe, op, resource, status]),
      ),
      [[['volume', 0, 0, 'answered']], [['volume', 0, 0, 'answered']]],
    )
  })

  it('asks about a few of ten thousand, decides as without an answer about the others, and records it', async t => {
    const volumeId = Array.from({ length: 10_000 }, (_, i) => `v-${i}`)
    for (const [rules, decided] of [
      [ALLOW, 'deny no_matching_rule -'],
      [ALLOW + DENY, 'deny denied_by_rule never-shared'],
    ] as const) {
      const { ask, ledger } = await askedCloud(t, { rules })
      assert.equal(outcome(await ask({ args: { volumeId } })), decided)
      const [attempt] = await ofType(ledger, 'attempt')
      assert.equal(attempt?.decision.effect, 'deny')
      assert.equal(attempt?.probes?.length, 64)
    }
  })

  it('denies where the upstream can’t be reached, in both directions', async t => {
    for (const rules of [ALLOW, ALLOW + DENY]) {
      const { ask, cloud, ledger } = await askedCloud(t, { rules })
      unmount(cloud, RAILWAY_IDS.production)
      await cloud.railway.server.close()
      assert.equal(
        outcome(await ask()),
        rules === ALLOW ? 'deny no_matching_rule -' : 'deny denied_by_rule never-shared',
      )
      const [attempt] = await ofType(ledger, 'attempt')
      assert.equal(attempt?.probes?.[0]?.status, 'unreachable')
      assert.equal(attempt?.probes?.[0]?.facts_c, undefined)
    }
  })

  it('denies where the answer takes too long', async t => {
    const { ask, ledger } = await askedCloud(t, {
      rules: ALLOW,
      bounds: { ...PROBES, deadlineMs: 20 },
      network: () => ({ send: () => new Promise(() => undefined) }),
    })
    assert.equal(outcome(await ask()), 'deny no_matching_rule -')
    const [attempt] = await ofType(ledger, 'attempt')
    assert.equal(attempt?.probes?.[0]?.status, 'timeout')
  })

  it('denies what the answer doesn’t hold: all of no environments are the agent’s own', async t => {
    const { ask, ledger } = await askedCloud(t, { rules: ALLOW })
    assert.equal(outcome(await ask({ args: { volumeId: 'v-unknown' } })), 'deny no_matching_rule -')
    const [attempt] = await ofType(ledger, 'attempt')
    assert.equal(attempt?.probes?.[0]?.status, 'not_found')
  })

  it('denies a part of an answer, and one that is something else', async t => {
    const answers = [
      { data: { project: { volumes: { edges: [{ node: volumeNode(true) }] } } } },
      { data: { project: { volumes: { edges: [{ node: { ...volumeNode(false), name: 7 } }] } } } },
      { errors: [{ message: 'no' }], data: null },
    ]
    for (const [index, status] of ['partial', 'malformed', 'refused'].entries()) {
      const { ask, ledger } = await askedCloud(t, {
        rules: ALLOW,
        network: () => ({
          send: async call =>
            call.body?.includes('volumeInstanceBackupList') === true
              ? { status: 200, body: { data: { volumeInstanceBackupList: [] } }, text: '' }
              : { status: 200, body: answers[index] as never, text: '' },
        }),
      })
      assert.equal(outcome(await ask()), 'deny no_matching_rule -')
      const [attempt] = await ofType(ledger, 'attempt')
      assert.equal(attempt?.probes?.[0]?.status, status)
    }
  })

  it('says what it is about to ask before it asks, under a credential of its own that can’t delete', async t => {
    const { ask, ledger, sent, cloud } = await askedCloud(t, { rules: ALLOW + DENY })
    const { seq } = await ask()
    const entries = await entriesOf(ledger)
    const asked = entries.find(each => each.type === 'probe')
    const attempt = entries.find(each => each.seq === seq)
    assert.ok(asked?.type === 'probe' && attempt?.type === 'attempt')
    const mint = entries.find(each => each.type === 'mint')
    assert.ok(mint?.type === 'mint' && mint.seq < asked.seq && asked.seq < attempt.seq)
    assert.equal(mint.data.credential, 'viewer')
    assert.deepEqual(asked.data.asked, [
      {
        probe: 'volume',
        type: 'volume',
        id: RAILWAY_IDS.volume,
        operations: ['project', 'volumeInstanceBackupList'],
        mint: mint.data.id,
      },
    ])
    assert.equal(asked.data.id, attempt.id)
    assert.equal(attempt.probes?.[0]?.asked, asked.seq)
    assert.equal(sent.length, 3, 'the volume, and the backups of both mounts')
    assert.ok(sent.every(body => !body.includes('mutation')))
    const answer = await fetch(`${cloud.railway.url}/graphql/v2`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${VIEWER}` },
      body: JSON.stringify({ query: `mutation { volumeDelete(volumeId: "${RAILWAY_IDS.volume}") }` }),
    })
    assert.match(await answer.text(), /Not Authorized/)
    assert.ok(cloud.railway.world.volumes.has(RAILWAY_IDS.volume))
    assert.doesNotMatch(JSON.stringify(entries), new RegExp(`${VIEWER}|${WRITER}`))
  })

  it('remembers an answer for seconds, for nobody but who has asked', async t => {
    const { ask, sent, house } = await askedCloud(t, { rules: ALLOW + DENY })
    await ask()
    const once = sent.length
    await ask()
    assert.equal(sent.length, once)
    await ask({ agent: 'other' })
    assert.equal(sent.length, 2 * once)
    house.aheadMs += PROBES.freshMs + 1
    await ask()
    assert.equal(sent.length, 3 * once)
  })

  it('asks anew once something was admitted on the answer', async t => {
    const { ask, cloud, sent } = await askedCloud(t, { rules: ALLOW })
    unmount(cloud, RAILWAY_IDS.production)
    assert.equal(outcome(await ask()), 'forward')
    const once = sent.length
    cloud.railway.world.volumes.delete(RAILWAY_IDS.volume)
    assert.equal(outcome(await ask()), 'deny no_matching_rule -')
    assert.ok(sent.length > once)
  })

  it('attack: an answer from while something is under way is not remembered', async t => {
    const { ask, sent } = await askedCloud(t, { rules: `${ALLOW}${RENAME}` })
    assert.equal(outcome(await ask(RENAMED)), 'forward')
    await ask()
    const once = sent.length
    await ask()
    assert.equal(sent.length, 2 * once, 'nobody has settled the renaming')
  })

  it('attack: the answer is changed by another call while something is minted for it', async t => {
    let atMinting: (() => Promise<unknown>) | null = null
    const { ask, cloud } = await askedCloud(t, {
      rules: `${ALLOW}${RENAME}`,
      broker: real => ({
        ...real,
        obtain: async scope => {
          const first = scope.credential === 'railway' ? atMinting : null
          if (first !== null) {
            atMinting = null
            await first()
          }
          return real.obtain(scope)
        },
      }),
    })
    unmount(cloud, RAILWAY_IDS.production)
    atMinting = async () => {
      assert.equal(outcome(await ask(RENAMED)), 'forward')
      const volume = cloud.railway.world.volumes.get(RAILWAY_IDS.volume)
      const [mounted] = volume?.instances ?? []
      if (mounted !== undefined) volume?.instances.push({ ...mounted, environmentId: RAILWAY_IDS.production })
    }
    assert.equal(outcome(await ask()), 'deny no_matching_rule -')
  })

  it('attack: what was asked before midnight and answered behind it is decided on the new day', async t => {
    let whenAsked = (): void => undefined
    const { ask, cloud, house } = await askedCloud(t, {
      rules: `${ALLOW}    limit: { count: 1, per: day }\n`,
      network: real => ({
        send: call => {
          whenAsked()
          return real.send(call)
        },
      }),
    })
    unmount(cloud, RAILWAY_IDS.production)
    const toMidnight = 86_400_000 - (Date.now() % 86_400_000)
    house.aheadMs = toMidnight - 10_000
    whenAsked = () => {
      house.aheadMs = toMidnight + 10_000
    }
    assert.equal(outcome(await ask()), 'forward')
    assert.equal(outcome(await ask()), 'deny over_limit volumes-of-its-own')
  })

  it('asks nothing where a rule that asks nothing denies', async t => {
    const rules = `${ALLOW}  - { id: never, deny: { api: railway, operations: [volumeDelete] }, because: No. }\n`
    const { ask, sent } = await askedCloud(t, { rules })
    assert.equal(outcome(await ask()), 'deny denied_by_rule never')
    assert.equal(sent.length, 0)
  })

  it('attack: an id of the agent’s is a value and never a part of the question', async t => {
    const { ask, sent } = await askedCloud(t, {
      rules: ALLOW.replaceAll('volumeDelete', 'volumeInstanceBackupDelete'),
    })
    const hostile = '") { id } } mutation { volumeDelete(volumeId: "x'
    const args = { volumeInstanceId: hostile, volumeInstanceBackupId: 'b-1' }
    assert.equal(outcome(await ask({ name: 'volumeInstanceBackupDelete', args })), 'deny no_matching_rule -')
    const [body] = sent.map(each => JSON.parse(each))
    assert.equal(body.variables.instance, hostile)
    assert.doesNotMatch(body.query, /mutation/)
  })
})

describe('a hold that asks the API first', () => {
  it('shows what hangs on it, and passes on an answer of now once somebody has agreed', async t => {
    const { ask, approve, waiting, sent } = await askedCloud(t, { rules: HOLD })
    const id = heldAs(await ask())
    const [approval] = await waiting()
    assert.ok(approval !== undefined)
    const { lines } = approvalCard(approval, Date.now())
    assert.ok(lines.includes(`  blast radius volume ${RAILWAY_IDS.volume}`), lines.join('\n'))
    assert.ok(lines.includes('               mounted in: "staging", "production" (2)'))
    assert.ok(lines.includes('               backups: "nightly-1", "nightly-2", "weekly-1" (3)'))
    assert.equal((await approve(id)).status, 200)
    const before = sent.length
    assert.equal(outcome(await ask()), 'forward')
    assert.ok(sent.length > before, 'what was remembered does not do for the use of an approval')
  })

  it('is asked about anew where the answer has changed since, and the approval is void', async t => {
    const { ask, approve, cloud, ledger, waiting } = await askedCloud(t, { rules: HOLD })
    unmount(cloud, RAILWAY_IDS.production)
    const id = heldAs(await ask())
    assert.equal((await approve(id)).status, 200)
    const volume = cloud.railway.world.volumes.get(RAILWAY_IDS.volume)
    volume?.instances.push({
      id: 'mount-2',
      environmentId: RAILWAY_IDS.production,
      serviceId: RAILWAY_IDS.database,
      mountPath: '/data',
      backups: [],
    })
    const again = heldAs(await ask())
    assert.notEqual(again, id)
    const steps = (await ofType(ledger, 'approval')).map(({ data }) => [data.id, data.state])
    assert.deepEqual(steps, [
      [id, 'requested'],
      [id, 'approved'],
      [id, 'voided'],
      [again, 'requested'],
    ])
    assert.deepEqual(
      (await waiting()).map(each => each.id),
      [again],
    )
  })

  it('is not used while the API can’t be asked again, and stands until it can', async t => {
    let down = false
    const { ask, approve, ledger } = await askedCloud(t, {
      rules: HOLD,
      network: real => ({ send: call => (down ? Promise.reject(new Error('down')) : real.send(call)) }),
    })
    await approve(heldAs(await ask()))
    down = true
    assert.equal(outcome(await ask()), 'deny probe_unanswered -')
    down = false
    assert.equal(outcome(await ask()), 'forward')
    assert.deepEqual(
      (await ofType(ledger, 'approval')).map(({ data }) => data.state),
      ['requested', 'approved', 'consumed'],
    )
  })

  it('says that the API could not be asked, and people may agree to that', async t => {
    const { ask, approve, waiting } = await askedCloud(t, { rules: HOLD, viewer: 'no-token-of-theirs' })
    const id = heldAs(await ask())
    const [approval] = await waiting()
    assert.ok(approval !== undefined)
    const line = `  blast radius volume ${RAILWAY_IDS.volume}: could not be asked (refused)`
    assert.ok(approvalCard(approval, Date.now()).lines.includes(line))
    await approve(id)
    assert.equal(outcome(await ask()), 'forward')
  })
})

function volumeNode(hasNextPage: boolean) {
  const node = { id: 'mount', environmentId: RAILWAY_IDS.staging, environment: { name: 'staging' } }
  return {
    id: RAILWAY_IDS.volume,
    name: 'data',
    volumeInstances: { edges: [{ node }], pageInfo: { hasNextPage } },
  }
}
