import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import {
  type BrokerOptions,
  credentialBroker,
  credentialFault,
  type MintedCredential,
  type MinterTable,
  type MintOrder,
  type MintRecord,
  type MintScope,
  type Schedule,
} from '../../src/credential/index.js'
import { mintScope, NOW, operation, vaultOf } from './scope.js'

const SECRET = 'planted-secret-5c1e'

/** Time and timers under the test's hand. */
function hands() {
  const due: { at: number; task: () => void }[] = []
  const time = { nowMs: NOW }
  const schedule: Schedule = (delayMs, task) => {
    const entry = { at: time.nowMs + delayMs, task }
    due.push(entry)
    return () => {
      const index = due.indexOf(entry)
      if (index >= 0) due.splice(index, 1)
    }
  }
  return {
    schedule,
    clock: () => time.nowMs,
    pending: () => due.length,
    advance: async (ms: number) => {
      time.nowMs += ms
      for (const entry of due.filter(({ at }) => at <= time.nowMs)) {
        due.splice(due.indexOf(entry), 1)
        entry.task()
      }
      await settled()
    },
  }
}

/** Lets everything that is ready run. */
async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise(next => setImmediate(next))
}

function gate() {
  let open = () => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return { open, opened }
}

/** An upstream that makes numbered credentials of 100 s and knows which of them are alive. */
function upstream() {
  const state = {
    made: 0,
    tried: 0,
    alive: new Set<string>(),
    failure: null as Error | null,
    before: async (_: MintOrder<'static'>): Promise<void> => undefined,
    revoking: async (): Promise<void> => undefined,
    narrowedTo: (_: MintOrder<'static'>): string => '',
  }
  const minters: MinterTable = {
    static: {
      dependsOn: order => state.narrowedTo(order),
      mint: async (order): Promise<MintedCredential> => {
        state.tried++
        await state.before(order)
        if (state.failure !== null) throw state.failure
        const token = `${SECRET}-${++state.made}`
        state.alive.add(token)
        return {
          minter: 'static',
          scope: 'everything',
          expiresMs: order.scope.nowMs + 100_000,
          headers: [['x-api-key', token]],
          revoke: async () => {
            await state.revoking()
            state.alive.delete(token)
          },
        }
      },
    },
  }
  return { state, minters }
}

function broker(changes: Partial<BrokerOptions> = {}) {
  const time = hands()
  const { state, minters } = upstream()
  const vault = vaultOf({ material: { secret: SECRET } })
  const records: MintRecord[] = []
  const onMint = async (record: MintRecord) => void records.push(record)
  const newMintId = () => `mint-${records.length + 1}`
  const made = credentialBroker({ vault, minters, onMint, newMintId, ...time, ...changes })
  const scopeNow = (scope: Partial<MintScope> = {}) => mintScope({ nowMs: time.clock(), ...scope })
  const token = async (scope: Partial<MintScope> = {}) =>
    (await made.obtain(scopeNow(scope))).headers[0]?.[1].slice(SECRET.length)
  const codeOf = (scope: Partial<MintScope> = {}) =>
    token(scope).then(
      () => 'ok',
      (error: { code: string }) => error.code,
    )
  return { ...made, time, state, vault, records, token, codeOf }
}

test('two requests of one scope share a credential, and its entry is written once', async () => {
  const { token, records } = broker()
  assert.deepEqual([await token(), await token()], ['-1', '-1'])
  assert.deepEqual(records, [
    {
      id: 'mint-1',
      minter: 'static',
      credential: 'partner',
      api: 'partner',
      account: null,
      scope: 'everything',
      expiresMs: NOW + 100_000,
      agent: mintScope().agent,
      policyCid: mintScope().policyCid,
    },
  ])
})

test('the credential cites its mint entry', async () => {
  const { obtain } = broker()
  assert.equal((await obtain(mintScope())).mint, 'mint-1')
})

