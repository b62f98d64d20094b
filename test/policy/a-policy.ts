import {
  type ActivePolicy,
  activate,
  type CompiledResult,
  compilePolicy,
  type DecisionInput,
  type Finding,
  type PolicySource,
  parsePolicySource,
} from '../../src/policy/index.js'
import type { CatalogDocument, Operation } from '../../src/protocol/index.js'

export const A_KEY = 'ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'
export const ANOTHER_KEY = 'ed25519:PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw'

/** A policy of one API with four routes; the rules are given, everything else may be replaced. */
export function policyText(
  rules: string,
  parts: { readonly apis?: string; readonly expires?: string; readonly more?: string } = {},
): string {
  return `apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: test, version: 1, expires: ${parts.expires ?? '2030-01-01T00:00:00Z'}, audience: [staging] }
apis:
${
  parts.apis ??
  `  shop:
    upstream: https://shop.internal
    credential: shop
    routes:
      - { route: "GET /orders/{order}", class: read }
      - { route: "PATCH /orders/{order}", class: update, args: { state: string, amount: int, ratio: double, force: bool } }
      - { route: "POST /orders/{order}/refund", class: [billing, irreversible], effect: refund, args: { amount: int } }
      - { route: "POST /orders/{order}/note", class: update, args: { amount: string } }
credentials:
  shop: { minter: jwt, audience: https://shop.internal }`
}
agents:
  coder: { environment: staging, facts: { team: web, level: 3, tags: [a, b] } }
approvers:
  finance: { keys: { maria: "${A_KEY}" } }
windows:
  night: { from: "22:00", to: "06:00", zone: Europe/Berlin }
${parts.more ?? ''}
rules:
${rules}`
}

export function sourceOf(text: string): PolicySource {
  const source = parsePolicySource(text)
  if (source.kind === 'findings') throw new Error(`does not parse: ${describe(source.findings)}`)
  return source
}

export function compiledOf(text: string, catalogs = new Map<string, CatalogDocument>()): CompiledResult {
  const compiled = compilePolicy(sourceOf(text), { catalogs, files: new Map() })
  if (compiled.kind === 'findings') throw new Error(`does not compile: ${describe(compiled.findings)}`)
  return compiled
}

export function activeOf(text: string): ActivePolicy {
  const { payload, cid, catalogs } = compiledOf(text)
  return activate(payload, cid, catalogs)
}

/** Findings of parsing or compiling, as `code path`. */
export function findingsOf(text: string, files = new Map<string, string>()): readonly Finding[] {
  const source = parsePolicySource(text)
  if (source.kind === 'findings') return source.findings
  const compiled = compilePolicy(source, { catalogs: new Map(), files })
  return compiled.kind === 'findings' ? compiled.findings : []
}

export function codesOf(text: string): readonly string[] {
  return findingsOf(text).map(finding => `${finding.code} ${finding.path}`)
}

function describe(findings: readonly Finding[]): string {
  return findings.map(({ line, code, message }) => `${line}: ${code} ${message}`).join('\n')
}

export function operation(name: string, parts: Partial<Operation> = {}): Operation {
  const classes = parts.classes ?? ['read']
  return {
    api: 'shop',
    name,
    baseClasses: classes,
    classes,
    scope: { order: 'o1' },
    resources: [{ type: 'order', id: 'o1' }],
    args: {},
    effects: [],
    ...parts,
  }
}

export function inputOf(operations: readonly Operation[], parts: Partial<DecisionInput> = {}): DecisionInput {
  return {
    agent: { id: 'coder', environment: 'staging', task: 'task', owner: 'maria' },
    authorizationDetails: null,
    request: { api: 'shop', method: 'GET', target: '/orders/o1' },
    operations,
    nowMs: Date.parse('2027-01-10T12:00:00Z'),
    lastEntryMs: 0,
    probe: null,
    usage: () => 0,
    ...parts,
  }
}
