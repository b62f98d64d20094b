import type { JsonObject, JsonValue } from '../../canon/index.js'
import { valuesAt } from '../argument-rule.js'
import {
  type Operation,
  type OperationClass,
  type Permissions,
  type Recognised,
  type Resource,
  type Spelling,
  UNMAPPED,
} from '../operation.js'
import type { AwsDocument } from './document.js'
import type { CompiledOperation } from './operation.js'
import { type ArnContext, ownerOf } from './resource-form.js'
import type { CompiledService } from './service.js'
import { argumentsAssumed, argumentsOfArns, otherSpellings } from './spelling.js'
import { takenAlong, takesAlong } from './taken-along.js'
import { exactSpellings, unmappedSpellings } from './unmapped.js'

/** The keeper's half for an operation that the catalog knows. */
export function describeKnown(
  api: string,
  recognised: Recognised,
  service: Pick<CompiledService, 'id' | 'iam' | 'kinds'>,
  operation: CompiledOperation,
  document: Pick<AwsDocument, 'account' | 'partition'>,
): Operation {
  const { args } = recognised
  const context = {
    partition: document.partition,
    account: document.account,
    region: recognised.region ?? null,
  }
  const named = argumentsOfArns(service.id, args)
  const found = resourcesIn(operation, named, context)
  const assumed = argumentsAssumed(service.id, named)
  const home = { service: service.iam, kinds: service.kinds, ...context }
  const spellings: readonly Spelling[] =
    found.resources.length === 0
      ? []
      : [
          ...found.unclear,
          ...otherSpellings(found.resources, args),
          ...takenAlong(operation.spec.name, found.resources, args),
          ...unsaidIn(operation, named, context, found),
          ...leftOpenIn(operation, context, found),
          ...unmappedSpellings(operation.unmapped, args, home),
          ...exactSpellings(args, home),
          ...(assumed === null ? [] : resourcesIn(operation, assumed, context).resources),
        ]
  const account = accountOf(found.resources, args, document.account)
  const opaque: readonly OperationClass[] = recognised.opaque === undefined ? [] : ['opaque']
  return {
    api,
    name: recognised.name,
    baseClasses: operation.classes,
    classes: [...new Set([...operation.classes, ...operation.raised(args), ...opaque])].sort(),
    scope: {
      ...(account === null ? {} : { account }),
      ...(recognised.region === undefined ? {} : { region: recognised.region }),
      service: service.id,
    },
    resources: found.resources,
    ...(spellings.length === 0 ? {} : { spellings }),
    args,
    effects: operation.spec.effects,
    permissions: permissionsOf(operation, args, found),
  }
}

/**
 * Whether something that was named so may be meant by another name as well, or something else besides: a spelling may say
 * so, or an argument that no resource stands for.
 */
export function mayHaveOtherNames(
  service: string,
  operation: CompiledOperation,
  resources: readonly Resource[],
): boolean {
  if (resources.length === 0) return false
  if (takesAlong(operation.spec.name)) return true
  if (argumentsAssumed(service, {}) !== null || otherSpellings(resources, { Qualifier: 'any' }).length > 0)
    return true
  if (resources.some(({ type, id }) => type === UNMAPPED || LOOSE.test(id))) return true
  const types = new Set(resources.map(({ type }) => type))
  const declares = declaredBy(operation)
  return (
    saysMore(operation) ||
    operation.resources.some(template => !types.has(template.type) || template.leavesUnsaid(declares))
  )
}

/** Whether an argument that is part of no ARN may hold a name. */
function saysMore({ input, resources, unmapped }: CompiledOperation): boolean {
  if (unmapped.length > 0 || input.kind !== 'fields') return true
  return [...input.fields].some(
    ([name, { is }]) => !NAMELESS.has(is) && !resources.some(template => template.reads(name)),
  )
}

/** Shapes without a text in them. */
const NAMELESS: ReadonlySet<unknown> = new Set(['bool', 'int', 'double', 'time'])

/** What `Resource.like` may be of: a key's alias, a path of parameters, and what has a star. */
const LOOSE = /\*|^arn:[^:]+:(?:kms:[^:]*:[^:]*:alias\/|ssm:[^:]*:[^:]*:parameter)/

function declaredBy({ input }: CompiledOperation): (name: string) => boolean {
  return name => input.kind === 'fields' && input.fields.has(name)
}

const UNKNOWN: readonly OperationClass[] = ['unknown']

/** An operation that nobody described: nothing is known of it but where it goes. */
export function describeUnknown(api: string, recognised: Recognised, service: string | null): Operation {
  return {
    api,
    name: recognised.name,
    baseClasses: UNKNOWN,
    classes: UNKNOWN,
    scope: {
      ...(recognised.region === undefined ? {} : { region: recognised.region }),
      ...(service === null ? {} : { service }),
    },
    resources: [],
    args: recognised.args,
    effects: [],
  }
}

interface FoundResources {
  readonly resources: readonly Resource[]
  /** Every resource that the operation can name was named, and as an ARN. */
  readonly complete: boolean
  /** Of those, what may be any: a name that can't be read. */
  readonly unclear: readonly Resource[]
}

