import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parse, stringify } from 'yaml'
import type { Config } from '../../src/cli/config-schema.js'
import { countersign } from '../cli/command-line.js'
import { missingForToken, type SoftToken, softToken } from '../cli/softhsm.js'
import { invoicesPolicy, startInvoices } from './invoices.js'
import { readInvoice } from './load.js'
import { eventually, prepareSidecar, type Sidecar } from './supervised-sidecar.js'

async function yes(...argv: readonly string[]): Promise<string> {
  const done = await countersign(...argv)
  assert.equal(done.code, 0, `${argv.join(' ')}\n${done.out}\n${done.err}`)
  return done.out
}

/** A sidecar that stands still, whose keys of these roles were replaced by keys in a token. */
async function withKeysInToken(t: TestContext, token: SoftToken): Promise<Sidecar> {
  const invoices = await startInvoices(t)
  const sidecar = await prepareSidecar(t, {
    policy: invoicesPolicy(invoices.address),
    billing: invoices.address,
  })
  await sidecar.start()
  await readInvoice(sidecar.url, `Bearer ${await sidecar.grant()}`, '1')
  await sidecar.stop()
  const signers = Object.fromEntries(
    (['receipt', 'checkpoint', 'grant'] as const).map(role => {
      token.generate(role)
      return [role, token.signer(role)]
    }),
  )
  configure(sidecar, { nextSigners: signers })
  const config = ['--config', join(sidecar.folder, 'countersign.yaml')]
  const { file } = JSON.parse(await yes('trust', 'request', ...config, '--json')) as { file: string }
  const at = (...parts: readonly string[]) => join(sidecar.folder, ...parts)
  const enrolment = at('enrolment.json')
  const trusted = ['--trust', at('trust', 'root.json'), '--key', at('trust', 'keys', 'enrol.jwk')]
  await yes('trust', 'enrol', file, ...trusted, '--out', enrolment)
  await yes('trust', 'install', enrolment, ...config)
  return sidecar
}

function configure({ folder }: Sidecar, changes: Partial<Config['keeper']>): void {
  const file = join(folder, 'countersign.yaml')
  const { keeper, ...config } = parse(readFileSync(file, 'utf8')) as Config
  const { nextSigners: _, signers: __, ...plain } = keeper
  writeFileSync(file, stringify({ ...config, keeper: { ...plain, ...changes } }))
}

async function findings({ folder }: Sidecar, name: string): Promise<readonly { code: string }[]> {
  const dump = join(folder, name)
  await yes('receipts', 'export', dump, '--config', join(folder, 'countersign.yaml'))
  const found = await countersign(
    'receipts',
    'verify',
    dump,
    '--trust',
    join(folder, 'trust', 'root.json'),
    '--json',
  )
  return (JSON.parse(found.out) as { findings: { code: string }[] }).findings
}

test('all three keys move into a token: requests flow, the log verifies, and a token that is taken away stops everything until it is back', async t => {
  const missing = missingForToken()
  if (missing !== null) return t.skip(missing)
  const token = softToken(t)
  const sidecar = await withKeysInToken(t, token)
  const keys = (...parts: readonly string[]) => join(sidecar.folder, 'keeper', 'keys', ...parts)
  await sidecar.start()
  assert.equal(existsSync(keys('receipt.jwk')), false)
  assert.equal(existsSync(keys('grant.jwk')), false)
  const authorization = `Bearer ${await sidecar.grant()}`
  for (const id of ['2', '3']) assert.equal((await readInvoice(sidecar.url, authorization, id)).status, 200)
  assert.deepEqual(await findings(sidecar, 'moved.jsonl'), [])

  // Moved from `nextSigners` to `signers`, and without the files that replaced keys still lie in.
  await sidecar.stop()
  configure(sidecar, {
    signers: Object.fromEntries(['receipt', 'checkpoint', 'grant'].map(role => [role, token.signer(role)])),
  })
  rmSync(keys('previous'), { recursive: true })
  await sidecar.start()
  assert.equal((await readInvoice(sidecar.url, authorization, '4')).status, 200)

  token.remove()
  for (const pid of signersOf(sidecar)) process.kill(pid, 'SIGKILL')
  const refused = await eventually('a refusal', async () => {
    const answer = await readInvoice(sidecar.url, authorization, '5')
    return answer.status === 200 ? undefined : answer
  })
  assert.equal(refused.status, 503)
  await assert.rejects(sidecar.grant())
  assert.match(sidecar.output, /token is not there/)
  token.insert()
  await eventually('the token', async () => {
    const answer = await readInvoice(sidecar.url, authorization, '6')
    return answer.status === 200 ? true : undefined
  })
  assert.deepEqual(await findings(sidecar, 'back.jsonl'), [])
  assert.doesNotMatch(sidecar.output, new RegExp(token.pin))
  await sidecar.stop()

  token.remove()
  await assert.rejects(sidecar.start(), /signer_failed/)
  token.insert()
  await sidecar.start()
  assert.deepEqual(await findings(sidecar, 'again.jsonl'), [])
})

function signersOf(sidecar: Sidecar): readonly number[] {
  const keeper = sidecar.pid('keeper')
  return readFileSync(`/proc/${keeper}/task/${keeper}/children`, 'utf8').trim().split(' ').map(Number)
}
