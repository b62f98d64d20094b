import { SaxesParser } from 'saxes'
import { fromUtf8 } from '../../canon/index.js'
import { protocolFault } from '../error-table.js'

/** An element as AWS's clients write it: other elements, or text. */
export interface XmlElement {
  readonly name: string
  /** Empty where there are elements below. */
  text: string
  readonly below: XmlElement[]
}

const MAX_DEPTH = 64
const MAX_ELEMENTS = 200_000

/**
 * Parses one XML 1.0 document without anything that a document can do beside holding data: no document type, no
 * entities but the five, no processing instruction, no comment, no CDATA, no prefixes. `xmlns` is read over;
 * `xsi:type`, the one attribute that AWS's models have, becomes an element of that name. Throws `aws_xml`.
 */
export function parseXml(bytes: Uint8Array): XmlElement {
  const text = fromUtf8(bytes)
  if (text.startsWith('\ufeff')) throw protocolFault('aws_xml')
  const reader = new Reader()
  try {
    reader.read(text)
  } catch {
    // The parser's words hold pieces of the body.
    throw protocolFault('aws_xml')
  }
  return reader.root()
}

class Reader {
  private readonly open: XmlElement[] = []
  private done: XmlElement | null = null
  private elements = 0

  read(text: string): void {
    const parser = new SaxesParser({ xmlns: false, forceXMLVersion: true, defaultXMLVersion: '1.0' })
    const refuse = (): never => {
      throw protocolFault('aws_xml')
    }
    parser.on('doctype', refuse)
    parser.on('processinginstruction', refuse)
    parser.on('comment', refuse)
    parser.on('cdata', refuse)
    parser.on('xmldecl', ({ version, encoding }) => {
      if (version !== '1.0' || (encoding !== undefined && encoding.toLowerCase() !== 'utf-8')) refuse()
    })
    parser.on('opentag', ({ name, attributes }) => this.enter(name, attributes))
    parser.on('text', part => this.append(part))
    parser.on('closetag', () => this.leave())
    parser.write(text).close()
  }

  root(): XmlElement {
    if (this.done === null) throw protocolFault('aws_xml')
    return this.done
  }

  private enter(name: string, attributes: Readonly<Record<string, string>>): void {
    const element: XmlElement = { name, text: '', below: [] }
    this.elements += 1
    if (name.includes(':') || this.open.length === MAX_DEPTH || this.elements > MAX_ELEMENTS)
      throw protocolFault('aws_xml')
    for (const [attribute, value] of Object.entries(attributes)) {
      if (attribute === 'xsi:type') element.below.push({ name: attribute, text: value, below: [] })
      else if (attribute !== 'xmlns' && attribute !== 'xmlns:xsi') throw protocolFault('aws_xml')
    }
    this.open.at(-1)?.below.push(element)
    this.open.push(element)
  }

  private append(part: string): void {
    const element = this.open.at(-1)
    if (element !== undefined) element.text += part
    else if (part.trim() !== '') throw protocolFault('aws_xml')
  }

  /** Text between elements is layout, or the document isn't data. */
  private leave(): void {
    const element = this.open.pop() as XmlElement
    if (element.below.length > 0) {
      if (element.text.trim() !== '') throw protocolFault('aws_xml')
      element.text = ''
    }
    if (this.open.length === 0) this.done = element
  }
}
