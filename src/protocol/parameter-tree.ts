import type { JsonObject, JsonValue } from '../canon/index.js'
import { protocolFault } from './error-table.js'

const MAX_DEPTH = 16

/**
 * Puts one decoded parameter where its brackets say: `a[b][0]` is the member `0` of the member `b` of `a`, and
 * `a[]` appends. `repeats` tells whether a plain name may come again and then makes a list. Lists written with
 * indices stay objects here; `compileShape` turns them into lists.
 *
 * Throws `parameter_duplicate` for the same place twice, `parameter_structure` for contradicting brackets.
 */
export function placeParameter(
  root: JsonObject,
  name: string,
  value: JsonValue,
  repeats: (name: string) => boolean,
): void {
  const bracket = name.indexOf('[')
  if (bracket === -1) {
    placePlain(root, checkedKey(name), value, repeats)
    return
  }
  let container = root
  let key = checkedKey(name.slice(0, bracket))
  let at = bracket
  for (let depth = 1; at < name.length; depth++) {
    const close = name.indexOf(']', at)
    if (name[at] !== '[' || close === -1 || depth > MAX_DEPTH) throw protocolFault('parameter_structure')
    const inner = name.slice(at + 1, close)
    at = close + 1
    if (inner === '') {
      if (at !== name.length) throw protocolFault('parameter_structure')
      append(container, key, value)
      return
    }
    container = memberObject(container, key)
    key = checkedKey(inner)
  }
  if (key in container)
    throw protocolFault(typeof container[key] === 'object' ? 'parameter_structure' : 'parameter_duplicate')
  container[key] = value
}

function placePlain(
  root: JsonObject,
  name: string,
  value: JsonValue,
  repeats: (name: string) => boolean,
): void {
  const present = root[name]
  if (present === undefined) root[name] = value
  else if (!repeats(name)) throw protocolFault('parameter_duplicate')
  else if (Array.isArray(present)) present.push(value)
  else if (typeof present === 'object') throw protocolFault('parameter_structure')
  else root[name] = [present, value]
}

function append(container: JsonObject, key: string, value: JsonValue): void {
  const list = container[key]
  if (list === undefined) container[key] = [value]
  else if (Array.isArray(list)) list.push(value)
  else throw protocolFault('parameter_structure')
}

function memberObject(container: JsonObject, key: string): JsonObject {
  const member = container[key]
  if (member === undefined) {
    const created: JsonObject = Object.create(null)
    container[key] = created
    return created
  }
  if (typeof member !== 'object' || member === null || Array.isArray(member))
    throw protocolFault('parameter_structure')
  return member
}

function checkedKey(key: string): string {
  if (!KEY.test(key)) throw protocolFault('parameter_structure')
  return key
}

/** No controls and no stray brackets. ATTACK: `%20amount`, which servers that trim names take for `amount`. */
const KEY = /^(?!\s)[^\p{Cc}[\]]+(?<!\s)$/u
