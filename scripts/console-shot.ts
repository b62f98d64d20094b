import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { formatPublicKey, portableSigningKey } from '../src/canon/index.js'
import { invoicesPolicy, startInvoices } from '../test/scenarios/invoices.js'
import { OperatorTab, registerPasskey, startConsole } from '../test/scenarios/operator-page.js'
import { startSidecar } from '../test/scenarios/supervised-sidecar.js'
import { launch } from '../test/verifier/browser.js'

/*
 * `node dist/scripts/console-shot.js [--out FILE]`: docs/console.png, the operator's page of a sidecar of which an agent
 * has asked for what two people have to agree to, and for what nobody may do. Takes Chromium.
 */

const { values } = parseArgs({ options: { out: { type: 'string' } } })
const out = values.out ?? fileURLToPath(new URL('../../docs/console.png', import.meta.url))
const ends: (() => unknown)[] = []
/** What the scenarios of the tests ask of a test. */
const stage = { after: (end: () => unknown) => void ends.push(end) } as unknown as TestContext

try {
  const browser = await launch()
  ends.push(() => browser.close())
  const tab = await OperatorTab.open(stage, browser)
  const kim = await registerPasskey(tab, 'kim')
  const invoices = await startInvoices(stage)
  const jo = formatPublicKey(portableSigningKey(new Uint8Array(32).fill(7)).publicKey)
  const sidecar = await startSidecar(stage, {
    billing: invoices.address,
    policy: `${invoicesPolicy(invoices.address)}  - id: refunds-take-two
    hold: { api: billing, operations: ["POST /invoices"] }
    to: coder
    approvers: finance
    because: A refund is read by two people before it leaves.
approvers:
  finance: { keys: { ${kim.line}, jo: "${jo}" }, threshold: 2 }
`,
  })
  const authorization = `Bearer ${await sidecar.grant()}`
  const ask = (method: string, path: string, body?: object) =>
    fetch(`${sidecar.url}/billing${path}`, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  await ask('GET', '/invoices/in_1001')
  await ask('POST', '/invoices/in_1001/void')
  await ask('POST', '/invoices', {
    customer: 'cus_4411',
    amount: -12_900,
    currency: 'eur',
    reason: 'duplicate charge \u202e, see ticket 7731',
  })
  await ask('GET', '/invoices/in_1002')
  await tab.page.setViewport({ width: 1_100, height: 1_560 })
  await tab.go(await startConsole(stage, '--config', sidecar.loaded.file, '--listen', kim.listen))
  await tab.reads('#waiting article h3', /coder/)
  await tab.reads('#decisions tr.deny', /never-void/)
  await tab.page.screenshot({ path: out as `${string}.png` })
} finally {
  for (const end of ends.reverse()) await end()
}
