import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, test } from 'node:test'
import type { Browser } from 'puppeteer-core'
import { verifierPage } from '../../scripts/verifier/build.js'
import { fromUtf8, utf8 } from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import {
  type Bundle,
  cosign,
  encodeBundle,
  formatVerifierKey,
  parseCheckpoint,
  settledNote,
  signatureLine,
} from '../../src/receipt/index.js'
import { keyNamed } from '../policy/trust-fixture.js'
import { hostile, Incident } from '../receipt/bundle-fixture.js'
import { launch, NO_BROWSER, openPage } from './browser.js'

const isHidden = (id: string) => `document.getElementById('${id}').hidden`
const dropping = (id: string, text: string) => `{
  const dataTransfer = new DataTransfer()
  dataTransfer.items.add(new File([${JSON.stringify(text)}], 'dropped.json'))
  const drop = new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true })
  document.getElementById('${id}').dispatchEvent(drop)
}`
const FOCUSED = 'document.activeElement.id'

/** What its own policy has to stop, tried in the page. The debugger itself may evaluate, so that is left to a callback. */
const MISCHIEF = `(async () => {
  const outcome = async act => {
    try {
      await act()
      return 'passed'
    } catch (error) {
      return error.name
    }
  }
  const script = document.createElement('script')
  const answers = [
    await outcome(() => fetch('https://example.com/')),
    await new Promise(done => setTimeout(async () => done(await outcome(() => new Function('return 1')())))),
    await outcome(() => { document.body.innerHTML = '<p>x</p>' }),
    await outcome(() => { script.text = 'globalThis.pwned = 1' }),
  ]
  script.append('globalThis.pwned = 1')
  document.body.append(script)
  const image = document.createElement('img')
  const stopped = new Promise(done => document.addEventListener('securitypolicyviolation', done, { once: true }))
  image.src = 'https://example.com/x.png'
  document.body.append(image)
  await stopped
  return [...answers, globalThis.pwned ?? 'nothing ran']
})()`
const PAGE = new URL('../../../docs/verify.html', import.meta.url)

test('docs/verify.html is what `npm run verifier` makes of the sources', async () => {
  assert.ok(
    readFileSync(PAGE, 'utf8') === (await verifierPage()),
    'run `npm run verifier` and commit the page',
  )
})

