import { base64, type Crypto, fromUtf8 } from '../canon/index.js'
import { isCheckpointSignedBy, type SignedCheckpoint } from './checkpoint.js'
import { cosignedAt } from './cosignature.js'
import { receiptFault } from './error-table.js'
import { type NoteKey, parseVerifierKey } from './note.js'

/**
 * Which logs and witnesses somebody trusts, and how many of these have to have seen a checkpoint
 * (https://c2sp.org/tlog-policy):
 *
 *     log acme.dev/countersign/edge/1+1a2b3c4d+AQ…
 *     witness W1 witness.example/w1+5e6f7a8b+BA… https://witness.example/
 *     witness W2 …
 *     group both 2 W1 W2
 *     quorum both
 */
export interface WitnessPolicy {
  readonly logs: readonly LocatedKey[]
  readonly witnesses: ReadonlyMap<string, LocatedKey>
  readonly groups: ReadonlyMap<string, WitnessGroup>
  /** Name of a witness or a group; null for `none`. */
  readonly quorum: string | null
}

export interface LocatedKey {
  readonly key: NoteKey
  readonly url: string | null
}

export interface WitnessGroup {
  readonly needed: number
  readonly members: readonly string[]
}

const MAX_POLICY_BYTES = 1_000_000

/** Parses a policy file; throws `witness_policy_malformed` with the line. */
export function parseWitnessPolicy(crypto: Pick<Crypto, 'sha256'>, bytes: Uint8Array): WitnessPolicy {
  const reader = new PolicyReader(crypto)
  const lines = policyText(bytes).split('\n')
  for (const [at, line] of lines.entries()) reader.read(line, at + 1)
  return reader.finish(lines.length)
}

/**
 * The logs that a witness knows: the `log` lines of a policy file, whose other lines are checked and not used. Unlike
 * in a policy, one key may stand under several origins, since each epoch of a log is an origin of its own, and one
 * origin may have several keys. Throws `witness_policy_malformed` with the line.
 */
export function parseLogList(crypto: Pick<Crypto, 'sha256'>, bytes: Uint8Array): readonly LocatedKey[] {
  const reader = new PolicyReader(crypto, logKey => `${logKey.name} ${base64(logKey.publicKey)}`)
  for (const [at, line] of policyText(bytes).split('\n').entries()) reader.read(line, at + 1)
  return reader.listedLogs
}

/** How far the clocks of keepers and witnesses may be apart. */
export const CLOCKS_MS = 600_000

/**
 * Since when a checkpoint has been witnessed as the policy asks, in Unix seconds: the time at which the last of the
 * quorum had seen it, the earliest there is; null where the quorum isn't met. `none` is met at time 0.
 */
export function witnessedAt(
  crypto: Pick<Crypto, 'sha256' | 'verify'>,
  policy: WitnessPolicy,
  checkpoint: SignedCheckpoint,
): number | null {
  if (policy.quorum === null) return 0
  const timeOf = (name: string): number | null => {
    const witness = policy.witnesses.get(name)
    if (witness !== undefined) return cosignedAt(crypto, checkpoint, witness.key)
    const { needed, members } = policy.groups.get(name) as WitnessGroup
    const times = members.map(timeOf).filter(time => time !== null)
    return times.sort((a, b) => a - b)[needed - 1] ?? null
  }
  return timeOf(policy.quorum)
}

/** True where one of the policy's logs signed the checkpoint under its own name. */
export function isSignedByLogOf(
  crypto: Pick<Crypto, 'sha256' | 'verify'>,
  policy: WitnessPolicy,
  checkpoint: SignedCheckpoint,
): boolean {
  return policy.logs.some(
    ({ key }) => key.name === checkpoint.origin && isCheckpointSignedBy(crypto, checkpoint, key.publicKey),
  )
}

class PolicyReader {
  private readonly crypto: Pick<Crypto, 'sha256'>
  private readonly logs: LocatedKey[] = []
  private readonly witnesses = new Map<string, LocatedKey>()
  private readonly groups = new Map<string, WitnessGroup>()
  /** Names that are a member already: a witness counts in one way only. */
  private readonly members = new Set<string>()
  private readonly keys = new Set<string>()
  private quorum: string | null | undefined
  /** What makes a log's key one that is there already. */
  private readonly identityOf: (logKey: NoteKey) => string

