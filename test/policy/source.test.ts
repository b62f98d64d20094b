import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Value } from 'typebox/value'
import { PolicySchema } from '../../src/policy/document.js'
import { Findings } from '../../src/policy/finding.js'
import { parsePolicySource, policyJsonSchema } from '../../src/policy/index.js'
import { checkSchema } from '../../src/policy/schema-check.js'
import { policyText, sourceOf } from './a-policy.js'

const GOOD = policyText('  - { id: read, allow: { api: shop, class: read }, to: coder }')

const lineOfRules = GOOD.split('\n').indexOf('rules:') + 1

function findings(text: string): readonly string[] {
  const parsed = parsePolicySource(text)
  return parsed.kind === 'source'
    ? []
    : parsed.findings.map(({ line, code, path }) => `${line} ${code} ${path}`)
}

describe('a policy’s source', () => {
  it('is read, and every place in it can be found again', () => {
    const source = sourceOf(GOOD)
    assert.equal(source.document.metadata.version, 1)
    assert.deepEqual(source.locate(['metadata', 'name']), { line: 3, column: 13 })
    assert.deepEqual(source.locate(['rules', 0, 'allow', 'class']).line, GOOD.split('\n').length)
    assert.deepEqual(source.locate(['metadata', 'nowhere', 'at', 'all']).line, 3)
  })

  it('may write a route with braces without quotes, and positions stay true', () => {
    const source = sourceOf(GOOD.replaceAll(/"((GET|PATCH|POST) [^"]*)"/g, '$1'))
    assert.deepEqual(source.document, sourceOf(GOOD).document)
  })

  it('reports everything that is wrong, with line, path and the nearest known word', () => {
    const text = GOOD.replace('version: 1', 'version: one').replace('class: read }, to', 'class: reed }, too')
    assert.deepEqual(findings(text), [
      '3 wrong_value metadata.version',
      '23 wrong_value rules.0.allow.class',
      '23 unknown_key rules.0.too',
    ])
    const parsed = parsePolicySource(text)
    assert.ok(parsed.kind === 'findings')
    assert.match(parsed.findings[1]?.message ?? '', /Did you mean "read"\?/)
    assert.match(parsed.findings[2]?.message ?? '', /Did you mean "to"\?/)
    assert.ok(parsed.findings.every(each => each.mend !== ''))
  })

  it('attack: letters that nobody can see make a rule look like another one (CVE-2021-42574)', () => {
    for (const hidden of ['\u202e', '\u2066', '\u200b', '\u009b', '\u2028', '\ufeff'])
      assert.deepEqual(findings(GOOD.replace('rules:', `# a ${hidden} comment\nrules:`)), [
        `${lineOfRules} hidden_letter `,
      ])
    assert.deepEqual(findings(`\ufeff${GOOD}`), [])
    // Soft hyphen, grapheme joiner, Hangul fillers, variation selectors, tags, and joiners behind Latin letters.
    for (const hidden of [
      '\u00ad',
      '\u034f',
      '\u3164',
      '\uffa0',
      '\ufe0f',
      '\u{e0100}',
      '\u{e0041}',
      '\u200d',
      '\u200c',
    ])
      assert.deepEqual(findings(GOOD.replace('rules:', `# prod${hidden}\nrules:`)), [
        `${lineOfRules} hidden_letter `,
      ])
    for (const carried of ['⚠️ 1️⃣ 👩🏽‍🔧', '葛\u{e0100}城', 'क्‍ष', 'ᠠ᠋', 'naïve Ωμέγα', '金額　円'])
      assert.deepEqual(findings(GOOD.replace('rules:', `# ${carried}\nrules:`)), [], carried)
    assert.deepEqual(findings(GOOD.replace('rules:', '# می‌خواهم 👩‍🔧\nrules:')), [])
  })

  it('attack: a name with another space than the one that it shows fits nothing', () => {
    const named = (text: string) => GOOD.replace('rules:', `rules:\n${text}`)
    const deny = (rest: string) => named(`  - { id: a, deny: { api: shop }, ${rest} }`)
    for (const space of ['\u00a0', '\u2009', '\u3000']) {
      const found = findings(deny(`during: "by${space}night"`))
      assert.deepEqual(found, [`${lineOfRules + 1} hidden_letter `])
      assert.deepEqual(findings(deny(`because: "montant${space}!"`)), [])
    }
  })

  it('names the minter that was meant, and not the keys of every other one', () => {
    assert.deepEqual(findings(GOOD.replace('minter: jwt', 'minter: jvt')), [
      '14 wrong_value credentials.shop.minter',
    ])
    assert.deepEqual(findings(GOOD.replace('minter: jwt, ', '')), ['14 missing_key credentials.shop'])
    assert.deepEqual(findings(GOOD.replace('audience: https://shop.internal', 'audiance: x')), [
      '14 missing_key credentials.shop',
      '14 unknown_key credentials.shop.audiance',
    ])
  })

  it('needs an expiry', () => {
    assert.deepEqual(findings(GOOD.replace(/expires: [^,]*,/, '')), ['3 missing_key metadata'])
  })

  const refused: readonly (readonly [string, string, string])[] = [
    ['ATTACK: a duplicate key that another reader would resolve differently', 'a: 1\na: 2', 'yaml_syntax'],
    ['ATTACK: an alias bomb', 'a: &a [1]\nb: [*a, *a]', 'yaml_feature'],
    ['ATTACK: a merge key', '<<: { a: 1 }', 'yaml_feature'],
    ['ATTACK: a tag of its own', 'a: !!js/function "x"', 'yaml_feature'],
    ['ATTACK: a known tag', 'a: !!binary aGk=', 'yaml_feature'],
    ['ATTACK: a prototype key', '__proto__: { a: 1 }', 'yaml_feature'],
    ['ATTACK: a second document', `${GOOD}\n---\n${GOOD}`, 'yaml_feature'],
    ['ATTACK: a source beyond its bound', `# ${'x'.repeat(1 << 20)}`, 'source_too_large'],
    ['text that is not YAML', 'a: [1, 2', 'yaml_syntax'],
    ['nothing', '', 'yaml_syntax'],
  ]
  for (const [name, text, code] of refused) {
    it(`refuses: ${name}`, () => {
      const parsed = parsePolicySource(text)
      assert.ok(parsed.kind === 'findings')
      assert.ok(
        parsed.findings.some(each => each.code === code),
        JSON.stringify(parsed.findings),
      )
    })
  }

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), text => void parsePolicySource(text)),
    )
    fc.assert(
      fc.property(fc.nat(GOOD.length), fc.string({ maxLength: 4 }), (at, text) => {
        parsePolicySource(GOOD.slice(0, at) + text + GOOD.slice(at + 1))
      }),
      { numRuns: 200 },
    )
  })
})

