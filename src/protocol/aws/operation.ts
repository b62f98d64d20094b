import {
  type ArgumentRule,
  compileArgumentRules,
  type RaisedClasses,
  readArgumentRule,
  stepsOf,
} from '../argument-rule.js'
import type { OperationSpec } from '../catalog.js'
import { malformed, readList, readMembers, readOneOf, readText } from '../document-shape.js'
import { OPERATION_CLASSES, type OperationClass, UNMAPPED } from '../operation.js'
import { compileRenewed, type LastingArguments } from '../renewed-arguments.js'
import { argumentTypeOf } from './argument-types.js'
import type { AwsStructure } from './document.js'
import { type HttpTemplate, readHttpTemplate } from './http-template.js'
import { compileResource, type ResourceTemplate, readResourceType } from './resource-template.js'
import type { OpenStructure, ShapeBook } from './shape.js'

/** One operation of a service, ready for use. */
export interface CompiledOperation {
  /** `TerminateInstances` */
  readonly name: string
  readonly classes: readonly OperationClass[]
  readonly input: OpenStructure
  /** The policy's own operation: its input is nowhere described, and so taken as it comes. */
  readonly added: boolean
  readonly hostPrefix: string
  readonly resources: readonly ResourceTemplate[]
  readonly unmapped: readonly (readonly string[])[]
  readonly actions: readonly CompiledAction[]
  readonly raised: RaisedClasses
  /** What `raised` was made of. */
  readonly rules: readonly ArgumentRule[]
  readonly lasting: LastingArguments
  readonly spec: OperationSpec
}

export interface CompiledAction {
  readonly action: string
  /** Steps to the argument that it is taken for; null where it always is. */
  readonly when: readonly string[] | null
}

/** What one operation is compiled within. */
export interface OperationHome {
  /** Id of the service. */
  readonly service: string
  readonly iam: string
  readonly shapes: ShapeBook
}

const OPTIONAL = [
  'http',
  'needs',
  'input',
  'hostPrefix',
  'rules',
  'effects',
  'resources',
  'unmapped',
  'renewed',
  'actions',
] as const

/** What can be known for every operation of AWS. */
export const AWS_SCOPE = ['account', 'region', 'service'] as const

const NO_INPUT: OpenStructure = { kind: 'fields', fields: new Map() }

/** Compiles one operation of a service's text; throws `catalog_malformed`. */
export function compileOperation(name: string, value: unknown, home: OperationHome): CompiledOperation {
  const where = `${home.service}:${name}`
  const it = readMembers(value, where, ['classes'], OPTIONAL)
  const classes = readClasses(it.classes, `${where}.classes`)
  const rules = optionalList(it.rules, `${where}.rules`, readArgumentRule)
  const types = optionalList(it.resources, `${where}.resources`, readResourceType)
  const actions = optionalList(it.actions, `${where}.actions`, readAction)
  const input = (it.input ?? { fields: {} }) as AwsStructure
  let opened: OpenStructure | null = null
  let resources: readonly ResourceTemplate[] | null = null
  return {
    name,
    classes,
    get input() {
      opened ??= home.shapes.structure(input)
      return opened
    },
    added: false,
    hostPrefix: readHostPrefix(it.hostPrefix, where),
    // A survey looks at thousands of operations and needs their types alone.
    get resources() {
      resources ??= optionalList(it.resources, `${where}.resources`, compileResource)
      return resources
    },
    unmapped: optionalList(it.unmapped, `${where}.unmapped`, readText).map(stepsOf),
    actions: actions.length === 0 ? [{ action: `${home.iam}:${name}`, when: null }] : actions,
    raised: compileArgumentRules(rules),
    rules,
    lasting: compileRenewed(optionalList(it.renewed, `${where}.renewed`, readText)),
    spec: {
      name: where,
      classes,
      // What isn't understood of any request makes it opaque.
      raisable: [...new Set([...rules.flatMap(rule => rule.adds), 'opaque' as const])].sort(),
      // Read by the type check of a few operations; a policy has thousands.
      get args() {
        return argumentTypeOf(input, home.shapes)
      },
      scope: AWS_SCOPE,
      ...arnServiceOf(home),
      resources: typesOf(types, it.unmapped !== undefined),
      effects: optionalList(it.effects, `${where}.effects`, readText),
    },
  }
}

/** Whatever names a resource may turn out to name none that can be told. */
function typesOf(types: readonly string[], unmapped: boolean): readonly string[] {
  return [...new Set(types.length > 0 || unmapped ? [...types, UNMAPPED] : types)].sort()
}

function arnServiceOf({ service, iam }: OperationHome): Pick<OperationSpec, 'arnService'> {
  return service === iam ? {} : { arnService: iam }
}

/** An operation that the policy itself names. */
export function addedOperation(
  name: string,
  classes: readonly OperationClass[],
  home: OperationHome,
): CompiledOperation {
  const sorted = [...new Set(classes)].sort()
  return {
    name,
    classes: sorted,
    input: NO_INPUT,
    added: true,
    hostPrefix: '',
    resources: [],
    unmapped: [],
    actions: [{ action: `${home.iam}:${name}`, when: null }],
    raised: () => [],
    rules: [],
    lasting: args => args,
    spec: {
      name: `${home.service}:${name}`,
      classes: sorted,
      raisable: [],
      args: 'any',
      scope: AWS_SCOPE,
      ...arnServiceOf(home),
      resources: [],
      effects: [],
    },
  }
}

/** Its method, path and conditions; null where the service isn't a REST one. Cheap: nothing else is checked. */
export function httpOf(name: string, value: unknown): HttpTemplate | null {
  const it = value as { readonly http?: unknown; readonly needs?: unknown }
  if (it.http === undefined) return null
  const needs = optionalList(it.needs, `${name}.needs`, readText)
  return readHttpTemplate(readText(it.http, `${name}.http`), needs, `${name}.http`)
}

/** `sync-`, `{AccountId}.`; empty where there is none. */
export function readHostPrefix(value: unknown, where: string): string {
  if (value === undefined) return ''
  const prefix = readText(value, `${where}.hostPrefix`)
  if (!/^(?:[a-z0-9.-]|\{[A-Za-z]+\})*$/.test(prefix))
    throw malformed(`${where}.hostPrefix`, 'part of a host')
  return prefix
}

export function readClasses(value: unknown, where: string): readonly OperationClass[] {
  const classes = readList(value, where, (name, at) => readOneOf(name, at, OPERATION_CLASSES))
  if (classes.length === 0) throw malformed(where, 'at least one class')
  return [...new Set(classes)].sort()
}

function readAction(value: unknown, where: string): CompiledAction {
  const it = readMembers(value, where, ['action'], ['when'])
  return {
    action: readText(it.action, `${where}.action`),
    when: it.when === undefined ? null : stepsOf(readText(it.when, `${where}.when`)),
  }
}

function optionalList<T>(
  value: unknown,
  where: string,
  item: (entry: unknown, at: string) => T,
): readonly T[] {
  return value === undefined ? [] : readList(value, where, item)
}
