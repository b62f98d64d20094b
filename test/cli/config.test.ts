import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'
import { CountersignError } from '../../src/canon/index.js'
import { loadConfig } from '../../src/cli/config.js'
import { configJsonSchema } from '../../src/cli/config-schema.js'
import { countersign, scratch } from './command-line.js'

const GOOD = `apiVersion: countersign.dev/v1
kind: Sidecar
origin: example.com/countersign/one
audience: staging
trust: { root: trust/root.json, pin: "sha256:${'0'.repeat(64)}" }
policy: { file: policy/policy.sealed.json }
gate: { listen: "127.0.0.1:0" }
keeper: { socket: run/keeper.sock, admin: run/admin.sock, keys: keys, enrolment: enrolment.json }
ledger: { dir: ledger, highWater: mark/high-water.json }
vault: { file: vault.jwe, key: { file: vault.key } }
`

interface Malformed {
  readonly name: string
  readonly from: string
  readonly to: string
  /** `line:column: path: message` of each thing that is said. */
  readonly said: readonly string[]
}

const MALFORMED: readonly Malformed[] = [
  {
    name: 'a misspelt key',
    from: 'listen:',
    to: 'lsten:',
    said: [
      '7:1: gate: The key "listen" is missing.',
      '7:9: gate.lsten: There is no key "lsten" here. Did you mean "listen"?',
    ],
  },
  {
    name: 'a key that is not there',
    from: 'audience: staging\n',
    to: '',
    said: ['1:1: The key "audience" is missing.'],
  },
  {
    name: 'a key given twice',
    from: 'kind: Sidecar',
    to: 'kind: Sidecar\nkind: Sidecar',
    said: ['3:1: Map keys must be unique'],
  },
  {
    name: 'a number where text belongs',
    from: 'staging',
    to: '7',
    said: ['4:1: audience: Expected text; put it in quotes if it looks like something else.'],
  },
  {
    name: 'an anchor',
    from: 'policy: {',
    to: 'policy: &p {',
    said: ['6:12: An anchor is not read.'],
  },
  {
    name: 'an alias',
    from: 'policy: { file: policy/policy.sealed.json }',
    to: 'policy: &p { file: policy/policy.sealed.json }\nlog: *p',
    said: ['6:12: An anchor is not read.', '7:6: An alias is not read.'],
  },
  {
    name: 'a merge key',
    from: 'policy: {',
    to: 'policy: { <<: { file: x },',
    said: ['6:11: The key << is not read.'],
  },
  { name: 'a tag', from: 'staging', to: '!!binary aGk=', said: ['4:20: A tag is not read.'] },
  {
    name: 'two documents',
    from: 'gate:',
    to: '---\ngate:',
    said: ['7:1: The file holds several documents.'],
  },
  {
    name: 'a pin that is no content id',
    from: 'sha256:',
    to: 'sha1:',
    said: [`5:33: trust.pin: "sha1:${'0'.repeat(64)}" does not fit ^sha256:[0-9a-f]{64}$.`],
  },
  {
    name: 'a number out of bounds',
    from: 'listen: "127.0.0.1:0"',
    to: 'listen: "127.0.0.1:0", upstreamTimeoutSeconds: 0',
    said: ['7:32: gate.upstreamTimeoutSeconds: The number must be at least 1.'],
  },
  {
    name: 'a log level that is none',
    from: 'gate:',
    to: 'log: { level: lout }\ngate:',
    said: ['7:8: log.level: Expected one of fatal, error, warn, info, debug, trace, silent.'],
  },
  {
    name: 'a vault key from nowhere',
    from: '{ file: vault.key }',
    to: 'vault.key',
    said: ['10:27: vault.key: Expected keys and values.'],
  },
  {
    name: 'two sources of the vault key',
    from: '{ file: vault.key }',
    to: '{ file: vault.key, env: KEY }',
    said: ['10:51: vault.key.env: There is no key "env" here.'],
  },
]

