import { SaxesParser } from 'saxes'
import { credentialFault } from './error-table.js'
import type { OutboundAnswer } from './outbound.js'

/** What AssumeRole gives out. */
export interface AssumedRole {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
  readonly expiresMs: number
}

const CREDENTIALS = 'AssumeRoleResponse/AssumeRoleResult/Credentials'
const ERROR_CODE = 'ErrorResponse/Error/Code'
const MAX_DEPTH = 8
const MAX_CHARS = 65_536

/**
 * Codes that may be repeated in a log: of an answer nothing else is, because its words may hold what was sent.
 * https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
 */
const REFUSALS: readonly string[] = [
  'AccessDenied',
  'ExpiredToken',
  'ExpiredTokenException',
  'IncompleteSignature',
  'InvalidClientTokenId',
  'MalformedPolicyDocument',
  'PackedPolicyTooLarge',
  'RegionDisabledException',
  'SignatureDoesNotMatch',
  'ValidationError',
]

/** Reads the XML that STS answers AssumeRole with. Throws `mint_refused` where it says that it won't, `mint_answer` for anything else. */
export function assumedRole({ status, text }: OutboundAnswer): AssumedRole {
  const texts = xmlTexts(text)
  if (status === 400 || status === 403) throw refusalOf(texts?.get(ERROR_CODE))
  if (status !== 200) throw credentialFault('mint_answer', `status ${status}`)
  if (texts === null) throw credentialFault('mint_answer', 'not the XML of AssumeRole')
  return {
    accessKeyId: member(texts, 'AccessKeyId', /^[A-Za-z0-9_]{4,128}$/),
    secretAccessKey: member(texts, 'SecretAccessKey', /^[\x21-\x7e]{8,1024}$/),
    sessionToken: member(texts, 'SessionToken', /^[\x21-\x7e]{8,16384}$/),
    expiresMs: expiryMs(member(texts, 'Expiration', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z$/)),
  }
}

function refusalOf(code: string | undefined): Error {
  if (code === undefined) return credentialFault('mint_answer', 'a refusal that is not in the form of STS')
  return REFUSALS.includes(code)
    ? credentialFault('mint_refused', code)
    : credentialFault('mint_answer', 'a refusal for another reason')
}

function member(texts: ReadonlyMap<string, string>, name: string, form: RegExp): string {
  const value = texts.get(`${CREDENTIALS}/${name}`)
  if (value === undefined || !form.test(value)) throw credentialFault('mint_answer', name)
  return value
}

function expiryMs(text: string): number {
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) throw credentialFault('mint_answer', 'Expiration')
  return ms
}

/**
 * Texts of a document's leaves by path, or null for one that isn't well formed, is longer or deeper than an answer of
 * STS, has a document type, or has an element twice: nothing is picked from what can be read in two ways.
 */
function xmlTexts(xml: string): ReadonlyMap<string, string> | null {
  if (xml === '' || xml.length > MAX_CHARS) return null
  const texts = new Map<string, string>()
  const path: string[] = []
  const seen = new Set<string>()
  let content = ''
  let sound = true
  const refuse = () => {
    sound = false
  }
  const parser = new SaxesParser()
  parser.on('error', refuse)
  parser.on('doctype', refuse)
  parser.on('opentag', ({ name }) => {
    // ATTACK: elements in elements by the thousand, each with its path.
    if (!sound) return
    path.push(name)
    const where = path.join('/')
    if (path.length > MAX_DEPTH || seen.has(where)) refuse()
    seen.add(where)
    content = ''
  })
  parser.on('text', text => {
    content += text
  })
  parser.on('cdata', text => {
    content += text
  })
  parser.on('closetag', () => {
    if (!sound) return
    const where = path.join('/')
    if (content.trim() !== '') texts.set(where, content.trim())
    path.pop()
    content = ''
  })
  parser.write(xml).close()
  return sound ? texts : null
}
