import { existsSync } from 'node:fs'
import type { TestContext } from 'node:test'
import puppeteer, { type Browser, type Page } from 'puppeteer-core'

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
export const NO_BROWSER = existsSync(CHROMIUM) ? false : `chromium is not installed (${CHROMIUM})`

export async function launch(): Promise<Browser> {
  const root = process.getuid?.() === 0
  return puppeteer.launch({
    executablePath: CHROMIUM,
    // Chromium's own sandbox can't be made by root.
    args: ['--disable-gpu', '--disable-dev-shm-usage', ...(root ? ['--no-sandbox'] : [])],
  })
}

/** A page as a reader sees it, from the disk. */
export interface OpenedPage {
  readonly page: Page
  /** Every request but that for the page itself. */
  readonly requests: readonly string[]
  /** What the page's own policy stopped, and what its script threw. */
  readonly complaints: readonly string[]
  choose(input: string, file: string): Promise<void>
  /** The text of an element, as it is shown. */
  shown(selector: string): Promise<string>
  /** The value of an expression in the page; as text, because these sources know no browser. */
  ask<T>(expression: string): Promise<T>
}

export async function openPage(t: TestContext, browser: Browser, url: URL): Promise<OpenedPage> {
  const page = await browser.newPage()
  t.after(() => page.close())
  const requests: string[] = []
  const complaints: string[] = []
  await page.setRequestInterception(true)
  page.on('request', request => {
    if (request.url() === url.href) return void request.continue()
    requests.push(request.url())
    return void request.abort()
  })
  page.on('pageerror', error => complaints.push(error.message))
  page.on('console', message => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  await page.goto(url.href)
  return {
    page,
    requests,
    complaints,
    choose: async (input, file) => {
      const handle = await page.$(`input#${input}`)
      if (handle === null) throw new Error(`there is no ${input}`)
      await handle.uploadFile(file)
    },
    shown: selector => page.$eval(selector, element => element.textContent ?? ''),
    ask: async <T>(expression: string) => (await page.evaluate(expression)) as T,
  }
}
