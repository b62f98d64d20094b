import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { utf8 } from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import {
  formatVerifierKey,
  logKey,
  type NoteKey,
  parseCheckpoint,
  parseLogList,
  type SignedCheckpoint,
} from '../../src/receipt/index.js'
import {
  contradictionsIn,
  MemoryFile,
  makeMemory,
  serveWitness,
  Witness,
  type WitnessServer,
} from '../../src/witness/index.js'
import { type ALog, newKey } from './a-log.js'

export interface Answer {
  readonly status: number
  readonly type: string
  readonly text: string
}

/** A witness in a folder, which starts, stops and starts again, and whose files the test may touch. */
export class AWitness {
  readonly folder: string
  readonly key = newKey()
  readonly name: string
  readonly logged: { readonly level: string; readonly facts: object; readonly sentence: string }[] = []
  /** Unix milliseconds. */
  now = 1_790_000_000_000
  server: WitnessServer | null = null
  memory: MemoryFile | null = null
  private readonly list: string[] = []

  private constructor(folder: string, name: string) {
    this.folder = folder
    this.name = name
  }

  /** Knows these logs; its memory is made and nothing runs. */
  static async build(t: TestContext, logs: readonly ALog[], name = 'witness.test/w1'): Promise<AWitness> {
    const witness = new AWitness(await mkdtemp(join(tmpdir(), 'witness-')), name)
    for (const log of logs) witness.know(log)
    await makeMemory({ ...witness.place, witness: witness.verifierKey, crypto: nativeCrypto })
    t.after(async () => {
      await witness.stop()
      await rm(witness.folder, { recursive: true, force: true })
    })
    return witness
  }

  static async start(t: TestContext, logs: readonly ALog[], name?: string): Promise<AWitness> {
    const witness = await AWitness.build(t, logs, name)
    await witness.start()
    return witness
  }

  get place() {
    return { file: join(this.folder, 'memory', 'memory.json'), mark: join(this.folder, 'mark', 'mark.json') }
  }

  get identity(): NoteKey {
    return { name: this.name, use: 'witness', publicKey: this.key.publicKey }
  }

  get verifierKey(): string {
    return formatVerifierKey(nativeCrypto, this.identity)
  }

  get url(): string {
    return this.server?.url ?? ''
  }

  know({ origin, key }: ALog): void {
    this.list.push(`log ${formatVerifierKey(nativeCrypto, logKey(origin, key.publicKey))}`)
  }

  async start(
    options: { readonly prefix?: string; readonly port?: number; readonly maxConnections?: number } = {},
  ): Promise<void> {
    const note = (level: string) => (facts: object, sentence: string) => {
      this.logged.push({ level, facts, sentence })
    }
    const log = { info: note('info'), warn: note('warn'), error: note('error') }
    const memory = await MemoryFile.open({
      ...this.place,
      witness: this.verifierKey,
      crypto: nativeCrypto,
    })
    const witness = new Witness({
      crypto: nativeCrypto,
      name: this.name,
      key: this.key,
      logs: parseLogList(nativeCrypto, utf8(`${this.list.join('\n')}\n`)),
      memory,
      clock: () => this.now,
      log,
      keepContradiction: contradictionsIn(join(this.folder, 'contradictions')),
    })
    this.memory = memory
    this.server = await serveWitness({
      witness,
      isHealthy: () => !memory.halted,
      host: '127.0.0.1',
      port: options.port ?? 0,
      prefix: options.prefix ?? '',
      tls: null,
      log,
      ...(options.maxConnections === undefined ? {} : { maxConnections: options.maxConnections }),
    })
  }

  async stop(): Promise<void> {
    await this.server?.close()
    await this.memory?.close()
    this.server = null
    this.memory = null
  }

  /** As a process that is killed: nothing more is written. */
  async crash(): Promise<void> {
    await this.server?.close()
    this.server = null
    this.memory = null
  }

  async add(body: string | Uint8Array): Promise<Answer> {
    return answerOf(
      await fetch(`${this.url}/add-checkpoint`, { method: 'POST', body: Buffer.from(body as string) }),
    )
  }

  async newest(origin: string): Promise<Answer> {
    const hash = createHash('sha256').update(origin).digest('hex')
    return answerOf(await fetch(`${this.url}/${hash}/checkpoint`))
  }

  contradictions(): Promise<readonly string[]> {
    return readdir(join(this.folder, 'contradictions')).catch(() => [])
  }
}

/** The checkpoint with what the witness answered, as a client may put it together. */
export function withLines(note: string, lines: string): SignedCheckpoint {
  return parseCheckpoint(utf8(`${note}${lines}`))
}

async function answerOf(response: Response): Promise<Answer> {
  return {
    status: response.status,
    type: response.headers.get('content-type') ?? '',
    text: await response.text(),
  }
}
