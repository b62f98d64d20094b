import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { type CountersignError, equalBytes, keyIdOf, type RemoteKey } from '../../canon/index.js'
import type { Log } from '../../keeper/index.js'
import { nativeCrypto } from '../../native/index.js'
import { cliFault } from '../error-table.js'
import {
  MAX_LINE_BYTES,
  plain,
  readAnswer,
  requestLine,
  type SignerAnswer,
  type SignerRequest,
  type SignerSpec,
} from './protocol.js'

export interface SignerTimes {
  /** Longest wait for the first answer of a process. */
  readonly startMs: number
  /** Longest wait for signatures; the process is ended then. */
  readonly answerMs: number
  /** Before the first restart; doubled for each that follows. */
  readonly firstRestartMs: number
  readonly longestRestartMs: number
}

const TIMES: SignerTimes = { startMs: 10_000, answerMs: 5_000, firstRestartMs: 100, longestRestartMs: 10_000 }
/** A process that ran this long starts over with the shortest delay. */
const STABLE_MS = 30_000
const GRACE_MS = 2_000

type Child = ChildProcessByStdio<Writable, Readable, Readable>

interface Asked {
  readonly resolve: (answer: SignerAnswer) => void
  readonly reject: (fault: CountersignError) => void
  readonly timer: NodeJS.Timeout
}

/**
 * A key that another process holds: started with us, asked over its standard input and output, and started again with
 * a growing delay when it ends, hangs, says that it can't sign, or signs wrongly. In between nothing is signed.
 */
export class SignerProcess implements RemoteKey {
  readonly keyid: string
  readonly publicKey: Uint8Array
  private readonly line: SignerLine
  private readonly name: string
  private readonly log: Log
  private readonly times: SignerTimes
  private up = true
  private ended = false
  private startedAt = Date.now()
  private delayMs: number
  private timer: NodeJS.Timeout | undefined

  private constructor(name: string, line: SignerLine, publicKey: Uint8Array, log: Log, times: SignerTimes) {
    this.name = name
    this.line = line
    this.publicKey = publicKey
    this.keyid = keyIdOf(publicKey)
    this.log = log
    this.times = times
    this.delayMs = times.firstRestartMs
    line.onGone = why => this.lose(why)
  }

  /** Starts the process and asks which key it holds. Throws `signer_failed`. */
  static async start(
    name: string,
    spec: SignerSpec,
    log: Log,
    times: Partial<SignerTimes> = {},
  ): Promise<SignerProcess> {
    const all = { ...TIMES, ...times }
    const line = new SignerLine(name, spec, log)
    const publicKey = await line.open(all.startMs)
    return new SignerProcess(name, line, publicKey, log, all)
  }

  available(): boolean {
    return this.up
  }

  /** Rejects with `signer_failed`, at once while the process is not there. */
  async signAll(messages: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    if (!this.up) throw cliFault('signer_failed', `${this.name}: it is not running`)
    const answer = await this.line.ask({ op: 'sign', messages }, this.times.answerMs)
    const signatures = answer.kind === 'signatures' ? answer.signatures : []
    // ATTACK: a token that was made to err, whose wrong signature would give its key away or fill the log with garbage.
    const good =
      signatures.length === messages.length &&
      signatures.every((each, i) => nativeCrypto.verify(this.publicKey, messages[i] as Uint8Array, each))
    if (good) return signatures
    const why = answer.kind === 'error' ? answer.error : 'its signatures do not verify'
    this.line.end(why)
    throw cliFault('signer_failed', `${this.name}: ${why}`)
  }

  /** Ends the process, and starts none any more. */
  async close(): Promise<void> {
    this.ended = true
    this.up = false
    clearTimeout(this.timer)
    await this.line.close()
  }

  private lose(why: string): void {
    if (this.ended || !this.up) return
    this.up = false
    this.log.error({ code: 'signer_failed', signer: this.name }, `a signer is gone: ${why}`)
    if (Date.now() - this.startedAt > STABLE_MS) this.delayMs = this.times.firstRestartMs
    this.restartLater()
  }

  private restartLater(): void {
    const pauseMs = this.delayMs
    this.delayMs = Math.min(pauseMs * 2, this.times.longestRestartMs)
    this.timer = setTimeout(() => void this.restart(), pauseMs)
    this.timer.unref()
  }