describe('a configuration', () => {
  it('is read, and its paths start from its folder', async t => {
    const at = await scratch(t)
    await writeFile(at('countersign.yaml'), GOOD)
    const { config, path } = loadConfig(at('countersign.yaml'))
    assert.equal(config.gate.listen, '127.0.0.1:0')
    assert.equal(path(config.ledger.dir), at('ledger'))
  })

  for (const { name, from, to, said } of MALFORMED) {
    it(`with ${name} is refused, with the place`, async t => {
      const at = await scratch(t)
      const file = at('countersign.yaml')
      assert.ok(GOOD.includes(from))
      await writeFile(
        file,
        GOOD.replace(from, () => to),
      )
      const findings = said.map(each => `${file}:${each}`).join('; ')
      const expected = `The file is not the configuration of a sidecar. (${findings}`
      assert.throws(
        () => loadConfig(file),
        (error: unknown) => {
          assert.ok(error instanceof CountersignError)
          assert.equal(error.code, 'config_malformed')
          assert.equal(error.message.replace(/\)$/, ''), expected)
          return true
        },
      )
    })
  }

  it('attack: that is not the one it was pinned to, to the byte, is refused', async t => {
    const at = await scratch(t)
    const file = at('countersign.yaml')
    const pin = `sha256:${createHash('sha256').update(GOOD).digest('hex')}`
    await writeFile(file, GOOD)
    assert.equal(loadConfig(file, pin).config.origin, 'example.com/countersign/one')
    for (const text of [`${GOOD}\n`, GOOD.replace('0'.repeat(64), '1'.repeat(64)), ''])
      for (const role of ['keeper', 'gate']) {
        await writeFile(file, text)
        assert.throws(() => loadConfig(file, pin), { code: 'config_altered' })
        const words = ['--role', role, '--config', file, '--config-digest', pin]
        const { code, err } = await countersign('run', ...words)
        assert.equal(code, 2)
        assert.match(err, /config_altered/)
      }
  })

  it('that is empty, or no YAML, is refused', async t => {
    const at = await scratch(t)
    for (const text of ['', '# nothing\n', '[1]', 'a: [', '\t']) {
      await writeFile(at('countersign.yaml'), text)
      assert.throws(
        () => loadConfig(at('countersign.yaml')),
        { code: 'config_malformed' },
        JSON.stringify(text),
      )
    }
  })

  it('makes a command end with exit code 2 and its mend on standard error', async t => {
    const at = await scratch(t)
    await writeFile(at('countersign.yaml'), GOOD.replace('kind: Sidecar', 'kind: Sidcar'))
    const { code, out, err } = await countersign('run', '--config', at('countersign.yaml'))
    assert.deepEqual([code, out], [2, ''])
    assert.match(
      err,
      /countersign\.yaml:2:1: kind: Only "Sidecar" may stand here\.\)\n {2}Mend what is listed;/,
    )
  })
})

describe('config/schema/config.v1.json', () => {
  it('is the schema that configurations are checked with; `npm run docs` writes it', () => {
    const file = new URL('../../../config/schema/config.v1.json', import.meta.url)
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), configJsonSchema())
  })

  it('is read by an independent validator, which accepts and refuses what we do', () => {
    const validate = new Ajv2020({ strict: true }).compile(configJsonSchema())
    assert.ok(validate(parse(GOOD)), JSON.stringify(validate.errors))
    for (const { from, to } of MALFORMED.filter(({ said }) => !/not read|documents|unique/.test(said.join())))
      assert.ok(!validate(parse(GOOD.replace(from, () => to))), to)
  })

  it('describes every key', () => {
    const undescribed: string[] = []
    const walk = (node: Record<string, unknown>, path: string): void => {
      const members = (node.properties ?? {}) as Record<string, Record<string, unknown>>
      for (const [key, child] of Object.entries(members)) {
        if (typeof child.description !== 'string') undescribed.push(`${path}.${key}`)
        walk(child, `${path}.${key}`)
      }
      for (const branch of (node.anyOf ?? []) as Record<string, unknown>[]) walk(branch, path)
    }
    walk(configJsonSchema(), '')
    assert.deepEqual(undescribed, [])
  })
})