test('a credential is never shared across any part of its scope', async () => {
  const { token, vault, state } = broker()
  const { agent } = mintScope()
  const others: Partial<MintScope>[] = [
    {},
    { agent: { ...agent, id: 'reviewer' } },
    { agent: { ...agent, task: 't-18' } },
    { agent: { ...agent, owner: 'jo' } },
    { api: 'partner-2' },
    { account: 'acct_1' },
    { policyCid: `sha256:${'1'.repeat(64)}` },
    { agent: { ...agent, id: 'coder","staging' } },
  ]
  const tokens = []
  for (const scope of others) tokens.push(await token(scope))
  vault.put({
    material: { secret: SECRET },
    environment: 'production',
    origins: ['https://a.example', 'https://b.example'],
  })
  const production = { agent: { ...agent, environment: 'production' } }
  tokens.push(await token({ ...production, origin: 'https://a.example' }))
  tokens.push(await token({ ...production, origin: 'https://b.example' }))
  state.narrowedTo = ({ scope }) => scope.operations.map(({ name }) => name).join()
  for (const name of ['GET /a', 'GET /b'])
    tokens.push(await token({ ...production, origin: 'https://a.example', operations: [operation(name)] }))
  assert.equal(new Set(tokens).size, tokens.length)
})

test('a hundred requests at once make one credential', async () => {
  const { token, state } = broker()
  const { open, opened } = gate()
  state.before = () => opened
  const waiting = Array.from({ length: 100 }, () => token())
  await settled()
  open()
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set(['-1']))
  assert.equal(state.tried, 1)
})

test('a credential is renewed at four fifths of its life, while the old one serves', async () => {
  const { token, time, state } = broker()
  await token()
  await time.advance(79_999)
  assert.equal(await token(), '-1')
  assert.equal(state.tried, 1)
  await time.advance(1)
  assert.equal(await token(), '-1')
  await settled()
  assert.equal(await token(), '-2')
  assert.equal(state.tried, 2)
})

test('a renewal that fails costs nobody anything until the credential is over', async () => {
  const { token, codeOf, time, state } = broker()
  await token()
  state.failure = credentialFault('mint_unreachable')
  await time.advance(80_000)
  assert.equal(await token(), '-1')
  await settled()
  await time.advance(14_999)
  assert.equal(await token(), '-1')
  await settled()
  await time.advance(1)
  assert.equal(await codeOf(), 'mint_unreachable')
})

test('a credential is not handed out in the last seconds of its life', async () => {
  const { token, time } = broker()
  await token()
  await time.advance(95_000)
  assert.equal(await token(), '-2')
})

test('what was superseded or left unused is ended at the upstream when its time is over', async () => {
  const { token, time, state } = broker()
  await token()
  await time.advance(80_000)
  await token()
  await settled()
  assert.equal(state.alive.size, 2)
  await time.advance(20_000)
  assert.deepEqual([...state.alive], [`${SECRET}-2`])
  await time.advance(100_000)
  assert.equal(state.alive.size, 0)
})

test('no credential is used before its entry is written, and none whose entry can not be', async () => {
  const order: string[] = []
  const { open, opened } = gate()
  const slow = broker({ onMint: () => opened.then(() => void order.push('written')) })
  const obtained = slow.token().then(() => order.push('used'))
  await settled()
  assert.deepEqual(order, [])
  open()
  await obtained
  assert.deepEqual(order, ['written', 'used'])
  const broken = broker({ onMint: () => Promise.reject(new Error('disk full')) })
  assert.equal(await broken.codeOf(), 'credential_unrecorded')
  assert.equal(broken.state.alive.size, 0)
})

test('attack: a flood of requests while the upstream refuses makes few calls to it', async () => {
  const { codeOf, state, time } = broker()
  const { agent } = mintScope()
  state.failure = credentialFault('mint_refused', 'status 401')
  for (let i = 0; i < 50; i++)
    assert.equal(await codeOf({ agent: { ...agent, task: `t-${i}` } }), 'mint_refused')
  assert.equal(state.tried, 1)
  for (let second = 0; second < 120; second++) {
    await time.advance(1_000)
    await codeOf()
  }
  assert.equal(state.tried, 8)
  state.failure = null
  await time.advance(30_000)
  assert.equal(await codeOf(), 'ok')
})

