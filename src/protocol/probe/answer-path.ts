import type { JsonValue } from '../../canon/index.js'
import { malformed } from '../document-shape.js'

/** A path into an answer: members, and conditions on what they hold. */
export type AnswerPath = readonly PathStep[]
type PathStep =
  | { readonly kind: 'member'; readonly name: string }
  /** Goes on only with what holds the resource, or this word, at these members. */
  | {
      readonly kind: 'which'
      readonly members: readonly string[]
      readonly is: 'id' | 'name' | { readonly word: string }
    }

/** The resource that is asked about: its id, and the last part of it. */
export interface Subject {
  readonly id: string
  readonly name: string
}

const STEP =
  /([A-Za-z_][A-Za-z0-9_]{0,127})(?:\[([A-Za-z_][A-Za-z0-9_.]{0,127})=(\$id|\$name|[A-Za-z0-9_-]{1,64})\])?(?:\.|$)/y

/**
 * `data.project.volumes.edges[node.id=$id].node.name`: lists are gone through wherever they stand, since XML doesn't
 * tell one element from a list of one. Throws `catalog_malformed`.
 */
export function compileAnswerPath(value: unknown, where: string): AnswerPath {
  if (typeof value !== 'string' || value === '' || value.endsWith('.')) throw malformed(where, 'a path')
  const steps: PathStep[] = []
  STEP.lastIndex = 0
  while (STEP.lastIndex < value.length) {
    const found = STEP.exec(value)
    if (found === null) throw malformed(where, 'a path')
    const [, name, members, is] = found
    steps.push({ kind: 'member', name: name as string })
    if (members !== undefined && is !== undefined)
      steps.push({ kind: 'which', members: members.split('.'), is: wantedOf(is) })
  }
  return steps
}

function wantedOf(text: string): 'id' | 'name' | { readonly word: string } {
  if (text === '$id') return 'id'
  return text === '$name' ? 'name' : { word: text }
}

/** Every value at a path, null ones too; empty where there is none. */
export function valuesAtPath(answer: JsonValue, path: AnswerPath, subject: Subject): readonly JsonValue[] {
  let reached = flat(answer)
  for (const step of path)
    reached =
      step.kind === 'member'
        ? reached.flatMap(here => below(here, step.name))
        : reached.filter(here =>
            step.members
              .reduce(belowAll, [here])
              .includes(typeof step.is === 'string' ? subject[step.is] : step.is.word),
          )
  return reached
}

/** Whether something is at the path; an empty list is, null isn't. */
export function isThere(answer: JsonValue, path: AnswerPath, subject: Subject): boolean {
  const last = path.at(-1)
  if (last?.kind !== 'member') return valuesAtPath(answer, path, subject).length > 0
  return valuesAtPath(answer, path.slice(0, -1), subject).some(
    here =>
      typeof here === 'object' &&
      here !== null &&
      !Array.isArray(here) &&
      Object.hasOwn(here, last.name) &&
      here[last.name] !== null,
  )
}

function belowAll(here: readonly JsonValue[], name: string): readonly JsonValue[] {
  return here.flatMap(each => below(each, name))
}

function below(here: JsonValue, name: string): readonly JsonValue[] {
  if (typeof here !== 'object' || here === null || Array.isArray(here) || !Object.hasOwn(here, name))
    return []
  return flat(here[name] as JsonValue)
}

function flat(value: JsonValue): readonly JsonValue[] {
  return Array.isArray(value) ? value.flatMap(flat) : [value]
}
