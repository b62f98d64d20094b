import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import type { Browser } from 'puppeteer-core'
import { createKeyFile } from '../../src/cli/keyfile.js'
import { countersign } from '../cli/command-line.js'
import { launch, NO_BROWSER } from '../verifier/browser.js'
import { invoicesPolicy, startInvoices } from './invoices.js'
import { OperatorTab, registerPasskey, startConsole } from './operator-page.js'
import { type Sidecar, startSidecar } from './supervised-sidecar.js'

const CARD = '#waiting article'
const APPROVE = `${CARD} .buttons button:nth-of-type(1)`
const WITHDRAW = `${CARD} .buttons button:nth-of-type(3)`
const REJECT = `${CARD} .buttons button:nth-of-type(2)`

interface Scene {
  readonly tab: OperatorTab
  readonly sidecar: Sidecar
  readonly link: string
  /** File of jo's key. */
  readonly jo: string
  run(...argv: string[]): ReturnType<typeof countersign>
  ask(body?: object): Promise<{ readonly status: number; readonly text: string }>
}

describe('the operator’s page', { skip: NO_BROWSER }, () => {
  let browser: Browser
  before(async () => {
    browser = await launch()
  })
  after(() => browser?.close())

  /** A sidecar by whose policy new invoices take kim, who has a passkey, and jo, who has a key in a file. */
  async function scene(t: TestContext): Promise<Scene> {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-console-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const jo = join(folder, 'jo.jwk')
    const tab = await OperatorTab.open(t, browser)
    const { line, listen } = await registerPasskey(tab, 'kim')
    const invoices = await startInvoices(t)
    const sidecar = await startSidecar(t, {
      billing: invoices.address,
      policy: `${invoicesPolicy(invoices.address)}  - id: create-with-two-people
    hold: { api: billing, operations: ["POST /invoices"] }
    to: coder
    approvers: operators
    because: New invoices are read by two people first.
approvers:
  operators:
    keys:
      ${line}
      jo: "${createKeyFile(jo)}"
    threshold: 2
limits: { perAgent: { count: 50, per: 1h } }
`,
    })
    const authorization = `Bearer ${await sidecar.grant()}`
    return {
      tab,
      sidecar,
      jo,
      link: await startConsole(t, '--config', sidecar.loaded.file, '--by', 'anna', '--listen', listen),
      run: (...argv) => countersign(...argv, '--config', sidecar.loaded.file),
      ask: async (body = {}) => {
        const answer = await fetch(`${sidecar.url}/billing/invoices`, {
          method: 'POST',
          headers: { authorization, 'content-type': 'application/json' },
          body: JSON.stringify(body),
        })
        return { status: answer.status, text: await answer.text() }
      },
    }
  }

  it('lets a held call pass once one person has touched a passkey and another has signed with a key', async t => {
    const { tab, link, jo, run, ask, sidecar } = await scene(t)
    await tab.go(link)
    await tab.reads('#connection', /^The keeper answers\.$/)
    assert.equal((await ask({ amount: 7 })).status, 403)
    await tab.reads('#news', /^1 new request for approval, 1 in all\.$/)
    await tab.reads(`${CARD} h3`, /^coder asks for POST \/invoices$/)
    await tab.press(`${CARD} summary`)
    const told = await tab.reads(`${CARD} details dl`, /amount = 7/)
    for (const fact of [
      ...[/agentcoder/, /environmentstaging/, /acting formaria/, /held bycreate-with-two-people/],
      ...[/becauseNew invoices are read by two people first\./, /classcreate/, /requestPOST \/invoices/],
    ])
      assert.match(told, fact)
    await tab.reads(`${CARD} ul`, /^operators: 0 of 2 \(nobody yet\), 2 missing$/)

    await tab.press(APPROVE)
    await tab.reads('#sign-who', /a passkey here of: kim\./)
    await tab.prove(false)
    await tab.press('#sign-touch')
    await tab.reads('#sign-error', /Nothing was signed/)
    await tab.prove(true)
    await tab.write('#sign-because', 'Seen with the customer.')
    await tab.page.keyboard.press('Enter')
    await tab.reads('#news', /^Approved\. Others have to agree as well\.$/)
    await tab.reads(`${CARD} ul`, /^operators: 1 of 2 \(kim\), 1 missing$/)
    assert.equal((await ask({ amount: 7 })).status, 403, 'one of two is not enough')

    const [{ id, digest }] = JSON.parse((await run('approvals', 'list', '--json')).out).approvals
    const second = await run('approve', id, '--key', jo, '--digest', digest)
    assert.equal(second.code, 0, second.err)
    await tab.reads(`${CARD} ul`, /^operators: 2 of 2 \(kim, jo\), none missing$/)
    assert.equal((await ask({ amount: 7 })).status, 200)
    await tab.page.waitForFunction(`document.querySelector('${CARD}') === null`)
    await tab.reads('#decisions tr.allow', /ALLOWcoderbilling POST \/invoices/)
    await tab.reads('#budgets tr', /^coderall its taskslimits\.perAgent1 of 50 1 h/)

    const verified = await run('receipts', 'verify')
    assert.equal(verified.code, 0, verified.out + verified.err)
    assert.match(
      verified.out,
      /^ +people +2 words signed as the policy asks \(1 by touching a passkey\), 0 not proven$/m,
    )
    assert.match(
      verified.out,
      /that 1 approved attempt had the arguments that people agreed to: pass --auditor-key/,
    )
    const words = (await sidecar.entries()).flatMap(entry =>
      entry.type === 'approval' && entry.data.by !== undefined ? [[entry.data.by, entry.data.because]] : [],
    )
    assert.deepEqual(words, [
      ['kim', 'Seen with the customer.'],
      ['jo', undefined],
    ])
    assert.deepEqual(tab.complaints, [])
    assert.equal(await tab.ask('document.cookie'), '', 'no script sees the cookie')
  })

  it('rejects with a reason that the agent reads, and withdraws what was approved before', async t => {
    const { tab, link, ask } = await scene(t)
    await tab.go(link)
    await ask()
    await tab.reads(`${CARD} h3`, /^coder asks/)
    await tab.press(APPROVE)
    await tab.reads('#sign-title', /^Approve this\?$/)
    await tab.press('#sign-touch')
    await tab.reads('#news', /^Approved/)
    await tab.press(WITHDRAW)
    await tab.reads('#sign-title', /^Take your approval back\?$/)
    await tab.press('#sign-touch')
    await tab.reads('#news', /^Withdrawn/)
    await tab.press(REJECT)
    await tab.reads('#sign-title', /^Reject this\?$/)
    await tab.press('#sign-touch')
    assert.equal(await tab.ask(`document.getElementById('sign').open`), true, 'a rejection has a reason')
    await tab.write('#sign-because', 'Not before the audit is over.')
    await tab.page.keyboard.press('Enter')
    await tab.reads('#news', /^Rejected/)
    const { text } = await ask()
    assert.match(text, /approval_rejected/)
    assert.match(text, /Not before the audit is over/)
  })

  it('halts an agent in three steps without a mouse, and says who lets it go on', async t => {
    const { tab, link, ask, sidecar } = await scene(t)
    await tab.go(link)
    await tab.reads('#agents article h3', /^coder in staging$/)
    await tab.reads('#agents article ul', /1 grant in force/)
    await tab.reads('#agents details', /HOLD create-with-two-people billing: POST \/invoices/)
    await tab.press('#agents article > button')
    await tab.reads('#halt-title', /^Halt agent coder\?$/)
    await tab.press('#halt-go')
    assert.deepEqual((await sidecar.status()).stops.halts, [], 'nothing without the word that it is meant')
    await tab.page.keyboard.press('Escape')
    await tab.press('#agents article > button')
    await tab.write('#halt-because', 'It goes on deleting.')
    await tab.tabTo('#halt-sure')
    await tab.page.keyboard.press('Space')
    await tab.press('#halt-go')
    await tab.reads('#stops', /HALTED: agent coder, since .+ by anna: It goes on deleting\./)
    await tab.reads('#agents article ul', /HALTED: It goes on deleting\.0 grants in force/)
    const refused = await ask()
    assert.match(refused.text, /agent_halted|grant_revoked/)
    const halt = (await sidecar.entries()).find(({ type }) => type === 'halt')
    assert.equal(halt?.type === 'halt' && halt.data.by, 'anna')
  })

  it('freezes changes and halts one task without a mouse, by a reason that agents read', async t => {
    const { tab, link, ask, sidecar } = await scene(t)
    await tab.go(link)
    await tab.press('#freeze-all')
    await tab.tabTo('#freeze-hours')
    await tab.page.keyboard.press('ArrowDown')
    await tab.write('#freeze-because', 'The release goes out.')
    await tab.press('#freeze-go')
    assert.equal((await sidecar.status()).stops.freeze, null, 'nothing without the word that it is meant')
    await tab.tabTo('#freeze-sure')
    await tab.page.keyboard.press('Space')
    await tab.press('#freeze-go')
    await tab.reads('#stops', /FROZEN since .+ by anna, until .+: The release goes out\./)
    assert.match((await ask()).text, /frozen[\s\S]*The release goes out\./)
    const { freeze } = (await sidecar.status()).stops
    assert.equal((freeze?.untilMs ?? 0) - Date.now() > 3 * 3_600_000, true, 'the second choice: four hours')

    const [task] = (await tab.reads('#agents .buttons bdi', /^Halt task/)).match(/(?<=“).+(?=”)/) ?? []
    await tab.press('#agents .buttons button')
    await tab.reads('#halt-title', new RegExp(`^Halt task ${task}\\?$`))
    await tab.tabTo('#halt-sure')
    await tab.page.keyboard.press('Space')
    await tab.press('#halt-go')
    await tab.reads('#stops', new RegExp(`HALTED: task ${task}, since`))
    await tab.press('#halt-one-task')
    await tab.write('#halt-task', 'another-task')
    await tab.tabTo('#halt-sure')
    await tab.page.keyboard.press('Space')
    await tab.press('#halt-go')
    await tab.reads('#stops', /HALTED: task another-task, since/)
    assert.deepEqual(tab.complaints, [])
  })

  it('attack: an agent’s words reverse, hide or imitate the page', async t => {
    const { tab, link, ask } = await scene(t)
    await tab.go(link)
    await tab.reads('#connection', /answers/)
    await ask({
      note: '\u202eenod lla\u200b',
      markup: '<img src=x onerror="document.title=1"><button>Approve</button>',
      long: 'x'.repeat(5_000),
      lines: 'harmless\nagent\tmaria',
    })
    await tab.reads(`${CARD} h3`, /^coder asks/)
    await tab.press(`${CARD} summary`)
    const told = await tab.reads(`${CARD} details dl`, /U\+202E/)
    assert.match(told, /U\+200B/)
    assert.match(told, /"<img src=x onerror=/)
    assert.match(told, /5002 characters/)
    assert.match(told, /"harmless\\nagent\\tmaria"/)
    assert.equal(await tab.ask(`document.querySelectorAll('${CARD} img, ${CARD} dl button').length`), 0)
    assert.equal(await tab.ask(`document.querySelectorAll('${CARD} dd:not(:has(bdi))').length`), 0)
    assert.deepEqual(tab.complaints, [])
  })

  it('attack: the link is opened a second time, and a tab without it sees nothing', async t => {
    const { tab, link, ask } = await scene(t)
    await ask()
    await tab.go(link)
    await tab.reads(`${CARD} h3`, /coder/)
    assert.equal(await tab.ask('location.hash'), '', 'the token is not left in the address')
    const second = await OperatorTab.open(t, browser)
    await second.go(link)
    await second.reads('#connection', /good once/)
    await second.go(link.split('#')[0] as string)
    await second.reads('#connection', /not been let into the console/)
    assert.equal(await second.ask(`document.getElementById('console').hidden`), true)
    await tab.page.reload()
    await tab.reads(`${CARD} h3`, /coder/)
  })

  it('is readable and usable where it is dark, narrow, and without colour alone', async t => {
    const { tab, link, ask } = await scene(t)
    await ask()
    await tab.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }])
    await tab.page.setViewport({ width: 360, height: 700 })
    await tab.go(link)
    await tab.reads(`${CARD} h3`, /coder/)
    const looks = await tab.ask<Record<string, unknown>>(`({
      paper: getComputedStyle(document.body).backgroundColor,
      overflows: document.documentElement.scrollWidth > innerWidth,
      unnamed: [...document.querySelectorAll('input, textarea, button')].filter(each =>
        (each.labels?.length ?? 0) === 0 && each.textContent.trim() === '').length,
    })`)
    assert.deepEqual(looks, { paper: 'rgb(20, 23, 26)', overflows: false, unnamed: 0 })
    await tab.tabTo('.skip')
    const focused = await tab.ask(`getComputedStyle(document.activeElement).outlineWidth`)
    assert.equal(focused, '3px', 'the focus is seen')
    await tab.page.keyboard.press('Enter')
    assert.equal(await tab.ask('document.activeElement.id'), 'waiting-title')
  })
})
