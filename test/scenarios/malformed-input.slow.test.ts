import assert from 'node:assert/strict'
import { readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { invoicesPolicy, startInvoices } from './invoices.js'
import { eventually, type Sidecar, startSidecar } from './supervised-sidecar.js'

async function running(t: TestContext): Promise<Sidecar> {
  const invoices = await startInvoices(t)
  const policy = invoicesPolicy(invoices.address)
  return startSidecar(t, { policy, billing: invoices.address })
}

async function ask(sidecar: Sidecar, authorization: string) {
  const answer = await fetch(`${sidecar.url}/billing/invoices/1`, { headers: { authorization } })
  const { code } = (await answer.json()) as { code?: string }
  return { status: answer.status, code }
}

interface Damage {
  readonly title: string
  /** Of the state folder. */
  readonly file: string
  /** Null where the file is taken away. */
  readonly change: ((bytes: Buffer) => Buffer) | null
  readonly code: RegExp
}

const garbage = () => Buffer.from([0xff, 0xfe, 0x00, 0x7b, 0x0a])
const half = (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)
const with_ = (find: string, other: string) => (bytes: Buffer) => {
  assert.ok(bytes.includes(find), find)
  return Buffer.from(bytes.toString('utf8').replace(find, other))
}
const flipMiddle = (bytes: Buffer) => {
  const changed = Buffer.from(bytes)
  const at = Math.floor(changed.length / 2)
  changed[at] = changed[at] === 0x61 ? 0x62 : 0x61
  return changed
}

const DAMAGES: readonly Damage[] = [
  { title: 'no configuration', file: 'countersign.yaml', change: null, code: /config_missing/ },
  {
    title: 'a configuration of garbage',
    file: 'countersign.yaml',
    change: garbage,
    code: /config_malformed/,
  },
  {
    title: 'a configuration with a misspelt key',
    file: 'countersign.yaml',
    change: with_('audience:', 'audiense:'),
    code: /config_malformed[\s\S]*countersign\.yaml:\d+:\d+: .*audien[cs]e/,
  },
  { title: 'no trust root', file: 'trust/root.json', change: null, code: /file_unreachable/ },
  {
    title: 'half a trust root',
    file: 'trust/root.json',
    change: half,
    code: /json_syntax.*trust\/root\.json/,
  },
  {
    title: 'another trust root than the pinned one',
    file: 'countersign.yaml',
    change: bytes =>
      Buffer.from(
        bytes
          .toString('utf8')
          .replace(/(pin: sha256:)(.)/, (_, name, digit) => `${name}${digit === '0' ? '1' : '0'}`),
      ),
    code: /trust_root_pin/,
  },
  { title: 'no key', file: 'keeper/keys/receipt.jwk', change: null, code: /key_unusable/ },
  { title: 'half a key', file: 'keeper/keys/grant.jwk', change: half, code: /key_unusable/ },
  {
    title: 'half an enrolment',
    file: 'keeper/enrolment.json',
    change: half,
    code: /json_syntax.*enrolment\.json/,
  },
  { title: 'no vault', file: 'keeper/vault.jwe', change: null, code: /vault_missing/ },
  { title: 'half a vault', file: 'keeper/vault.jwe', change: half, code: /vault_truncated/ },
  {
    title: 'a vault with a byte flipped',
    file: 'keeper/vault.jwe',
    change: flipMiddle,
    code: /vault_(tampered|key)/,
  },
  { title: 'a vault of garbage', file: 'keeper/vault.jwe', change: garbage, code: /vault_truncated/ },
  { title: 'no vault key', file: 'keeper/vault.key', change: null, code: /vault_key_missing/ },
  { title: 'an auditor key of garbage', file: 'auditor/public.jwk', change: garbage, code: /key_unusable/ },
  { title: 'no high-water file', file: 'mark/high-water.json', change: null, code: /mark_missing/ },
  { title: 'half a high-water file', file: 'mark/high-water.json', change: half, code: /mark_invalid/ },
]

test('the sidecar doesn’t start on malformed state; it names the fault, and with the file back nothing is lost', async t => {
  const sidecar = await running(t)
  assert.equal((await ask(sidecar, `Bearer ${await sidecar.grant()}`)).status, 200)
  const before = (await sidecar.entries()).length
  assert.equal(await sidecar.stop(), 0)
  for (const { title, file, change, code } of DAMAGES) {
    await t.test(title, async () => {
      const path = sidecar.loaded.path(file)
      const good = readFileSync(path)
      renameSync(path, `${path}.aside`)
      if (change !== null) writeFileSync(path, change(good), { mode: 0o600 })
      try {
        // The keeper's own files need no supervisor to be missed: its words are the keeper's in any case.
        const start = /^(keeper|auditor|mark)\//.test(file) ? sidecar.start('keeper') : sidecar.start()
        await assert.rejects(start, ({ message }: Error) => {
          assert.match(message, code)
          assert.match(message, /^error [a-z_]+: .*\n(.+\n)* {2}[A-Z]/m, 'a code, and a way to mend it')
          assert.doesNotMatch(message, /\n +at /, 'a stack trace is no message')
          return true
        })
      } finally {
        renameSync(`${path}.aside`, path)
      }
    })
  }
  await sidecar.start()
  const after = await sidecar.entries()
  assert.ok(after.length > before)
  assert.equal(after.filter(entry => entry.type === 'genesis').length, 1)
})

test('a ledger that lost or changed a byte doesn’t start', async t => {
  const sidecar = await running(t)
  const authorization = `Bearer ${await sidecar.grant()}`
  for (let call = 0; call < 5; call++) await ask(sidecar, authorization)
  assert.equal(await sidecar.stop(), 0)
  const folder = sidecar.loaded.path('ledger')
  const [log] = readdirSync(folder).filter(name => name.endsWith('.log'))
  assert.ok(log !== undefined)
  const path = join(folder, log)
  const good = readFileSync(path)
  assert.ok(good.length > 1_000, 'the entries are in LevelDB’s log')

  writeFileSync(path, flipMiddle(good))
  await assert.rejects(sidecar.start(), /error ledger_(damaged|behind_mark|differs|unreadable)/)
  // What the refused start left must be brought back by the operator from a copy: nothing was written over it.
  for (const name of readdirSync(folder)) if (/\.(log|ldb)$/.test(name)) rmSync(join(folder, name))
  await assert.rejects(sidecar.start(), /error ledger_(missing|damaged|behind_mark|differs|unreadable)/)
})

test('a ledger that was cut doesn’t start', async t => {
  const sidecar = await running(t)
  const authorization = `Bearer ${await sidecar.grant()}`
  for (let call = 0; call < 5; call++) await ask(sidecar, authorization)
  assert.equal(await sidecar.stop(), 0)
  const folder = sidecar.loaded.path('ledger')
  const log = readdirSync(folder).find(name => name.endsWith('.log')) ?? ''
  const path = join(folder, log)
  truncateSync(path, Math.floor(readFileSync(path).length / 2))
  await assert.rejects(sidecar.start(), /error ledger_(damaged|behind_mark|differs|unreadable)/)
})

test('malformed input to a running sidecar ends where it came from', async t => {
  const sidecar = await running(t)

  await t.test(
    'garbage, huge and half frames on the keeper’s socket end that connection, and nobody else’s',
    async () => {
      const authorization = `Bearer ${await sidecar.grant()}`
      const path = sidecar.loaded.path(sidecar.loaded.config.keeper.socket)
      const huge = Buffer.alloc(5)
      huge.writeUInt32BE(0xffff_fff0)
      huge[4] = 1
      const begun = Buffer.from([0, 0, 0, 200, 1, 0x7b])
      for (const { frame, code } of [
        { frame: Buffer.from('GET / HTTP/1.1\r\nHost: keeper\r\n\r\n'), code: 'frame_malformed' },
        { frame: huge, code: 'frame_too_large' },
        { frame: Buffer.from([0, 0, 0, 2, 1, 0x7b]), code: 'frame_malformed' },
      ]) {
        await sendToKeeper(path, frame, false)
        await eventually(code, () => sidecar.output.includes(`"code":"${code}"`) || undefined)
        assert.equal((await ask(sidecar, authorization)).status, 200)
      }
      await sendToKeeper(path, begun, true)
      await eventually('half a frame', () => sidecar.output.includes('half a frame') || undefined)
      assert.equal((await ask(sidecar, authorization)).status, 200)
      assert.equal((await sidecar.status()).gates, 1)
    },
  )

  await t.test('a malformed grant is refused with its code, and is in the ledger', async () => {
    const good = await sidecar.grant()
    const [head, , signature] = good.split('.')
    const claims = Buffer.from('{"sub":"coder"}').toString('base64url')
    for (const [token, code] of [
      ['no-grant-at-all', /^foreign_credential$/],
      [`${head}.${claims}.${signature}`, /^grant_(signature|malformed)$/],
      [good.slice(0, -10), /^grant_(signature|malformed)$/],
      [`${good}.${good}`, /^foreign_credential$/],
    ] as const) {
      const refused = await ask(sidecar, `Bearer ${token}`)
      assert.match(refused.code ?? '', code)
      assert.ok([401, 403].includes(refused.status))
      const last = (await sidecar.entries()).findLast(entry => entry.type === 'attempt')
      assert.equal(last?.type === 'attempt' ? last.decision.code : null, refused.code)
    }
  })
})

/** Resolves when the keeper has closed the connection. */
function sendToKeeper(path: string, bytes: Buffer, end: boolean): Promise<void> {
  return new Promise(resolve => {
    const socket = connect(path, () => (end ? socket.end(bytes) : socket.write(bytes)))
    socket.resume()
    socket.once('error', () => undefined)
    socket.once('close', () => resolve())
  })
}
