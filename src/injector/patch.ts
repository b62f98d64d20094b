import type { Pod } from './pod.js'
import { isSame } from './same.js'

/** RFC 6902 §4. */
export interface PatchOperation {
  readonly op: 'add' | 'remove' | 'replace'
  /** RFC 6901. */
  readonly path: string
  readonly value?: unknown
}

/** What makes `after` of `before`: whole members of the spec, and single annotations. Empty where nothing changes. */
export function patchOf(before: Pod, after: Pod): readonly PatchOperation[] {
  return [...annotationPatch(before, after), ...memberPatch(before.spec, after.spec, '/spec')]
}

function annotationPatch(before: Pod, after: Pod): readonly PatchOperation[] {
  const { annotations } = before.metadata ?? {}
  const wanted = after.metadata?.annotations ?? {}
  if (before.metadata === undefined || before.metadata === null)
    return [{ op: 'add', path: '/metadata', value: { annotations: wanted } }]
  if (annotations === undefined || annotations === null)
    return Object.keys(wanted).length === 0
      ? []
      : [{ op: 'add', path: '/metadata/annotations', value: wanted }]
  return memberPatch(annotations, wanted, '/metadata/annotations')
}

function memberPatch(before: object, after: object, path: string): readonly PatchOperation[] {
  const [had, has] = [before as Record<string, unknown>, after as Record<string, unknown>]
  return [...new Set([...Object.keys(had), ...Object.keys(has)])].flatMap((key): PatchOperation[] => {
    if (isSame(had[key], has[key])) return []
    const at = `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (has[key] === undefined) return [{ op: 'remove', path: at }]
    return [{ op: Object.hasOwn(had, key) ? 'replace' : 'add', path: at, value: has[key] }]
  })
}