describe('the schema', () => {
  it('in config/schema is the one that the parser checks', () => {
    const file = new URL('../../../config/schema/policy.v1.json', import.meta.url)
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), policyJsonSchema())
  })

  it('describes every key', () => {
    const undescribed: string[] = []
    const walk = (node: Record<string, unknown>, path: string): void => {
      for (const [key, child] of Object.entries(
        (node.properties ?? {}) as Record<string, Record<string, unknown>>,
      )) {
        if (typeof child.description !== 'string' && path !== '') undescribed.push(`${path}.${key}`)
        walk(child, `${path}.${key}`)
      }
      for (const inner of Object.values(
        (node.patternProperties ?? {}) as Record<string, Record<string, unknown>>,
      )) {
        walk(inner, `${path}.*`)
      }
      for (const inner of (node.anyOf ?? []) as Record<string, unknown>[]) walk(inner, path)
      if (typeof node.items === 'object') walk(node.items as Record<string, unknown>, `${path}[]`)
    }
    walk(policyJsonSchema(), '')
    assert.deepEqual(undescribed, [])
  })

  it('is accepted and refused alike by our checker and by typebox, for mutations of a policy', () => {
    const document = sourceOf(GOOD).document
    const leaf = fc.oneof(
      fc.constant(null),
      fc.integer(),
      fc.string(),
      fc.boolean(),
      fc.constant([]),
      fc.constant({}),
    )
    const paths = pathsOf(document)
    fc.assert(
      fc.property(fc.constantFrom(...paths), leaf, fc.boolean(), (path, value, remove) => {
        const mutated = mutate(structuredClone(document), path, remove ? undefined : value)
        const findings = new Findings(() => ({ line: 1, column: 1 }))
        checkSchema(PolicySchema, mutated, findings)
        assert.equal(!findings.hasErrors, Value.Check(PolicySchema, mutated), path.join('.'))
      }),
      { numRuns: 500 },
    )
  })
})

function pathsOf(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return [path]
  const below = Object.entries(value).flatMap(([key, inner]) =>
    pathsOf(inner, [...path, Array.isArray(value) ? Number(key) : key]),
  )
  return path.length === 0 ? below : [path, ...below]
}

function mutate(root: unknown, path: readonly (string | number)[], value: unknown): unknown {
  let at = root as Record<string | number, unknown>
  for (const step of path.slice(0, -1)) at = at[step] as Record<string | number, unknown>
  const last = path[path.length - 1] as string | number
  if (value === undefined && !Array.isArray(at)) delete at[last]
  else at[last] = value ?? null
  return root
}
