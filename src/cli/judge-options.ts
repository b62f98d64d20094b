import { availableParallelism } from 'node:os'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { nativeCrypto } from '../native/index.js'
import { parseWitnessPolicy, type WitnessPolicy } from '../receipt/index.js'
import { loadConfig } from './config.js'
import { UsageError } from './io.js'
import { openNeeded } from './needed-file.js'
import type { KeySource } from './pinned-keys.js'
import { policyFoldersOf } from './policy-location.js'
import { readAuditorKey } from './replay/log-options.js'
import type { DecisionSources } from './verify-log.js'
import { wholeNumber } from './whole-number.js'

const MAX_JOBS = 64

/** Options that say by what evidence is judged. */
export interface JudgeOptions {
  readonly config: string
  readonly trust?: string
  readonly pin?: string
  readonly enrolment?: string[]
  readonly kept?: string[]
  readonly key?: string[]
  readonly checkpointKey?: string[]
  readonly checkpoint?: string[]
  readonly policies?: string
  readonly auditorKey?: string
  readonly treeOnly?: true
  readonly jobs: number
  readonly witnesses?: string
}

/** Adds the options of the commands that verify a log or a bundle. */
export function addJudgeOptions(command: Command): Command {
  return command
    .option('--trust <file>', 'your own copy of the trust root: pins the keys that it leads to')
    .option('--pin <id>', 'content id of a version in that file, sha256:…, where the copy is not your own')
    .option('--enrolment <file...>', 'enrolments of its keys, beside those that the log carries')
    .option('--key <key...>', 'receipt keys to trust, ed25519:…')
    .option('--checkpoint-key <key...>', 'checkpoint keys to trust, ed25519:…')
    .option(
      '--witnesses <file>',
      'tlog-policy file: the witnesses whose cosignatures count, and how many of them it takes',
    )
    .option('--checkpoint <file...>', 'checkpoints or high-water marks that the log must contain')
    .option(
      '--policies <dir>',
      'sealed policies, old ones too: every decision is derived again from the one that it cites',
    )
    .option(
      '--auditor-key <file>',
      'the auditor’s private key: decisions are derived from their recorded inputs',
    )
    .addOption(jobsOption())
    .option('--kept <file...>', 'such checkpoints that you have kept yourself since before a key was revoked')
}

/** Those of the configuration, where the log is the running keeper's and nobody else is named. */
export function witnessesOf(path: string | undefined, options: JudgeOptions): WitnessPolicy | null {
  const loaded = path === undefined && options.witnesses === undefined ? loadConfig(options.config) : null
  const configured = loaded?.config.witnesses?.policy
  const file = configured === undefined ? options.witnesses : loaded?.path(configured)
  return file === undefined ? null : openNeeded(file, bytes => parseWitnessPolicy(nativeCrypto, bytes))
}

/** How many threads check entries; of the commands that verify a whole log. */
export function jobsOption(): Option {
  return new Option('--jobs <n>', 'threads that check entries')
    .argParser(jobs)
    .default(availableParallelism())
}

function jobs(text: string): number {
  const count = wholeNumber(text)
  if (count < 1 || count > MAX_JOBS) throw new InvalidArgumentError(`expected 1 to ${MAX_JOBS}`)
  return count
}

/** What decisions are derived again with; the configuration's own policies where the log is the running keeper's. */
export function decisionSources(path: string | undefined, options: JudgeOptions): DecisionSources {
  const { policies, auditorKey, treeOnly, trust, key } = options
  if (policies === undefined && auditorKey !== undefined && path !== undefined)
    throw new UsageError('--auditor-key serves to derive decisions again', 'Pass --policies DIR as well.')
  const own = path === undefined && treeOnly !== true && trust === undefined && key === undefined
  return {
    policies: policies === undefined ? (own ? configuredPolicies(options.config) : null) : [policies],
    auditorKey: auditorKey === undefined ? null : readAuditorKey(auditorKey),
  }
}

/** The folders with the sealed policy of the configuration and older ones; null where there are none. */
export function configuredPolicies(file: string): readonly string[] | null {
  const folders = policyFoldersOf(loadConfig(file))
  return folders.length === 0 ? null : folders
}

/** Where the keys of a command's options come from; without any, those of the configuration where the log is the running keeper's. */
export function keySource(path: string | undefined, options: JudgeOptions): KeySource {
  const { trust, pin, key, checkpointKey } = options
  if (trust !== undefined && key !== undefined)
    throw new UsageError('--trust and --key name two sources of trust', 'Pass one of them.')
  if (trust === undefined && pin !== undefined)
    throw new UsageError('--pin names a version of a trust root', 'Pass the root itself with --trust FILE.')
  if (trust !== undefined)
    return { kind: 'trust-root', root: trust, pin: pin ?? null, enrolments: options.enrolment ?? [] }
  if (key !== undefined) return { kind: 'keys', receipt: key, checkpoint: checkpointKey ?? [] }
  return path === undefined ? configuredKeys(options.config) : { kind: 'none' }
}

/** The trust root that the configuration pins. */
export function configuredKeys(file: string): KeySource {
  const loaded = loadConfig(file)
  const { trust, keeper } = loaded.config
  return {
    kind: 'trust-root',
    root: loaded.path(trust.root),
    pin: trust.pin,
    enrolments: [loaded.path(keeper.enrolment)],
  }
}