/**
 * ARNs of what the arguments name. INVARIANT: what is named and can't be written as an ARN stands there as `unmapped`,
 * so that a rule on resources doesn't take the others for all of them.
 */
function resourcesIn(operation: CompiledOperation, args: JsonObject, context: ArnContext): FoundResources {
  const resources = new Map<string, Resource>()
  const add = (resource: Resource): void => {
    resources.set(`${resource.type} ${resource.id}`, resource)
  }
  const unclear: Resource[] = []
  const addUnclear = (id: string): void => {
    unclear.push({ type: UNMAPPED, id })
    add({ type: UNMAPPED, id })
  }
  let complete = operation.resources.length > 0
  for (const template of operation.resources) {
    const { named, unclear: unread, absent } = template.resources(args, context)
    named.forEach(add)
    if (named.some(isLoose) || (template.isAlias && named.length > 0)) complete = false
    unread.forEach(addUnclear)
    if (absent || unread.length > 0) complete = false
  }
  // ATTACK: the machines of a command by a tag or in a list of targets, beside its document.
  const { Targets: targets } = args
  if (operation.spec.name.startsWith('ssm:') && Array.isArray(targets) && targets.length > 0) {
    complete = false
    addUnclear(textOf(targets))
  }
  // ATTACK: what one key encrypted, past a deny of it or an allow of the other, whose ciphertext alone says which it is.
  if (operation.spec.name === 'kms:ReEncrypt' && (args.SourceKeyId ?? '') === '') {
    complete = false
    addUnclear('SourceKeyId')
  }
  for (const steps of operation.unmapped)
    for (const value of valuesAt(args, steps)) {
      if (value === null) continue
      complete = false
      add({ type: UNMAPPED, id: textOf(value) })
    }
  return { resources: [...resources.values()], complete, unclear }
}

/** What is named, with what the request doesn't say of it: of a type that it names, and no kind of thing besides. */
function unsaidIn(
  operation: CompiledOperation,
  args: JsonObject,
  context: ArnContext,
  { resources }: FoundResources,
): readonly Resource[] {
  const types = new Set(resources.map(({ type }) => type))
  const declares = declaredBy(operation)
  return operation.resources
    .filter(({ type }) => types.has(type))
    .flatMap(template => template.unsaid(args, context, declares))
}

/**
 * What is needed and not named, so that something else in the request stands for it: a group by its name, and not by its
 * id. Of what a new thing is put into, only where there is a default.
 */
function leftOpenIn(
  operation: CompiledOperation,
  context: ArnContext,
  { resources }: FoundResources,
): readonly Resource[] {
  const { input } = operation
  if (input.kind !== 'fields') return []
  const types = new Set(resources.map(({ type }) => type))
  const creates = operation.classes.includes('create')
  return operation.resources
    .filter(({ type }) => !types.has(type) && (!creates || DEFAULTED.has(type)))
    .flatMap(template => template.open(context, name => input.fields.has(name)))
}

/** What EC2 puts things into where a request doesn't say it. */
const DEFAULTED: ReadonlySet<string> = new Set(['security-group', 'subnet'])

/** An alias is authorised on the key behind it, which IAM is told as any key; other names of several are not narrowed to. */
function isLoose({ id, like }: Resource): boolean {
  return like !== undefined && !/:kms:[^/]*:alias\//.test(id)
}

/** Longer ones are cut: they only have to be told apart. ATTACK: within a character, which no receipt could hold. */
function textOf(value: JsonValue): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.slice(0, 1_024).toWellFormed()
}

/**
 * The account of all resources, that of the role where an ARN names none. Null where they differ, and for a bucket: anybody
 * may own a name, unless the request itself says whose it has to be.
 */
function accountOf(resources: readonly Resource[], args: JsonObject, own: string): string | null {
  const foreign = resources.some(({ id }) => /^arn:[a-z0-9-]+:s3:::/.test(id))
  if (foreign && args.ExpectedBucketOwner !== own) return null
  const accounts = new Set(resources.map(({ id }) => ownerOf(id)?.account || own))
  if (accounts.size > 1) return null
  const [account] = accounts
  return account ?? own
}

/** Narrowed to the resources only where the request names every one that IAM asks for. */
function permissionsOf(
  operation: CompiledOperation,
  args: JsonObject,
  { resources, complete }: FoundResources,
): Permissions {
  const actions = operation.actions
    .filter(({ when }) => when === null || valuesAt(args, when).some(value => value !== null))
    .map(({ action }) => action)
  const arns = complete ? resources.map(({ id }) => iamPattern(id)) : ['*']
  return { actions: [...new Set(actions)].sort(), resources: [...new Set(arns)].sort() }
}

/**
 * An ARN as IAM reads it in a policy's Resource. ATTACK: an object called `*`, or `${aws:username}`, which would widen
 * the credential that is minted for it. `${*}`, `${?}` and `${$}` are IAM's own escapes. KMS authorises an alias on the
 * key behind it, which the request doesn't name.
 */
function iamPattern(arn: string): string {
  const alias = /^(arn:[a-z0-9-]+:kms:[a-z0-9-]*:[0-9]*:)alias\//.exec(arn)
  if (alias !== null) return `${alias[1]}key/*`
  return arn.replace(/[*?$]/g, character => `\${${character}}`)
}