describe('the page that verifies bundles', { skip: NO_BROWSER }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-page-'))
  const incident = new Incident().tell()
  let browser: Browser
  let good: Bundle

  const file = (name: string, content: Uint8Array | string): string => {
    const path = join(folder, name)
    writeFileSync(path, content)
    return path
  }
  const rootText = `[${incident.trust().chain.map(fromUtf8).join(',')}]`
  const rootFile = () => file('root.json', rootText)

  before(async () => {
    browser = await launch()
    good = await incident.bundle({
      disclosures: [
        incident.disclosure('body'),
        incident.disclosure('inputs'),
        incident.disclosure('target'),
      ],
    })
  })
  after(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true })
  })

  it('says what a good bundle proves and what it doesn’t, and tells its story', async t => {
    const { page, shown, choose, ask, requests, complaints } = await openPage(t, browser, PAGE)
    assert.equal(await ask(isHidden('verdict')), true)
    await choose('trust-file', rootFile())
    await choose('bundle-file', file('incident.json', encodeBundle(good)))
    await page.waitForSelector('#verdict:not([hidden])')
    assert.equal(await shown('#verdict-title'), 'Sound, by your own trust root')
    assert.equal(await shown('#findings'), '')
    assert.match(
      await shown('#proven'),
      /These 7 entries stand in the log acme\.test\/countersign\/edge\/1 at 11 entries/,
    )
    assert.match(await shown('#unproven'), /nothing else happened/)
    assert.match(await shown('#evidence'), /acme version 7, sha256:[0-9a-f]{64}, sealed under version 1/)
    const steps = await page.$$eval('#timeline > li', items => items.map(item => item.textContent ?? ''))
    assert.equal(steps.length, 6)
    const told = steps.find(step => step.includes('admitted')) ?? ''
    for (const part of [
      'environmentstaging',
      'taskCS-17',
      'ownermaria',
      'grantg-1',
      'classupdate',
      'resourceservice s-1',
      'Work is done in staging.',
      'completed, HTTP 200, 17 ms',
      'value of target',
      'SHA-256 ',
    ])
      assert.ok(told.includes(part), `${part} in ${told}`)
    assert.ok(steps.some(step => step.includes('refused with code denied_by_rule')))
    assert.deepEqual([requests, complaints], [[], []])
  })

  it('attack: after a good bundle, one of more entries than a page can show leaves nothing of the good one’s story', async t => {
    const { page, shown, choose, complaints } = await openPage(t, browser, PAGE)
    await choose('bundle-file', file('incident.json', encodeBundle(good)))
    await page.waitForSelector('#verdict:not([hidden])')
    const entries = Array.from({ length: 200_000 }, (_, seq) => ({ seq, entry: '{}', proof: [] }))
    await choose('bundle-file', file('many.json', encodeBundle({ ...good, entries })))
    await page.waitForFunction("document.getElementById('verdict-title').className === 'bad'")
    const steps = await page.$$eval('#timeline > li', items => items.map(item => item.textContent ?? ''))
    assert.deepEqual([steps.length, steps.some(step => step.includes('value of target'))], [2_000, false])
    assert.match(await shown('#story-note'), /198000 are not/)
    assert.deepEqual(complaints, [])
  })

  it('takes a dropped bundle, and without a trust root of the reader’s own says that nothing shows where it is from', async t => {
    const { shown, ask, page } = await openPage(t, browser, PAGE)
    await ask(dropping('bundle-drop', fromUtf8(encodeBundle(good))))
    await page.waitForSelector('#verdict:not([hidden])')
    assert.match(await shown('#verdict-title'), /nothing says where it is from/)
    assert.match(await shown('#unproven'), /Who made this/)
    assert.equal(await page.$eval('#verdict-title', element => element.className), 'half')
  })

  it('attack: a bundle with one byte changed is shown in red, and none of it as true', async t => {
    const { shown, choose, page, ask } = await openPage(t, browser, PAGE)
    const bytes = Buffer.from(encodeBundle(good))
    const at = bytes.indexOf('payload', bytes.indexOf('"entries"')) + 200
    bytes[at] = (bytes[at] as number) ^ 1
    await choose('trust-file', rootFile())
    await choose('bundle-file', file('changed.json', bytes))
    await page.waitForSelector('#verdict:not([hidden])')
    assert.match(await shown('#verdict-title'), /^Not sound: \d+ finding/)
    assert.match(await shown('#findings'), /entry 0/)
    assert.match(await shown('#proven'), /^Nothing/)
    assert.match(await shown('#story-note'), /none of it is shown to be true/)
    const red = await ask("getComputedStyle(document.querySelector('#findings li')).color")
    assert.equal(red, 'rgb(179, 24, 28)')
    await choose('bundle-file', file('cut.json', bytes.subarray(0, 100)))
    await page.waitForFunction("document.querySelector('#findings').textContent.includes('not a bundle')")
    assert.equal(await ask(isHidden('story')), true)
  })

  it('attack: names with markup, scripts and hidden characters are text, and what hides in them is shown', async t => {
    const { page, shown, choose, ask, requests, complaints } = await openPage(t, browser, PAGE)
    const story = hostile()
    await choose('trust-file', rootFile())
    await choose(
      'bundle-file',
      file('<img src=x onerror=alert(1)>\u202e.json', encodeBundle(await story.bundle())),
    )
    await page.waitForSelector('#verdict:not([hidden])')
    assert.equal(await shown('#verdict-title'), 'Sound, by your own trust root')
    assert.equal(await page.$$eval('img, iframe, svg, a, object, base, link', found => found.length), 0)
    assert.equal(await page.$$eval('script, style', found => found.length), 2)
    assert.equal(await ask('globalThis.pwned'), undefined)
    const timeline = await shown('#timeline')
    assert.match(timeline, /<img src=x onerror=pwned=1>/)
    for (const code of ['U+202E', 'U+200B', 'U+0000', 'U+001B', 'U+2066', 'U+00A0', 'U+3164'])
      assert.ok(timeline.includes(code), code)
    for (const hidden of '\u0000\u001b\u202e\u200b\u2066\u00a0\u3164')
      assert.ok(!timeline.includes(hidden), hidden.codePointAt(0)?.toString(16))
    assert.match(await shown('#bundle-state'), /^<img src=x onerror=alert\(1\)>U\+202E\.json, /)
    assert.deepEqual([requests, complaints], [[], []])
  })

  it('takes a pasted trust root, a pin and a witness policy, and says what is wrong with them', async t => {
    const { page, shown, choose, ask } = await openPage(t, browser, PAGE)
    const signer = keyNamed('witness')
    const key = { name: 'witness.example/w1', use: 'witness', publicKey: signer.publicKey } as const
    const { body } = parseCheckpoint(utf8(good.checkpoint))
    const line = signatureLine(cosign(nativeCrypto, body, key.name, signer, 1_790_000_123))
    await choose(
      'bundle-file',
      file('seen.json', encodeBundle({ ...good, checkpoint: settledNote(good.checkpoint + line) })),
    )
    const type = (field: string, text: string) =>
      page.$eval(
        `#${field}`,
        (element, value) => {
          ;(element as unknown as { value: string }).value = value
          element.dispatchEvent(new Event('input'))
        },
        text,
      )
    await page.waitForSelector('#verdict:not([hidden])')
    await type('trust-text', rootText)
    assert.match(await shown('#findings'), /witness\.example\/w1: name its key in a witness policy/)
    await type('witness-text', `witness W ${formatVerifierKey(nativeCrypto, key)}\nquorum W\n`)
    assert.match(await shown('#verdict-title'), /^Sound/)
    assert.match(await shown('#proven'), /had seen that log by 2026-09-21T/)
    await type('trust-pin', `sha256:${'ab'.repeat(32)}`)
    assert.match(await shown('#findings'), /its trust root is not the one that you hold/)
    await type('trust-pin', '')
    await type('trust-text', '[{]')
    assert.equal(await ask(isHidden('verdict')), true)
    assert.match(await shown('#trust-state.wrong'), /not JSON/)
    await type('trust-text', '')
    await type('witness-text', 'quorum')
    assert.match(await shown('#witness-state.wrong'), /line 1/)
  })

  it('attack: its own policy forbids connections, scripts, styles and text that becomes markup', async t => {
    const { ask } = await openPage(t, browser, PAGE)
    const tried = await ask(MISCHIEF)
    assert.deepEqual(tried, ['TypeError', 'EvalError', 'TypeError', 'TypeError', 'nothing ran'])
  })

  it('works with the keyboard alone, on a phone, and in the dark', async t => {
    const { page, choose, ask } = await openPage(t, browser, PAGE)
    await page.setViewport({ width: 360, height: 740 })
    await choose('trust-file', rootFile())
    await choose('bundle-file', file('incident.json', encodeBundle(good)))
    await page.waitForSelector('#verdict:not([hidden])')
    await page.waitForFunction(`${FOCUSED} === 'verdict-title'`)
    assert.ok((await ask<number>('document.documentElement.scrollWidth')) <= 360)
    const details = () => ask("document.activeElement.parentElement.hasAttribute('open')")
    await page.keyboard.press('Tab')
    assert.equal(await ask('document.activeElement.tagName'), 'SUMMARY')
    const open = await details()
    await page.keyboard.press('Enter')
    assert.equal(await details(), !open)
    await ask('document.activeElement.blur()')
    const order: unknown[] = []
    await page.focus('#bundle-file')
    for (let i = 0; i < 5; i++) {
      await page.keyboard.press('Tab')
      order.push(await ask(FOCUSED))
    }
    assert.deepEqual(order, ['trust-file', 'trust-text', 'trust-pin', 'witness-file', 'witness-text'])
    const unlabelled =
      "[...document.querySelectorAll('input, textarea')].filter(each => each.labels.length === 0).length"
    assert.equal(await ask(unlabelled), 0)
    const paper = () => ask('getComputedStyle(document.body).backgroundColor')
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }])
    assert.equal(await paper(), 'rgb(20, 23, 26)')
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }])
    assert.equal(await paper(), 'rgb(255, 255, 255)')
  })
})