  private async restart(): Promise<void> {
    try {
      const publicKey = await this.line.open(this.times.startMs)
      // ATTACK: another token in the reader. Its signatures would be by a key that nobody enrolled.
      if (!equalBytes(publicKey, this.publicKey)) {
        this.line.end('it holds another key now')
        throw cliFault('signer_failed', `${this.name}: it holds another key now`)
      }
    } catch (error) {
      if (this.ended) return
      this.log.error({ code: 'signer_failed', signer: this.name }, (error as Error).message)
      this.restartLater()
      return
    }
    if (this.ended) return
    this.startedAt = Date.now()
    this.up = true
    this.log.info({ signer: this.name }, 'a signer is back')
  }
}

/** The questions and answers of one process after the other. */
class SignerLine {
  onGone: (why: string) => void = () => undefined
  private readonly name: string
  private readonly spec: SignerSpec
  private readonly log: Log
  private readonly asked = new Map<number, Asked>()
  private child: Child | undefined
  private rest = ''
  private nextId = 1

  constructor(name: string, spec: SignerSpec, log: Log) {
    this.name = name
    this.spec = spec
    this.log = log
  }

  /** Starts a process; answers the key that it holds. */
  async open(startMs: number): Promise<Uint8Array> {
    const child = this.spawn()
    this.child = child
    this.rest = ''
    child.once('error', error => this.lose(child, String((error as NodeJS.ErrnoException).code)))
    child.once('close', (code, signal) => this.lose(child, signal ?? `exit ${code}`))
    child.stdin.on('error', () => this.lose(child, 'it reads no more'))
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.read(child, text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n').filter(each => each.trim() !== ''))
        this.log.warn({ signer: this.name }, `signer: ${plain(line)}`)
    })
    const answer = await this.ask({ op: 'public-key' }, startMs)
    if (answer.kind === 'public-key') return answer.publicKey
    const why = answer.kind === 'error' ? answer.error : 'it named no key'
    this.end(why)
    throw cliFault('signer_failed', `${this.name}: ${why}`)
  }

  ask(request: SignerRequest, patienceMs: number): Promise<SignerAnswer> {
    const { child } = this
    return new Promise((resolve, reject) => {
      if (child === undefined) return reject(cliFault('signer_failed', `${this.name}: it is not running`))
      const id = this.nextId++
      const timer = setTimeout(() => this.end(`no answer within ${patienceMs} ms`), patienceMs)
      this.asked.set(id, { resolve, reject, timer })
      child.stdin.write(requestLine(id, request))
    })
  }

  /** This process is of no use any more. */
  end(why: string): void {
    const { child } = this
    if (child === undefined) return
    child.kill('SIGKILL')
    this.lose(child, why)
  }

  async close(): Promise<void> {
    const { child } = this
    if (child === undefined) return
    const gone = new Promise<void>(resolve => child.once('close', () => resolve()))
    child.stdin.end()
    const killer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS)
    await gone
    clearTimeout(killer)
  }

  /** In a group of its own: a Ctrl-C at the terminal is for the sidecar, which still has to sign its last entries. */
  private spawn(): Child {
    const [program = '', ...args] = this.spec.command
    return spawn(program, args, {
      cwd: this.spec.folder,
      env: this.spec.env,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    })
  }

  private lose(child: Child, why: string): void {
    if (this.child !== child) return
    this.child = undefined
    for (const [id, { reject, timer }] of this.asked) {
      clearTimeout(timer)
      this.asked.delete(id)
      reject(cliFault('signer_failed', `${this.name}: ${why}`))
    }
    this.onGone(why)
  }

  private read(child: Child, text: string): void {
    if (this.child !== child) return
    const lines = (this.rest + text).split('\n')
    this.rest = lines.pop() as string
    for (const line of lines) this.answer(line)
    if (this.rest.length > MAX_LINE_BYTES) this.end('it writes lines without an end')
  }

  private answer(line: string): void {
    const answer = readAnswer(line)
    const asked = answer === null ? undefined : this.asked.get(answer.id)
    if (answer === null || asked === undefined) {
      this.end('it answers what was not asked')
      return
    }
    clearTimeout(asked.timer)
    this.asked.delete(answer.id)
    asked.resolve(answer)
  }
}
