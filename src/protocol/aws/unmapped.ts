import type { JsonObject, JsonValue } from '../../canon/index.js'
import { valuesAt } from '../argument-rule.js'
import { kindOfArn, kindsMeet, plainKind } from '../arn-kind.js'
import { type Spelling, UNMAPPED } from '../operation.js'
import { arnsCalled, arnsOfUrl, type Called } from './called-after.js'
import { isNaming } from './naming.js'
import { otherSpellings } from './spelling.js'

/** What is known of the service that a request is for. */
export interface UnmappedHome {
  /** In ARNs: `elasticloadbalancing`. */
  readonly service: string
  /** Kinds of things that its operations name, as `plainKind` writes them. */
  readonly kinds: ReadonlySet<string>
  readonly partition: string
  /** Of the request; null where it isn't known. */
  readonly region: string | null
  readonly account: string
}

/** More of them than a request needs are taken for anything. */
const MAX_LEAVES = 1_000
const MAX_TEXT = 2_048

/**
 * What the arguments may name that no resource stands for. ATTACK: a subnet within `NetworkInterfaces`, a database by its
 * resource id, past a deny that names its ARN.
 */
export function unmappedSpellings(
  paths: readonly (readonly string[])[],
  args: JsonObject,
  home: UnmappedHome,
): readonly Spelling[] {
  const leaves: Called[] = []
  for (const steps of paths)
    for (const value of valuesAt(args, steps)) collect(value, kindOfSteps(steps), leaves)
  if (leaves.length > MAX_LEAVES || leaves.some(({ text }) => text.length > MAX_TEXT))
    return [{ type: UNMAPPED, id: 'more' }]
  const spellings = new Map<string, Spelling>()
  for (const leaf of leaves)
    for (const spelling of spellingsOf(leaf, home)) spellings.set(JSON.stringify(spelling), spelling)
  return [...spellings.values()]
}

/**
 * What an ARN, an id of EC2, a URL of S3 or a key of KMS names, wherever in the arguments it stands. ATTACK: an instance among
 * `Targets`, a topic as `TargetArn`, a bucket as `OutputLocation` of a query, a key among `Attributes`, past a deny of it.
 */
export function exactSpellings(args: JsonObject, home: UnmappedHome): readonly Spelling[] {
  const exact: Exact = { texts: new Set(), keys: new Set() }
  collectExact(args, '', exact, home.partition)
  if (exact.texts.size + exact.keys.size > MAX_LEAVES) return [{ type: UNMAPPED, id: 'more' }]
  return [
    ...[...exact.texts].flatMap(text => exactly(text, home)),
    ...[...exact.keys].flatMap(text => spellingsOf({ kind: 'kmskey', text }, home)),
  ]
}

interface Exact {
  readonly texts: Set<string>
  /** Of KMS, by names that say nothing without their member's. */
  readonly keys: Set<string>
}

function collectExact(value: JsonValue, member: string, exact: Exact, partition: string): void {
  if (typeof value === 'string') {
    if (value.length > MAX_TEXT) return
    const isExact = value.startsWith('arn:') || EC2_ID.test(value) || arnsOfUrl(value, partition) !== null
    if (isExact) exact.texts.add(value)
    else if (value !== '' && /kms(?:master)?key$/.test(plainKind(member))) exact.keys.add(value)
    else if (REDRIVE.test(member)) collectExact(jsonIn(value), '', exact, partition)
  } else if (Array.isArray(value)) for (const item of value) collectExact(item, member, exact, partition)
  else if (typeof value === 'object' && value !== null)
    for (const [name, below] of Object.entries(value))
      collectExact(below, name === 'AttributeValue' ? attributeOf(value) : name, exact, partition)
}

/** The attribute whose value stands beside its name. */
function attributeOf({ AttributeName: name }: JsonObject): string {
  return typeof name === 'string' ? name : ''
}

/** Attributes of queues and topics that hold an ARN within JSON. */
const REDRIVE = /^Redrive(?:Allow)?Policy$/

/** Null for what is none. */
function jsonIn(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    return null
  }
}

