import assert from 'node:assert/strict'
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { encodeEnvelope, type JsonObject } from '../../src/canon/index.js'
import { createKeyFile, readSigningKey } from '../../src/cli/keyfile.js'
import { compilePolicyFile } from '../../src/cli/policy-file.js'
import { sealedFileOf } from '../../src/cli/policy-location.js'
import { sealPolicy } from '../../src/policy/index.js'
import { countersign } from '../cli/command-line.js'
import { type Invoices, invoicesPolicy, type PolicyChoices, startInvoices } from './invoices.js'
import { eventually, type Sidecar, startSidecar } from './supervised-sidecar.js'

interface Scene {
  readonly invoices: Invoices
  readonly sidecar: Sidecar
  readonly sealed: string
  create(): Promise<number>
}

async function scene(t: TestContext): Promise<Scene> {
  const invoices = await startInvoices(t)
  const policy = invoicesPolicy(invoices.address)
  const sidecar = await startSidecar(t, { policy, billing: invoices.address })
  const authorization = `Bearer ${await sidecar.grant()}`
  const create = async () => {
    const answer = await fetch(`${sidecar.url}/billing/invoices`, {
      method: 'POST',
      headers: { authorization },
    })
    await answer.arrayBuffer()
    return answer.status
  }
  return { invoices, sidecar, create, sealed: sealedFileOf(sidecar.loaded) }
}

/** Seals a policy with the command line, as its owner would, in a folder of its own. */
async function sealElsewhere(
  { invoices, sidecar }: Scene,
  choices: PolicyChoices,
  key?: string,
): Promise<string> {
  const source = join(sidecar.folder, `next-${choices.version}.yaml`)
  const sealed = join(sidecar.folder, `next-${choices.version}.sealed.json`)
  writeFileSync(source, invoicesPolicy(invoices.address, choices))
  const signer = key ?? sidecar.loaded.path('trust/keys/policy.jwk')
  const done = await countersign('policy', 'seal', source, '--key', signer, '-o', sealed)
  assert.equal(done.code, 0, done.err)
  return sealed
}

/** Catalogs first, then the policy, as the documentation says. */
function install(from: string, to: string): void {
  for (const name of readdirSync(join(dirname(from), 'catalogs')))
    copyFileSync(join(dirname(from), 'catalogs', name), join(dirname(to), 'catalogs', name))
  copyFileSync(from, to)
}

test('a better policy takes over without a restart, and the ledger says when', async t => {
  const stage = await scene(t)
  const { sidecar, sealed, create } = stage
  assert.equal(await create(), 403)
  const pids = [sidecar.pid('keeper'), sidecar.pid('gate')]
  install(await sealElsewhere(stage, { version: 2, allow: '[read, create]' }), sealed)
  const policy = await eventually('version 2', async () => {
    const status = await sidecar.status()
    return status.policy?.version === 2 ? status.policy : undefined
  })
  await eventually('the new rule', async () => ((await create()) === 200 ? true : undefined))
  assert.deepEqual([sidecar.pid('keeper'), sidecar.pid('gate')], pids)
  const activated = await policyEntries(sidecar)
  assert.deepEqual(
    activated.map(({ action, version }) => [action, version]),
    [
      ['activated', 1],
      ['activated', 2],
    ],
  )
  assert.equal(activated[1]?.cid, policy.cid)
  // The first one was written over; the keeper has kept it.
  const verified = await countersign('receipts', 'verify', '--config', sidecar.loaded.file, '--json')
  assert.equal(verified.code, 0, verified.out)
  const { decisions } = JSON.parse(verified.out)
  assert.ok(decisions.decided >= 2)
  assert.deepEqual([decisions.replayed, decisions.notReplayed], [decisions.decided, []])
})

async function policyEntries(sidecar: Sidecar): Promise<JsonObject[]> {
  const entries = await sidecar.entries()
  return entries.flatMap(entry => (entry.type === 'policy' && 'data' in entry ? [entry.data] : []))
}

interface BadUpdate {
  readonly title: string
  readonly code: string
  readonly install: (stage: Scene) => Promise<void> | void
}

