import { canonicalize, type JsonValue } from '../canon/index.js'
import type { CompiledPolicy } from './compiled.js'
import type { Direction, TermChange } from './diff.js'
import { limitWords } from './rule-words.js'

type Approvers = CompiledPolicy['approvers'][string]

/**
 * What has changed beside the rules. Whatever could let somebody do more is `widened`, or `changed` where that
 * depends on what a name stands for outside the policy.
 */
export function termChanges(before: CompiledPolicy, after: CompiledPolicy): readonly TermChange[] {
  const changes: TermChange[] = []
  const add = (direction: Direction, what: string): void => {
    changes.push({ direction, what })
  }
  if (after.expires !== before.expires) {
    add(
      after.expires > before.expires ? 'widened' : 'narrowed',
      `expires ${date(before.expires)} → ${date(after.expires)}`,
    )
  }
  for (const audience of after.audience)
    if (!before.audience.includes(audience)) add('widened', `audience ${audience} is new`)
  for (const audience of before.audience)
    if (!after.audience.includes(audience)) add('narrowed', `audience ${audience} is gone`)
  compare(before.apis, after.apis, 'API', add, (name, old, fresh) => {
    if (old.catalog !== fresh.catalog)
      add('changed', `API ${name} has another catalog; its operations are compared`)
    if (differ({ ...old, catalog: '' }, { ...fresh, catalog: '' }))
      add('changed', `API ${name} has other origins, another credential or other terms`)
  })
  compare(before.credentials, after.credentials, 'credential', add, name =>
    add('changed', `credential ${name} means something else`),
  )
  compare(before.agents, after.agents, 'agent', add, (name, old, fresh) => {
    const more = fresh.identities.some(each => !old.identities.some(known => !differ(each, known)))
    if (more) add('widened', `agent ${name} can prove itself in another way`)
    else if (old.identities.length > fresh.identities.length)
      add('narrowed', `agent ${name} has fewer identities`)
    if (old.session !== fresh.session)
      add(fresh.session > old.session ? 'widened' : 'narrowed', `agent ${name} has another session length`)
    if (old.environment !== fresh.environment || differ(old.facts, fresh.facts))
      add('changed', `agent ${name} has another environment or other facts`)
  })
  compare(before.approvers, after.approvers, 'approver group', add, (name, old, fresh) =>
    add(
      isStricter(fresh, old) ? 'narrowed' : 'widened',
      `approver group ${name}: ${approverWords(old)} → ${approverWords(fresh)}`,
    ),
  )
  compare(before.windows, after.windows, 'window', add, name =>
    add('changed', `window ${name} is at another time`),
  )
  for (const name of ['perAgent', 'perTask'] as const) {
    const [old, fresh] = [before.limits?.[name], after.limits?.[name]]
    if (!differ({ limit: old ?? null }, { limit: fresh ?? null })) continue
    const words = `limits.${name}: ${old === undefined ? 'none' : limitWords(old)} → ${fresh === undefined ? 'none' : limitWords(fresh)}`
    if (fresh === undefined) add('widened', words)
    else if (old === undefined) add('narrowed', words)
    else if (differ(old.window, fresh.window)) add('changed', words)
    else add(fresh.max > old.max ? 'widened' : 'narrowed', words)
  }
  for (const name of ['maxUnwitnessed', 'maxUnshipped'] as const)
    for (const unit of ['entries', 'seconds'] as const) {
      const [old, fresh] = [before.evidence?.[name]?.[unit], after.evidence?.[name]?.[unit]]
      if (old === fresh) continue
      const words = `evidence ${name}: ${old ?? 'any number of'} → ${fresh ?? 'any number of'} ${unit}`
      add((fresh ?? Infinity) > (old ?? Infinity) ? 'widened' : 'narrowed', words)
    }
  for (const statement of before.never ?? []) {
    const kept = (after.never ?? []).find(({ id }) => id === statement.id)
    if (kept === undefined) add('widened', `never ${statement.id} is no longer stated`)
    else if (differ(statement, kept)) add('changed', `never ${statement.id} says something else`)
  }
  for (const { id } of after.never ?? [])
    if (!(before.never ?? []).some(each => each.id === id)) add('narrowed', `never ${id} is new`)
  return changes
}

/** Something new by name can't be reached until a rule or an API names it, and those are compared by themselves. */
function compare<T extends object>(
  before: Readonly<Record<string, T>>,
  after: Readonly<Record<string, T>>,
  kind: string,
  add: (direction: Direction, what: string) => void,
  changed: (name: string, old: T, fresh: T) => void,
): void {
  for (const name of Object.keys({ ...before, ...after }).sort()) {
    const [old, fresh] = [before[name], after[name]]
    if (old === undefined) add('changed', `${kind} ${name} is new`)
    else if (fresh === undefined) add('narrowed', `${kind} ${name} is gone`)
    else if (differ(old, fresh)) changed(name, old, fresh)
  }
}

function isStricter(fresh: Approvers, old: Approvers): boolean {
  const newKeys = Object.entries(fresh.keys).some(
    ([name, key]) => old.keys[name] === undefined || differ(key, old.keys[name]),
  )
  return !newKeys && fresh.threshold >= old.threshold && fresh.expires <= old.expires
}

function approverWords({ keys, threshold, expires }: Approvers): string {
  return `${threshold} of ${Object.keys(keys).sort().join(', ')} within ${expires}s`
}

function differ(a: object, b: object): boolean {
  return canonicalize(a as JsonValue) !== canonicalize(b as JsonValue)
}

function date(ms: number): string {
  return new Date(ms).toISOString()
}
