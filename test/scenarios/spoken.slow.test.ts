import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { test } from 'node:test'
import type { Config } from '../../src/cli/config-schema.js'
import { invoicesPolicy, startInvoices } from './invoices.js'
import { readInvoice } from './load.js'
import { type Needle, needlesOf } from './process-memory.js'
import { answerText, cloudAddresses, samplePolicy, secretsOf, useEveryApi } from './secrets.js'
import { eventually, type Sidecar, startSidecar } from './supervised-sidecar.js'

const talkative = (config: Config): Config => ({ ...config, log: { level: 'debug' as never } })

/** What anybody beside the processes gets to see of them: lines, metrics, answers, command lines and environments. */
async function spokenBy(sidecar: Sidecar, answers: readonly string[]): Promise<Buffer> {
  const metrics = await (await fetch(`${sidecar.url}/metrics`)).text()
  const family = readdirSync('/proc').filter(pid => commandOf(pid).includes(sidecar.folder))
  assert.ok(family.length >= 3, 'supervisor, keeper and gate')
  const seen = family.flatMap(pid => ['cmdline', 'environ', 'comm'].map(name => procFile(pid, name)))
  return Buffer.concat([...[sidecar.output, metrics, ...answers].map(text => Buffer.from(text)), ...seen])
}

function commandOf(pid: string): string {
  return /^\d+$/.test(pid) ? procFile(pid, 'cmdline').toString() : ''
}

/** Nothing where the process has ended meanwhile. */
function procFile(pid: string, name: string): Buffer {
  try {
    return readFileSync(`/proc/${pid}/${name}`)
  } catch {
    return Buffer.alloc(0)
  }
}

function foundIn(spoken: Buffer, needles: readonly Needle[]): string[] {
  return needles.filter(({ bytes }) => spoken.includes(bytes)).map(({ name }) => name)
}

test('no secret is in a log, a metric, an answer, a command line or an environment', async t => {
  const sidecar = await startSidecar(t, {
    policy: samplePolicy(),
    clouds: await cloudAddresses(),
    configure: talkative,
  })
  const signer = await sidecar.order({ slot: 'aws-sigv4' })
  const secrets = [...(await secretsOf(sidecar)), ...needlesOf('an agent’s AWS secret', signer.secret ?? '')]
  const answers = await useEveryApi(sidecar, signer)
  // What goes wrong has words of its own: a vault that can't be read, and an upstream that has gone.
  const vault = sidecar.loaded.path('keeper/vault.jwe')
  const whole = readFileSync(vault)
  writeFileSync(vault, whole.subarray(0, whole.length / 2), { mode: 0o600 })
  await eventually(
    'the vault’s fault',
    () => sidecar.output.includes('vault’s file can’t be used') || undefined,
  )
  writeFileSync(vault, whole, { mode: 0o600 })
  const spoken = await spokenBy(sidecar, answers)
  // The control: what is not secret is found by the same look.
  assert.deepEqual(foundIn(spoken, needlesOf('door', 'port:stripe')).length, 1)
  assert.deepEqual(foundIn(spoken, needlesOf('role', 'role-main.js')).length, 1)
  assert.equal(answers.length, 4)
  for (const answer of answers) {
    assert.match(answer, /^countersign-receipt: /m)
    assert.deepEqual(foundIn(spoken, needlesOf('answer', answer)).length, 1)
  }
  assert.deepEqual(foundIn(spoken, secrets), [])
})

test('no grant and no minted credential is in a log, a metric, a refusal or a fault', async t => {
  const invoices = await startInvoices(t)
  const sidecar = await startSidecar(t, {
    policy: invoicesPolicy(invoices.address),
    billing: invoices.address,
    configure: talkative,
  })
  const grant = await sidecar.grant()
  const found = `sk_live_${randomUUID().replaceAll('-', '')}`
  const ask = async (path: string, init: RequestInit): Promise<string> => {
    const answer = await fetch(`${sidecar.url}/billing${path}`, init)
    return answerText(answer.headers, await answer.text())
  }
  const authorization = `Bearer ${grant}`
  const id = `in-${randomUUID()}`
  assert.equal((await readInvoice(sidecar.url, authorization, id)).status, 200)
  const answers = [
    await ask('/invoices/1/void', { method: 'POST', headers: { authorization } }),
    await ask(`/invoices/1?key=${found}`, { headers: { authorization: `Bearer ${found}` } }),
    await ask('/invoices/1', { headers: { authorization, 'stripe-api-key': found } }),
    await ask('/invoices/1', { headers: { authorization: `${authorization}x` } }),
  ]
  invoices.answer = request => void request.socket.destroy()
  answers.push(await ask('/invoices/1', { headers: { authorization } }))
  process.kill(sidecar.pid('keeper'), 'SIGKILL')
  answers.push(await ask('/invoices/1', { headers: { authorization } }))
  await eventually('the next keeper', () => {
    try {
      return sidecar.pid('keeper')
    } catch {
      return undefined
    }
  })
  const minted = invoices.seen[0]?.authorization.slice('Bearer '.length) ?? ''
  assert.ok(minted.length > 100, 'a JWT of the keeper’s')
  const spoken = await spokenBy(sidecar, answers)
  const needles = [
    ...needlesOf('grant', grant),
    ...needlesOf('signature of the grant', grant.split('.')[2] ?? ''),
    ...needlesOf('minted credential', minted),
    ...needlesOf('signature of the minted credential', minted.split('.')[2] ?? ''),
    ...needlesOf('key that the agent found', found),
  ]
  assert.deepEqual(foundIn(spoken, needles), [])
  assert.match(sidecar.output, /"msg":"refused"/)
  assert.match(sidecar.output, /"msg":"upstream failed"/)
})
