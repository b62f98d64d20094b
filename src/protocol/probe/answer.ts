import { type JsonValue, utf8 } from '../../canon/index.js'
import { parseXml, type XmlElement } from '../aws/xml.js'

/**
 * An upstream's answer as facts are read from it: JSON as it is; XML as an object whose members are its elements, lists
 * where there are several of a name; null where it is neither.
 */
export function readAnswer(json: JsonValue, text: string): JsonValue {
  if (json !== null || !text.trimStart().startsWith('<')) return json
  try {
    const root = jsonOf(parseXml(utf8(text)))
    // A document without elements says nothing, which is an answer too.
    return root === '' ? {} : root
  } catch {
    return null
  }
}

function jsonOf({ text, below }: XmlElement): JsonValue {
  if (below.length === 0) return text
  const members: Record<string, JsonValue[]> = Object.create(null)
  for (const element of below) {
    const list = members[element.name] ?? []
    list.push(jsonOf(element))
    members[element.name] = list
  }
  return Object.fromEntries(
    Object.entries(members).map(([name, list]) => [name, list.length === 1 ? (list[0] as JsonValue) : list]),
  )
}