/** Signed by the policy key, whatever it says. */
function sealPayload(
  { sidecar, invoices, sealed }: Scene,
  change: (payload: JsonObject) => JsonObject,
): void {
  const source = join(sidecar.folder, 'changed.yaml')
  writeFileSync(source, invoicesPolicy(invoices.address, { version: 9 }))
  const payload = change(compilePolicyFile(source).payload)
  writeFileSync(
    sealed,
    encodeEnvelope(sealPolicy(payload, [readSigningKey(sidecar.loaded.path('trust/keys/policy.jwk'))])),
  )
}

function flip(file: string, find: string): void {
  const bytes = readFileSync(file)
  const at = bytes.indexOf(find) + find.length + 20
  bytes[at] = bytes[at] === 0x41 ? 0x42 : 0x41
  writeFileSync(file, bytes)
}

const BAD_UPDATES: readonly BadUpdate[] = [
  {
    title: 'nobody signed',
    code: 'signatures_short',
    install: stage => {
      const source = join(stage.sidecar.folder, 'unsigned.yaml')
      writeFileSync(source, invoicesPolicy(stage.invoices.address, { version: 8 }))
      writeFileSync(stage.sealed, encodeEnvelope(sealPolicy(compilePolicyFile(source).payload, [])))
    },
  },
  {
    title: 'signed by a stranger',
    code: 'signing_key_unknown',
    install: async stage => {
      const stranger = join(stage.sidecar.folder, 'stranger.jwk')
      createKeyFile(stranger)
      install(await sealElsewhere(stage, { version: 7 }, stranger), stage.sealed)
    },
  },
  {
    title: 'an older version',
    code: 'version_below_highest',
    install: async stage => install(await sealElsewhere(stage, { version: 1 }), stage.sealed),
  },
  {
    title: 'the same version with other content',
    code: 'version_reused',
    install: async stage =>
      install(await sealElsewhere(stage, { version: 2, allow: 'create' }), stage.sealed),
  },
  {
    title: 'for another audience',
    code: 'audience_wrong',
    install: async stage =>
      install(await sealElsewhere(stage, { version: 3, audience: 'elsewhere' }), stage.sealed),
  },
  {
    title: 'expired',
    code: 'expiry_past',
    install: stage =>
      sealPayload(stage, payload => ({
        ...payload,
        expires: Date.UTC(2001, 0, 1),
      })),
  },
  {
    title: 'a byte of the payload flipped',
    code: 'signature_invalid',
    install: async stage => {
      const good = await sealElsewhere(stage, { version: 4 })
      flip(good, '"payload":"')
      install(good, stage.sealed)
    },
  },
  {
    title: 'cut off in the middle',
    code: 'json_syntax',
    install: async stage => {
      const good = readFileSync(await sealElsewhere(stage, { version: 5 }))
      writeFileSync(stage.sealed, good.subarray(0, good.length / 2))
    },
  },
  {
    title: 'a catalog swapped under the seal',
    code: 'policy_unreadable',
    install: async stage => {
      const good = await sealElsewhere(stage, { version: 6 })
      install(good, stage.sealed)
      const catalogs = join(dirname(stage.sealed), 'catalogs')
      for (const name of readdirSync(catalogs)) {
        const file = join(catalogs, name)
        writeFileSync(file, readFileSync(file, 'utf8').replaceAll('irreversible', 'read'))
      }
    },
  },
]

test('a bad update leaves the last good policy in force, says why, and is in the ledger', async t => {
  const stage = await scene(t)
  const { sidecar, sealed, create } = stage
  install(await sealElsewhere(stage, { version: 2, allow: '[read, create]' }), sealed)
  const good = readFileSync(sealed)
  const inForce = await eventually('version 2', async () => {
    const status = await sidecar.status()
    return status.policy?.version === 2 ? status.policy : undefined
  })
  for (const { title, code, install: update } of BAD_UPDATES) {
    await t.test(title, async () => {
      await update(stage)
      const reload = await countersign('policy', 'reload', '--config', sidecar.loaded.file, '--json')
      assert.equal(reload.code, 1, reload.out)
      const status = await sidecar.status()
      assert.equal(status.refusedUpdate?.code, code, status.refusedUpdate?.message)
      assert.deepEqual(status.policy, inForce)
      assert.equal(await create(), 200)
      const last = (await policyEntries(sidecar)).at(-1)
      assert.deepEqual([last?.action, last?.code], ['refused', code])
      assert.match(sidecar.output, new RegExp(`"code":"${code}"`))
    })
  }
  writeFileSync(sealed, good)
})
