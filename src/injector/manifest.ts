import { type Document, parseAllDocuments, stringify } from 'yaml'
import { CountersignError } from '../canon/index.js'
import { HELD_ANNOTATION, REFUSED_ANNOTATION } from './annotations.js'
import { injectorFault } from './error-table.js'
import { type InjectorParts, judge } from './judge.js'
import type { Refusal } from './refusal.js'

/** Where each kind has the pod, or the template of its pods. */
const POD_PLACES: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  PodTemplate: ['template'],
  Deployment: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  ReplicationController: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
}

/** What became of one object of a manifest. */
export interface RenderedObject {
  readonly kind: string
  readonly name: string
  readonly namespace: string | null
  readonly outcome:
    | { readonly kind: 'injected' }
    /** Of a kind that has no pod, and left as it was. */
    | { readonly kind: 'passed' }
    | { readonly kind: 'refused'; readonly refusals: readonly Refusal[] }
}

export interface Rendered {
  readonly objects: readonly RenderedObject[]
  /** Every document again, injected; null where any was refused. */
  readonly yaml: string | null
}

export interface RenderChoices {
  /** Objects without a pod pass as they are; else they are `kind_unsupported`. */
  readonly passOthers: boolean
  /** Namespace of objects that name none; null where that isn't known. */
  readonly namespace: string | null
}

type Json = Record<string, unknown>

/** Injects manifests as the webhook would the pods of them. Throws `manifest_unreadable` or `kind_unsupported`. */
export function renderManifests(text: string, choices: RenderChoices, parts: InjectorParts): Rendered {
  const objects: RenderedObject[] = []
  const visit = (value: unknown, at: string): unknown => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw injectorFault('manifest_unreadable', `${at} is no object`)
    const object = value as Json
    const items = itemsOf(object, at)
    if (items !== null) return { ...object, items: items.map((item, i) => visit(item, `${at}: items[${i}]`)) }
    const { report, injected } = renderObject(object, at, choices, parts)
    objects.push(report)
    return injected
  }
  const documents = documentsOf(text).map((document, i) => visit(document, `document ${i + 1}`))
  const refused = objects.some(({ outcome }) => outcome.kind === 'refused')
  return { objects, yaml: refused ? null : documents.map(written).join('---\n') }
}

/**
 * What a list holds; null for what is none. ATTACK: whatever has `items` is a list to kubectl, a ConfigMap as well, and
 * what says no kind in it is of the list's: a pod in a PodList.
 */
function itemsOf({ kind, apiVersion, items }: Json, at: string): readonly unknown[] | null {
  if (items === undefined) return null
  const [, kindOfItems] = /^([A-Za-z0-9]*)List$/.exec(String(kind)) ?? []
  if (kindOfItems === undefined || !Array.isArray(items))
    throw injectorFault('manifest_unreadable', `${at} has items and is no List`)
  return items.map(item => (isWithoutKind(item) ? { apiVersion, ...item, kind: kindOfItems } : item))
}

function isWithoutKind(item: unknown): item is Json {
  return (
    typeof item === 'object' && item !== null && !Array.isArray(item) && ((item as Json).kind ?? '') === ''
  )
}

function renderObject(
  object: Json,
  at: string,
  { passOthers, namespace: byDefault }: RenderChoices,
  parts: InjectorParts,
): { readonly report: RenderedObject; readonly injected: Json } {
  const metadata = (object.metadata ?? {}) as Json
  const [kind, name] = [String(object.kind), String(metadata.name ?? metadata.generateName ?? '')]
  const namespace = typeof metadata.namespace === 'string' ? metadata.namespace : byDefault
  const of = { kind, name, namespace }
  const place = Object.hasOwn(POD_PLACES, kind) ? POD_PLACES[kind] : undefined
  if (place === undefined) {
    if (!passOthers) throw injectorFault('kind_unsupported', `${at}: ${kind}`)
    return { report: { ...of, outcome: { kind: 'passed' } }, injected: object }
  }
  const pod = place.reduce<unknown>((value, key) => (value as Json | null | undefined)?.[key], object)
  const judgement = judge(isLive(object, place) ? asAdmitted(pod as Json) : pod, namespace, parts)
  if (judgement.kind === 'refused') {
    const prefix = place.length === 0 ? '' : `${place.join('.')}.`
    const refusals = judgement.refusals.map(each => ({ ...each, at: `${prefix}${each.at}` }))
    return { report: { ...of, outcome: { kind: 'refused', refusals } }, injected: object }
  }
  return {
    report: { ...of, outcome: { kind: 'injected' } },
    injected: replacedAt(object, place, judgement.pod),
  }
}

/** As an API server has it, and not as somebody wrote it. */
function isLive({ metadata }: Json, place: readonly string[]): boolean {
  return place.length === 0 && typeof (metadata as Json | null | undefined)?.uid === 'string'
}

/** Without what network plugins have written on the pod since: its addresses, say. */
function asAdmitted(pod: Json): Json {
  const { annotations, ...metadata } = pod.metadata as { annotations?: Record<string, unknown> }
  const kept = Object.entries(annotations ?? {}).filter(
    ([key]) => HELD_ANNOTATION.test(key) || !REFUSED_ANNOTATION.test(key),
  )
  return { ...pod, metadata: { ...metadata, annotations: Object.fromEntries(kept) } }
}

function replacedAt(value: Json, place: readonly string[], replacement: object): Json {
  const [key, ...rest] = place
  if (key === undefined) return replacement as Json
  return { ...value, [key]: replacedAt(value[key] as Json, rest, replacement) }
}

/** As `kubectl` reads YAML: version 1.1, so that `0444` is a mode and `on` is true, for it and for us. */
function documentsOf(text: string): readonly unknown[] {
  const parsed = parseAllDocuments(text, {
    version: '1.1',
    uniqueKeys: true,
    merge: false,
    stringKeys: true,
    logLevel: 'silent',
  }) as Document[]
  const documents = [...parsed].map(document => {
    const [problem] = [...document.errors, ...document.warnings]
    if (problem !== undefined)
      throw injectorFault('manifest_unreadable', problem.message.split('\n', 1)[0] ?? '')
    return plain(document)
  })
  const found = documents.filter(document => document !== null)
  if (found.length === 0) throw injectorFault('manifest_unreadable', 'there is no document')
  return found
}

function plain(document: Document): unknown {
  try {
    // An alias could make a small file large.
    return JSON.parse(JSON.stringify(document.toJS({ maxAliasCount: 0 })), withoutMerge)
  } catch (error) {
    if (error instanceof CountersignError) throw error
    throw injectorFault('manifest_unreadable', 'an alias, or a value that JSON doesn’t have')
  }
}

/** ATTACK: a member of this name is written without quotes, and kubectl puts what it holds in place of what was judged. */
function withoutMerge(key: string, value: unknown): unknown {
  if (key === '<<') throw injectorFault('manifest_unreadable', 'a member that is called <<')
  return value
}

function written(document: unknown): string {
  return stringify(document, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false })
}
