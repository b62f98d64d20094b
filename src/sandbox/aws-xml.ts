import { SaxesParser } from 'saxes'
import { AwsRefusal } from './aws-refusal.js'

/**
 * What an element holds. A list repeats its element; a wrapped list is written as AWS wraps it, `{ member: [...] }`,
 * `{ item: [...] }`. Undefined leaves the element out, null leaves it empty.
 */
export type XmlValue =
  | string
  | number
  | boolean
  | Date
  | null
  | undefined
  | readonly XmlValue[]
  | { readonly [name: string]: XmlValue }

/** A document with one root element: `<?xml version="1.0" encoding="UTF-8"?>\n<Name xmlns="…">…</Name>`. */
export function xmlDocument(name: string, xmlns: string | null, value: XmlValue): string {
  const attribute = xmlns === null ? '' : ` xmlns="${escaped(xmlns)}"`
  const inner = contentOf(value)
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${checked(name)}${attribute}>${inner}</${name}>`
}

function element(name: string, value: XmlValue): string {
  if (value === undefined) return ''
  if (isList(value)) return value.map(each => element(name, each)).join('')
  return `<${checked(name)}>${contentOf(value)}</${name}>`
}

function contentOf(value: XmlValue): string {
  if (value === undefined || value === null) return ''
  if (value instanceof Date) return value.toISOString()
  if (isList(value)) throw new Error('a list needs an element to repeat')
  if (typeof value === 'object')
    return Object.entries(value)
      .map(([name, each]) => element(name, each))
      .join('')
  return escaped(String(value))
}

function isList(value: XmlValue): value is readonly XmlValue[] {
  return Array.isArray(value)
}

function checked(name: string): string {
  if (!/^[A-Za-z][A-Za-z0-9]*$/.test(name)) throw new Error('not the name of an element')
  return name
}

/** Control characters become references, as S3 writes keys that hold them; XML 1.0 has no better way. */
function escaped(text: string): string {
  return text.replace(/[&<>"\p{Cc}\ufffe\uffff]/gu, character => {
    const named = NAMED[character]
    return named ?? `&#x${character.charCodeAt(0).toString(16).toUpperCase()};`
  })
}

const NAMED: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** One element as it was read; namespaces and attributes are left out. */
export interface XmlElement {
  readonly name: string
  readonly text: string
  readonly children: readonly XmlElement[]
}

const MAX_DEPTH = 16

/** Reads one document. Throws `AwsRefusal` (`MalformedXML`) for what isn't well-formed, has a DOCTYPE or another root. */
export function parseXml(bytes: Uint8Array, root: string): XmlElement {
  type Open = { name: string; text: string; children: Open[] }
  const open: Open[] = [{ name: '', text: '', children: [] }]
  const parser = new SaxesParser({ xmlns: false })
  const top = () => open[open.length - 1] as Open
  parser.on('error', () => {
    throw malformed()
  })
  parser.on('doctype', () => {
    throw malformed()
  })
  parser.on('opentag', ({ name }) => {
    const child: Open = { name: name.replace(/^[^:]*:/, ''), text: '', children: [] }
    top().children.push(child)
    open.push(child)
    if (open.length > MAX_DEPTH) throw malformed()
  })
  parser.on('closetag', () => void open.pop())
  parser.on('text', text => {
    top().text += text
  })
  parser.on('cdata', text => {
    top().text += text
  })
  try {
    parser.write(new TextDecoder('utf-8', { fatal: true }).decode(bytes)).close()
  } catch {
    throw malformed()
  }
  const found = open[0]?.children[0]
  if (found === undefined || found.name !== root) throw malformed()
  return found
}

/** Text of the one child of that name. Throws `AwsRefusal` where there are several. */
export function childText(parent: XmlElement, name: string): string | undefined {
  const found = parent.children.filter(child => child.name === name)
  if (found.length > 1) throw malformed()
  return found[0]?.text
}

function malformed(): AwsRefusal {
  return new AwsRefusal(
    'MalformedXML',
    'The XML you provided was not well-formed or did not validate against our published schema',
  )
}