  constructor(
    crypto: Pick<Crypto, 'sha256'>,
    identityOf: (logKey: NoteKey) => string = logKey => base64(logKey.publicKey),
  ) {
    this.crypto = crypto
    this.identityOf = identityOf
  }

  get listedLogs(): readonly LocatedKey[] {
    return this.logs
  }

  read(line: string, at: number): void {
    const [keyword, ...items] = line.split(/[ \t]+/).filter(item => item !== '')
    if (keyword === undefined || keyword.startsWith('#')) return
    switch (keyword) {
      case 'log':
        this.readLog(items, at)
        break
      case 'witness':
        this.readWitness(items, at)
        break
      case 'group':
        this.readGroup(items, at)
        break
      case 'quorum':
        this.readQuorum(items, at)
        break
      default:
        throw malformed(at, 'expected log, witness, group or quorum')
    }
  }

  finish(lines: number): WitnessPolicy {
    if (this.quorum === undefined) throw malformed(lines, 'there is no quorum')
    const { logs, witnesses, groups, quorum } = this
    return { logs, witnesses, groups, quorum }
  }

  private readLog([key = '', url, more]: readonly string[], at: number): void {
    if (more !== undefined) throw malformed(at, 'log KEY [URL]')
    this.logs.push({ key: this.readKey(key, 'log', at), url: url ?? null })
  }

  private readWitness([name = '', key = '', url, more]: readonly string[], at: number): void {
    if (more !== undefined) throw malformed(at, 'witness NAME KEY [URL]')
    this.define(name, at)
    this.witnesses.set(name, { key: this.readKey(key, 'witness', at), url: url ?? null })
  }

  private readKey(text: string, use: NoteKey['use'], at: number): NoteKey {
    let key: NoteKey
    try {
      key = parseVerifierKey(this.crypto, text)
    } catch (error) {
      throw malformed(at, (error as Error).message)
    }
    if (key.use !== use) throw malformed(at, `this is no key of a ${use}`)
    const identity = use === 'log' ? this.identityOf(key) : base64(key.publicKey)
    // ATTACK: one witness under two names, to be counted twice.
    if (this.keys.has(identity)) throw malformed(at, 'a key that is there already')
    this.keys.add(identity)
    return key
  }

  private readGroup([name = '', count = '', ...members]: readonly string[], at: number): void {
    const needed = count === 'all' ? members.length : count === 'any' ? 1 : wholeNumber(count)
    if (members.length === 0 || needed === null || needed < 1 || needed > members.length)
      throw malformed(at, 'group NAME all|any|K NAME…, with K of them at most')
    for (const member of members) {
      if (!this.isDefined(member)) throw malformed(at, `${member} is not defined above`)
      if (this.members.has(member)) throw malformed(at, `${member} is a member already`)
      this.members.add(member)
    }
    this.define(name, at)
    this.groups.set(name, { needed, members })
  }

  private readQuorum([name = '', more]: readonly string[], at: number): void {
    if (this.quorum !== undefined) throw malformed(at, 'a second quorum')
    if (more !== undefined) throw malformed(at, 'quorum NAME')
    if (name !== 'none' && !this.isDefined(name)) throw malformed(at, `${name} is not defined above`)
    this.quorum = name === 'none' ? null : name
  }

  private define(name: string, at: number): void {
    if (name === '' || name === 'none' || this.isDefined(name))
      throw malformed(at, `the name ${name} is taken`)
  }

  private isDefined(name: string): boolean {
    return this.witnesses.has(name) || this.groups.has(name)
  }
}

function wholeNumber(text: string): number | null {
  return /^[1-9][0-9]{0,5}$/.test(text) ? Number(text) : null
}

function policyText(bytes: Uint8Array): string {
  if (bytes.length > MAX_POLICY_BYTES) throw malformed(0, 'larger than a policy may be')
  let text: string
  try {
    text = fromUtf8(bytes)
  } catch {
    throw malformed(0, 'not UTF-8')
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a policy may not hold
  const control = /[\u0000-\u0008\u000b-\u001f\u007f]/.exec(text)
  if (control !== null)
    throw malformed(text.slice(0, control.index).split('\n').length, 'a control character')
  return text
}

function malformed(line: number, detail: string): Error {
  return receiptFault('witness_policy_malformed', `line ${line}: ${detail}`)
}
