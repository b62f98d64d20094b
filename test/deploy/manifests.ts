import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { parseAllDocuments } from 'yaml'
import { type Profiles, parseProfiles } from '../../src/injector/index.js'
import { strangersOf } from '../injector/strict-schema.js'

const ROOT = new URL('../../../', import.meta.url)

export type Json = Readonly<Record<string, unknown>>
export interface Manifest extends Json {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
  }
}

export function read(file: string): string {
  return readFileSync(new URL(file, ROOT), 'utf8')
}

/** The objects of a manifest as `kubectl` reads them: YAML 1.1, in which 0444 is a mode. */
export function objectsOf(text: string): readonly Manifest[] {
  return parseAllDocuments(text, { version: '1.1', merge: false, uniqueKeys: true }).flatMap(document => {
    assert.deepEqual([...document.errors, ...document.warnings], [])
    const value = document.toJS() as Manifest | null
    return value === null ? [] : [value]
  })
}

/** Of others' resources there is no model in Kubernetes' client. */
const OTHERS = new Set(['PodMonitor', 'PrometheusRule', 'CiliumNetworkPolicy'])

/** Every field that Kubernetes doesn't have, in any of the objects. */
export function strangersIn(objects: readonly Manifest[]): readonly string[] {
  return objects
    .filter(({ kind }) => !OTHERS.has(kind))
    .flatMap(object => strangersOf(object, `V1${object.kind}`, `${object.kind} ${object.metadata.name}`))
}

export function only(objects: readonly Manifest[], kind: string, name?: string): Manifest {
  const found = objects.filter(
    each => each.kind === kind && (name === undefined || each.metadata.name === name),
  )
  assert.equal(found.length, 1, `${kind} ${name}: ${found.length}`)
  return found[0] as Manifest
}

/** The pod of a Deployment, StatefulSet, Job or CronJob. */
export function podOf({ kind, spec }: Manifest): { readonly metadata?: unknown; readonly spec: Json } {
  const given = spec as { template: { spec: Json }; jobTemplate: { spec: { template: { spec: Json } } } }
  return kind === 'CronJob' ? given.jobTemplate.spec.template : given.template
}

/** The file that the injector reads, out of its ConfigMap; the injector itself reads it. */
export function profilesOf(objects: readonly Manifest[]): Profiles {
  return parseProfiles(profilesTextOf(objects))
}

export function profilesTextOf(objects: readonly Manifest[]): string {
  const { data } = only(objects, 'ConfigMap', 'countersign-profiles') as unknown as {
    data: Record<string, string>
  }
  return data['profiles.yaml'] ?? ''
}
