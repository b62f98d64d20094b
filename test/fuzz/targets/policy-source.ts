import { parse } from 'yaml'
import { canonicalBytes, contentId, type JsonObject, parseCanonical } from '../../../src/canon/index.js'
import { nativeCrypto } from '../../../src/native/index.js'
import { activate, compilePolicy, lintPolicy, parsePolicySource } from '../../../src/policy/index.js'
import { policyText } from '../../policy/a-policy.js'
import { equal, type FuzzTarget, holds, latin1 } from '../target.js'

const NOW = Date.parse('2027-01-10T12:00:00Z')

type Parse = typeof parsePolicySource

/** A source is findings or a policy, never a fault; another reader of YAML reads the same; what compiles is canonical and can be activated. */
export function policySourceWith(read: Parse): FuzzTarget['run'] {
  return bytes => {
    const text = Buffer.from(bytes).toString('utf8')
    const source = unfailing(read, text)
    if (source.kind === 'findings') {
      holds(source.findings.length > 0, 'a refusal says why')
      for (const { line, column } of source.findings)
        holds(line >= 1 && column >= 1, 'a finding has a place', line, column)
      return 'refused'
    }
    // Routes may be written without quotes, which YAML itself couldn't read.
    if (!/route:/.test(text))
      equal(
        source.document,
        parse(text, { maxAliasCount: 0, merge: false }),
        'another reader reads the same document',
      )
    const options = { catalogs: new Map(), files: new Map() }
    const compiled = compilePolicy(source, options)
    if (compiled.kind === 'findings') {
      holds(compiled.findings.length > 0, 'a refusal says why')
      return 'refused'
    }
    const bytesOf = canonicalBytes(compiled.payload)
    holds(
      contentId(nativeCrypto, bytesOf) === compiled.cid,
      'the content id is that of the canonical payload',
    )
    const again = compilePolicy(source, options)
    holds(again.kind !== 'findings' && again.cid === compiled.cid, 'it compiles the same again')
    activate(parseCanonical(bytesOf) as JsonObject, compiled.cid, compiled.catalogs)
    lintPolicy(source, { ...options, nowMs: NOW })
    return 'accepted'
  }
}

function unfailing(read: Parse, text: string): ReturnType<Parse> {
  try {
    return read(text)
  } catch (error) {
    return holds(false, 'reading a source never throws', String(error)) as never
  }
}

const RULES = `  - { id: read, allow: { api: shop, class: read }, to: [coder] }
  - { id: refunds, hold: { api: shop, effect: refund }, when: "args.amount > 5", to: [coder], approvers: finance, limit: { sum: args.amount, unit: eur, max: 50, per: day } }
  - { id: never, deny: { api: "*", except: { class: [read] } }, during: night, because: No. }`

export const target: FuzzTarget = {
  about:
    'policy sources: findings or a policy and never a fault, in bounded time, and canonical where it compiles',
  words: [
    '&a ',
    '*a',
    '<<: *a',
    '!!js/function ',
    '- ',
    ': ',
    '\n  ',
    '{ ',
    ' }',
    '[',
    ']',
    '"',
    "'",
    '|\n',
    '>-\n',
    '---\n',
    '...',
    '%YAML 1.1\n',
    '# ',
    'allow: { api: shop }',
    'deny: { api: "*" }',
    'to: [coder]',
    'when: "args.amount > 1"',
    'route: GET /a/{b}, class: read',
    'limit: { count: 2, per: 1h }',
    'during: night',
    '\u202e',
    '\u0085',
    '0x1f',
    '1e3',
    '.inf',
    'yes',
    'null',
    '~',
    'matches("(a+)+$")',
    'size(',
    '&&',
    '||',
    '? ',
  ],
  maxBytes: 2_500,
  run: policySourceWith(parsePolicySource),
  seeds: () => ({
    whole: policyText(RULES),
    small: policyText('  - { id: read, allow: { api: shop, class: read }, to: [coder] }'),
    routes: policyText('  - { id: read, allow: { api: shop, class: read }, to: [coder] }').replace(
      '"GET /orders/{order}"',
      'GET /orders/{order}',
    ),
    aliases: `a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: [*b,*b,*b,*b]\n`,
    duplicate: 'kind: RoutePolicy\nkind: Other\n',
    documents: `${latin1(Buffer.from('a: 1'))}\n---\nb: 2\n`,
    hidden: `# \u202e\nkind: RoutePolicy\n`,
    tag: 'kind: !!str RoutePolicy\n',
  }),
}
