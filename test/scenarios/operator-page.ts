import { spawn } from 'node:child_process'
import process from 'node:process'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Browser, CDPSession, Page } from 'puppeteer-core'

const MAIN = fileURLToPath(new URL('../../bin/main.js', import.meta.url))

/** `countersign console …` as an operator runs it, on a port that the system picks unless told; answers its one-time link. The test ends it. */
export async function startConsole(
  t: Pick<TestContext, 'after'>,
  ...argv: readonly string[]
): Promise<string> {
  const { link, stop } = await openConsole(...argv)
  t.after(stop)
  return link
}

async function openConsole(
  ...argv: readonly string[]
): Promise<{ readonly link: string; readonly stop: () => Promise<void> }> {
  const listen = argv.includes('--listen') ? [] : ['--listen', '127.0.0.1:0']
  const child = spawn(process.execPath, [MAIN, 'console', '--json', ...listen, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const stop = () =>
    new Promise<void>(resolve => {
      if (child.exitCode !== null) return resolve()
      child.once('exit', () => resolve())
      child.kill('SIGTERM')
    })
  const link = await new Promise<string>((resolve, reject) => {
    let printed = ''
    const take = (chunk: Buffer) => {
      printed += chunk
      const found = /"link": "(\S+)"/.exec(printed)?.[1]
      if (found !== undefined) resolve(found)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.once('exit', () => reject(new Error(printed)))
  })
  return { link, stop }
}

/** A tab whose person has an authenticator, and who uses the keyboard alone. */
export class OperatorTab {
  readonly page: Page
  /** What the page's own policy stopped, and what its script threw. */
  readonly complaints: string[] = []
  private readonly devtools: CDPSession
  private readonly authenticator: string

  private constructor(page: Page, devtools: CDPSession, authenticator: string) {
    this.page = page
    this.devtools = devtools
    this.authenticator = authenticator
    page.on('pageerror', error => this.complaints.push((error as Error).message))
    page.on('console', message => {
      if (message.type() === 'error') this.complaints.push(message.text())
    })
  }

  static async open(t: Pick<TestContext, 'after'>, browser: Browser): Promise<OperatorTab> {
    const page = await browser.newPage()
    t.after(() => page.close())
    await page.setViewport({ width: 1_100, height: 900 })
    const devtools = await page.createCDPSession()
    await devtools.send('WebAuthn.enable')
    const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    })
    return new OperatorTab(page, devtools, authenticatorId)
  }

  /** Whether the person proves who they are when the authenticator asks. */
  async prove(isUserVerified: boolean): Promise<void> {
    const { authenticator: authenticatorId } = this
    await this.devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified })
  }

  async go(link: string): Promise<void> {
    // The fragment of a page that is open already would only scroll.
    await this.page.goto('about:blank')
    await this.page.goto(link)
  }

  /** Presses Tab until the element has the focus, as whoever has no mouse does; the page may still have to show it. */
  async tabTo(selector: string): Promise<void> {
    const shown = `document.querySelector(${JSON.stringify(selector)})?.checkVisibility() === true`
    await this.page.waitForFunction(shown, { polling: 50, timeout: 30_000 })
    const found = `document.activeElement?.matches(${JSON.stringify(selector)}) === true`
    for (let presses = 0; presses < 80; presses++) {
      if (await this.page.evaluate(found)) return
      await this.page.keyboard.press('Tab')
    }
    throw new Error(`the keyboard doesn’t get to ${selector}`)
  }

  async press(selector: string): Promise<void> {
    await this.tabTo(selector)
    await this.page.keyboard.press('Enter')
  }

  async write(selector: string, text: string): Promise<void> {
    await this.tabTo(selector)
    await this.page.keyboard.type(text)
  }

  /** Resolves with an element's text, or a field's value, once it matches. */
  async reads(selector: string, wanted: RegExp): Promise<string> {
    const text = `(() => { const e = document.querySelector(${JSON.stringify(selector)}); return e?.value ?? e?.textContent ?? '' })()`
    try {
      await this.page.waitForFunction(`${wanted}.test(${text})`, { polling: 50, timeout: 30_000 })
    } catch {
      throw new Error(`${selector} doesn’t come to say ${wanted}, but: ${await this.page.evaluate(text)}`)
    }
    return (await this.page.evaluate(text)) as string
  }

  async ask<T>(expression: string): Promise<T> {
    return (await this.page.evaluate(expression)) as T
  }
}

/** A passkey that was made in the page of `console --register`, and where its console has to listen. */
export interface Registered {
  /** Names it in a policy. */
  readonly line: string
  /** `127.0.0.1:PORT` */
  readonly listen: string
}

export async function registerPasskey(tab: OperatorTab, name: string): Promise<Registered> {
  const { link, stop } = await openConsole('--register')
  await tab.go(link)
  await tab.reads('#connection', /no keeper is asked/)
  await tab.write('#registration-name', `${name}@acme.test`)
  await tab.page.keyboard.press('Enter')
  await tab.reads('#registration-error', /A policy has no approver of this name/)
  for (const _ of '@acme.test') await tab.page.keyboard.press('Backspace')
  await tab.page.keyboard.press('Enter')
  const line = await tab.reads('#registration-line', /passkey/)
  await tab.page.goto('about:blank')
  await stop()
  return { line, listen: `127.0.0.1:${new URL(link).port}` }
}