function exactly(text: string, { partition, service }: UnmappedHome): readonly Spelling[] {
  // ATTACK: where files are copied to as a bucket's ARN, past a deny of the objects in it.
  const located = arnsOfUrl(text.replace(/^arn:[^:]+:s3:::([^/]+)$/, 's3://$1'), partition)
  if (located !== null) return located.map(like => ({ type: UNMAPPED, id: text, like }))
  const like = text.startsWith('arn:') ? text : `arn:${partition}:ec2:*:*:*/${text}`
  const named = { type: UNMAPPED, id: text, like }
  // Where it is handed to something, the role behind it goes with it.
  const [, home, name] = /^(arn:[^:]+:iam::[0-9]*:)instance-profile\/(?:.*\/)?([^/]+)$/.exec(text) ?? []
  const roles =
    home === undefined || service === 'iam' ? [] : [`${home}role/${name}`, `${home}role/*/${name}`]
  return [
    named,
    ...otherSpellings([named], {}),
    ...roles.map(role => ({ type: UNMAPPED, id: text, like: role })),
  ]
}

/** Of the member at the end, or of the one that it is a name or an id of. */
function kindOfSteps(steps: readonly string[]): string {
  const members = steps.filter(step => !step.startsWith('['))
  return plainKind(members.at(-1) ?? '') || plainKind(members.at(-2) ?? '')
}

/** Members that say how something is to be, and name nothing, are left out. */
function collect(value: JsonValue, kind: string, leaves: Called[]): void {
  if (typeof value === 'string') {
    if (value !== '') leaves.push({ kind, text: value })
  } else if (Array.isArray(value)) for (const item of value) collect(item, kind, leaves)
  else if (typeof value === 'object' && value !== null)
    for (const [name, member] of Object.entries(value))
      if (typeof member === 'object' || isNaming(name)) collect(member, plainKind(name) || kind, leaves)
}

/** Ids of EC2 are the only names of what they are ids of. */
const EC2_ID =
  /^(?:acl|ami|aki|ari|eipalloc|eni|h|i|igw|lt|nat|pcx|pl|rtb|sg|sgr|snap|subnet|tgw|vol|vpc|vpce)-[0-9a-f]{8,17}$/i
const ACCOUNT = /^[0-9]{12}$/

function spellingsOf({ kind, text }: Called, home: UnmappedHome): readonly Spelling[] {
  const { service, kinds, account } = home
  if (text.startsWith('arn:')) return exactly(text, home)
  // Several subnets in one text, as Auto Scaling takes them.
  const ids = text.split(/,\s*/)
  if (ids.every(id => EC2_ID.test(id))) return ids.flatMap(id => exactly(id, home))
  // An account, a unit or a root that a policy is put on; there an account is no owner.
  if (service === 'organizations' && kind === 'target')
    return ['account', 'ou', 'root'].map(each => {
      const like = `arn:${home.partition}:organizations::*:${each}/*/${text}`
      return { type: UNMAPPED, id: text, like }
    })
  // Another account's things of this service; its own are named by what else is said.
  if (ACCOUNT.test(text)) {
    if (text === account) return []
    return ['*', '*:*'].map(rest => {
      const like = `arn:${home.partition}:${service}:*:${text}:${rest}`
      return { type: UNMAPPED, id: text, like }
    })
  }
  const arns = arnsCalled({ kind, text }, home)
  if (arns !== null) return arns.map(like => ({ type: UNMAPPED, id: text, like }))
  const about = RELATION.test(kind) && !kinds.has(kind) ? '' : kind
  // What two letters end in says nothing.
  const isItsOwn =
    about !== '' && [...kinds].some(known => known === about || (known.length > 2 && kindsMeet(known, about)))
  return [{ type: UNMAPPED, id: '', may: { kind: about, service, isItsOwn } }]
}

/** ATTACK: `AssociationId` for the subnet that gets another route table, past a deny of the subnet: it stands for two things of any kind. */
const RELATION = /^(?:association|attachment)$/

/**
 * Kinds in the ARNs of a service's operations that are its own. ATTACK: a role by its name, past a deny of it, where other
 * operations of the service take a role's ARN.
 */
export function kindsOfArns(arns: Iterable<string>, own: string): ReadonlySet<string> {
  const kinds = new Set<string>()
  for (const arn of arns) {
    const { service, kind } = kindOfArn(arn)
    if (kind !== null && service === own) kinds.add(kind)
  }
  return kinds
}
