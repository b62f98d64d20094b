import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseDocument } from 'yaml'
import { type PolicySource, parsePolicySource } from '../policy/index.js'
import { packageRoot } from './catalogs.js'
import { UsageError } from './io.js'

const folder = () => join(packageRoot(), 'config', 'policies')

/** Names of the policies that a sidecar may start from: config/policies/NAME.yaml. */
export function policyTemplates(): readonly string[] {
  return readdirSync(folder())
    .filter(file => file.endsWith('.yaml'))
    .map(file => file.slice(0, -'.yaml'.length))
    .sort()
}

/** The source of a template. Throws a UsageError for a name that isn't one. */
export function readTemplate(name: string): string {
  if (!policyTemplates().includes(name))
    throw new UsageError(`there is no template ${name}`, `Use one of ${policyTemplates().join(', ')}.`)
  return readFileSync(join(folder(), `${name}.yaml`), 'utf8')
}

/** The template as it is read; throws as `readTemplate` does. */
export function documentOf(name: string): PolicySource['document'] {
  const source = parsePolicySource(readTemplate(name))
  if (source.kind === 'findings') throw new Error(`the template ${name} does not parse`)
  return source.document
}

/** The template for one deployment. Everything else, comments too, stays as it is written. */
export function templateFor(text: string, audience: string): string {
  const node = parseDocument(text).getIn(['metadata', 'audience'], true) as {
    range: [number, number, number]
  }
  const [start, end] = node.range
  return `${text.slice(0, start)}[${audience}]${text.slice(end)}`
}

/** Stands in the templates where a person's public key belongs: everybody knows its private half (RFC 8032 §7.1). */
const PLACEHOLDER_KEY = /ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo/g

/** The template with a key of one's own for its approvers; `makeKey` is asked only where the template has approvers. */
export function withApproverKey(text: string, makeKey: () => string): string {
  if (text.search(PLACEHOLDER_KEY) < 0) return text
  const key = makeKey()
  return text.replace(PLACEHOLDER_KEY, () => key)
}
