import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { hex } from '../../src/canon/index.js'
import { readRunning } from '../../src/cli/addresses.js'
import { connectAdmin } from '../../src/cli/admin-client.js'
import { orderGrant } from '../../src/cli/grant-session.js'
import { readSigningKey } from '../../src/cli/keyfile.js'
import { openReceipts } from '../../src/cli/receipt-source.js'
import type { SandboxSecrets } from '../../src/cli/sandbox-secrets.js'
import { type Stage, type StageChoices, setStage } from '../../src/cli/stage.js'
import { nativeCrypto } from '../../src/native/index.js'
import type { Slot } from '../../src/protocol/index.js'
import {
  type AttemptBody,
  decodeEntry,
  type Entry,
  leafHash,
  type OutcomeBody,
} from '../../src/receipt/index.js'

/** This program as it is started. */
export const MAIN = fileURLToPath(new URL('../../bin/main.js', import.meta.url))

/** One entry of the ledger with the hash that the receipt's header has to show. */
export interface Recorded {
  readonly entry: Entry
  readonly leaf: string
}

export type Attempt = Entry & AttemptBody
export type Outcome = Entry & OutcomeBody

export interface Issued {
  readonly token: string
  readonly jti: string
  /** Of the slot `aws-sigv4` only. */
  readonly secret?: string
}

export interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** A sidecar as real processes with its sandbox clouds, and what a test asks of it. */
export interface Sidecar extends Stage {
  /** `http://127.0.0.1:PORT`. */
  readonly gate: string
  /** Host and port of the listener that Stripe's SDK is given. */
  readonly stripe: { readonly host: string; readonly port: string; readonly protocol: 'http' }
  readonly cloud: { readonly railway: string; readonly stripe: string; readonly billing: string }
  readonly secrets: SandboxSecrets
  /** A grant with a task of its own, ordered under the enrol key. */
  grant(choices?: { readonly agent?: string; readonly slot?: Slot; readonly task?: string }): Promise<Issued>
  revoke(jti: string): Promise<void>
  /** Every entry that was durable when this was called. */
  ledger(): Promise<readonly Recorded[]>
  /** What `act` left in the ledger, and what it returned. */
  during<T>(act: () => Promise<T>): Promise<{ readonly value: T; readonly attempts: readonly Attempt[] }>
  /** One command line of this program as a process of its own; `--config` is added. */
  command(argv: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended>
  /** Asks the Railway stand-in itself, with the operator's token. */
  askRailway<T>(query: string): Promise<T>
}

export async function startSidecar(choices: StageChoices = {}): Promise<Sidecar> {
  const stage = await setStage(choices)
  const { loaded, folder } = stage
  const addresses = readRunning(loaded)
  const admin = connectAdmin(loaded.path(loaded.config.keeper.admin))
  const enrolKey = readSigningKey(loaded.path('trust/keys/enrol.jwk'))
  const stripe = new URL(addresses.ports.stripe ?? '')
  const { sandbox } = loaded.config
  assert.ok(sandbox)
  const cloud = {
    railway: `http://${sandbox.railway}`,
    stripe: `http://${sandbox.stripe}`,
    billing: `http://${sandbox.billing}`,
  }
  const secrets = JSON.parse(readFileSync(join(folder, 'sandbox', 'secrets.json'), 'utf8')) as SandboxSecrets

  async function ledger(from = 0): Promise<readonly Recorded[]> {
    const source = await openReceipts(undefined, loaded.file)
    try {
      const recorded: Recorded[] = []
      for await (const bytes of source.entries(from)) {
        recorded.push({ entry: decodeEntry(bytes), leaf: hex(leafHash(nativeCrypto, bytes)) })
      }
      return recorded
    } finally {
      await source.close()
    }
  }

  return {
    ...stage,
    gate: addresses.main,
    stripe: { host: stripe.hostname, port: stripe.port, protocol: 'http' },
    cloud,
    secrets,
    grant: ({ agent = 'coder', slot = 'bearer', task = `task-${randomUUID().slice(0, 8)}` } = {}) =>
      orderGrant(admin, enrolKey, loaded, {
        agent,
        environment: 'staging',
        task,
        owner: 'maria',
        slot,
        ttlSeconds: 600,
      }),
    revoke: async jti => {
      await admin.post(`/v1/grants/${jti}/revoke`)
    },
    ledger,
    during: async act => {
      const before = (await ledger()).length
      const value = await act()
      return { value, attempts: attemptsOf(await ledger(before)) }
    },
    command: (argv, env = {}) => runCountersign([...argv, '--config', loaded.file], folder, env),
    askRailway: async query => {
      const answer = await fetch(`${cloud.railway}/graphql/v2`, {
        method: 'POST',
        headers: { authorization: `Bearer ${secrets.railwayToken}`, 'content-type': 'application/json' },
        body: JSON.stringify({ query }),
      })
      return ((await answer.json()) as { data: never }).data
    },
    strike: async () => {
      await admin.close()
      await stage.strike()
    },
  }
}

export function attemptsOf(recorded: readonly Recorded[]): readonly Attempt[] {
  return recorded.map(({ entry }) => entry).filter(entry => entry.type === 'attempt')
}

/** The outcome that closes an attempt; the ledger writes it after the agent has its answer. */
export async function outcomeOf(sidecar: Sidecar, attempt: Attempt): Promise<Outcome> {
  const deadline = Date.now() + 10_000
  for (;;) {
    const outcomes = (await sidecar.ledger())
      .map(({ entry }) => entry)
      .filter(entry => entry.type === 'outcome')
    const found = outcomes.filter(entry => entry.attempt === attempt.seq)
    assert.ok(found.length <= 1, 'an attempt has one outcome')
    if (found[0] !== undefined) return found[0]
    assert.ok(Date.now() < deadline, `attempt ${attempt.seq} has no outcome`)
  }
}

/** The only attempt of one call. */
export function single(attempts: readonly Attempt[]): Attempt {
  assert.equal(attempts.length, 1, `one call is one attempt, not ${attempts.length}`)
  return attempts[0] as Attempt
}

/** One command line of this program as a process of its own. */
export function runCountersign(
  argv: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return run(process.execPath, [MAIN, ...argv], cwd, env)
}

/** Runs a program to its end with exactly this environment beside PATH and HOME. */
export async function run(
  program: string,
  argv: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const child = spawn(program, argv, {
    cwd,
    env: { PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}`, HOME: cwd, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => resolve(code ?? -1))
  })
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { code, out, err }
}