test('an upstream that works again is used again, and its next failure waits briefly', async () => {
  const { codeOf, state, time } = broker()
  const { agent } = mintScope()
  state.failure = credentialFault('mint_timeout')
  await codeOf()
  state.failure = null
  await time.advance(1_000)
  assert.equal(await codeOf(), 'ok')
  state.failure = credentialFault('mint_timeout')
  const other = { agent: { ...agent, task: 't-18' } }
  assert.equal(await codeOf(other), 'mint_timeout')
  state.failure = null
  await time.advance(1_000)
  assert.equal(await codeOf(other), 'ok')
})

test('a mistake in a minter is a fault without its words', async () => {
  const { obtain, state } = broker()
  state.failure = new Error(`cannot read ${SECRET}`)
  await assert.rejects(obtain(mintScope()), error => {
    assert.equal((error as { code: string }).code, 'mint_failed')
    assert.doesNotMatch(inspect(error, { depth: 9 }), /planted-secret/)
    return true
  })
})

test('a credential that is over when it arrives is ended and not used', async () => {
  const { codeOf, state, time } = broker()
  state.before = () => time.advance(99_000)
  assert.equal(await codeOf(), 'mint_answer')
  assert.equal(state.alive.size, 0)
})

test('attack: a vault entry that is taken out while something is minted from it mints nothing more', async () => {
  for (const gone of [
    { name: 'renamed' },
    { origins: ['https://other.example'] },
    { environment: 'production' },
  ]) {
    const { codeOf, state, vault, records } = broker()
    const { open, opened } = gate()
    state.before = () => opened
    const asked = [codeOf(), codeOf()]
    await settled()
    vault.put({ material: { secret: SECRET }, revision: '00000000-0000-4000-8000-000000000002', ...gone })
    open()
    for (const code of await Promise.all(asked)) assert.match(code, /^vault_entry_/)
    assert.equal(state.alive.size, 0, 'what was made is ended at the upstream')
    assert.equal(records.length, 1)
  }
})

test('attack: a secret that is replaced while something is minted from it serves no request any more', async () => {
  const { token, state, vault } = broker()
  const { open, opened } = gate()
  const secrets: string[] = []
  state.before = async ({ material }) => {
    secrets.push(material.secret)
    if (secrets.length === 1) await opened
  }
  const asked = [token(), token()]
  await settled()
  vault.put({ material: { secret: 'after' }, revision: '00000000-0000-4000-8000-000000000002' })
  open()
  assert.deepEqual(await Promise.all(asked), ['-2', '-2'])
  assert.deepEqual(secrets, [SECRET, 'after'])
  assert.deepEqual([...state.alive], [`${SECRET}-2`])
})

test('every use passes the limits of the vault entry, also while a credential is cached', async () => {
  const { token, codeOf, vault } = broker()
  const { agent } = mintScope()
  assert.equal(await codeOf({ credential: 'other' }), 'vault_entry_missing')
  assert.equal(await codeOf({ origin: 'https://evil.example' }), 'vault_entry_origin')
  assert.equal(await codeOf({ agent: { ...agent, environment: 'production' } }), 'vault_entry_environment')
  await token()
  const material = { secret: SECRET }
  vault.put({ material, kind: 'oauth2' })
  assert.equal(await codeOf(), 'vault_entry_kind')
  vault.put({ material, origins: ['https://other.example'] })
  assert.equal(await codeOf(), 'vault_entry_origin')
  vault.put({ material, name: 'renamed' })
  assert.equal(await codeOf(), 'vault_entry_missing')
})

test('after a rotation no credential from the old secret is handed out', async () => {
  const { token, vault } = broker()
  assert.equal(await token(), '-1')
  vault.put({ material: { secret: SECRET }, revision: '00000000-0000-4000-8000-000000000002' })
  assert.equal(await token(), '-2')
})

test('within the overlap of a rotation the secret before is tried where the new one is refused', async () => {
  const { token, codeOf, vault, state, time } = broker()
  const previous = { material: { secret: 'before' }, untilMs: NOW + 60_000 }
  vault.put({ material: { secret: 'after' }, previous })
  const tried: string[] = []
  state.before = async ({ material }) => {
    const { secret } = material
    tried.push(secret)
    if (secret === 'after') throw credentialFault('mint_refused')
  }
  assert.equal(await token(), '-1')
  assert.deepEqual(tried, ['after', 'before'])
  await time.advance(120_000)
  assert.equal(await codeOf(), 'mint_refused')
  assert.deepEqual(tried, ['after', 'before', 'after'])
})

test('a minter that this sidecar does not have fails closed', async () => {
  const { codeOf } = broker()
  const spec = { minter: 'stripe-restricted-key', livemode: false } as const
  assert.equal(await codeOf({ spec }), 'minter_unavailable')
})

test('revoking ends and forgets what matches, and nothing else', async () => {
  const { token, revoke, state } = broker()
  const { agent } = mintScope()
  await token()
  await token({ agent: { ...agent, task: 't-18' } })
  await token({ agent: { ...agent, id: 'reviewer' } })
  await revoke({ agent: 'coder', task: 't-18' })
  assert.deepEqual([...state.alive], [`${SECRET}-1`, `${SECRET}-3`])
  assert.equal(await token(), '-1')
  await revoke({ agent: 'coder' })
  assert.deepEqual([...state.alive], [`${SECRET}-3`])
  assert.equal(await token(), '-4')
  await revoke({})
  assert.equal(state.alive.size, 0)
})

test('attack: a halt between the mint and its use', async () => {
  for (const moment of ['mint', 'record'] as const) {
    const { open, opened } = gate()
    const made = broker(moment === 'record' ? { onMint: () => opened.then(() => undefined) } : {})
    if (moment === 'mint') made.state.before = () => opened
    const code = made.codeOf()
    await settled()
    await made.revoke({ agent: 'coder' })
    open()
    assert.equal(await code, 'credential_revoked', moment)
    assert.equal(made.state.alive.size, 0)
  }
})

test('a revocation that fails is tried again', async () => {
  const { token, revoke, state, time } = broker()
  await token()
  state.revoking = () => Promise.reject(new Error('down'))
  await revoke({})
  assert.equal(state.alive.size, 1)
  state.revoking = async () => undefined
  await time.advance(5_000)
  assert.equal(state.alive.size, 0)
  assert.equal(time.pending(), 0)
})

test('what is cached is bounded, and what has to go is ended', async () => {
  const { token, state } = broker({ maxCached: 2 })
  const { agent } = mintScope()
  for (const task of ['a', 'b', 'c']) await token({ agent: { ...agent, task } })
  await settled()
  assert.deepEqual([...state.alive], [`${SECRET}-2`, `${SECRET}-3`])
})

test('closing ends everything, also what is in the air, and gives out nothing more', async () => {
  const { token, codeOf, close, state, time } = broker()
  const { agent } = mintScope()
  await token()
  const { open, opened } = gate()
  state.before = () => opened
  const late = codeOf({ agent: { ...agent, task: 't-18' } })
  await settled()
  const closing = close()
  open()
  await closing
  assert.equal(await late, 'credential_revoked')
  assert.equal(await codeOf(), 'broker_closed')
  assert.equal(state.alive.size, 0)
  assert.equal(time.pending(), 0)
})

test('attack: a minted secret through printing, serialising or spreading', async () => {
  const { obtain } = broker()
  const credential = await obtain(mintScope())
  const shown = [credential, { ...credential }, [credential]].map(
    each => `${inspect(each, { depth: 9, showHidden: true })}${JSON.stringify(each)}`,
  )
  assert.doesNotMatch(shown.join(), /planted-secret/)
  assert.match(credential.headers[0]?.[1] ?? '', /planted-secret/)
})
