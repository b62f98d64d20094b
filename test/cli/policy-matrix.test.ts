import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { countersign, scratch } from './command-line.js'
import { writePolicy } from './policy-workbench.js'

const VOID = '  - { id: void, hold: { api: billing, class: irreversible }, to: coder, approvers: finance }'

describe('policy matrix', () => {
  it('lists every operation with verdict and rule, and sums them up', async context => {
    const at = await scratch(context)
    const policy = await writePolicy(at('p.yaml'), VOID)
    const { code, out } = await countersign('policy', 'matrix', policy, '--agent', 'coder')
    assert.equal(code, 0)
    assert.match(out, /GET \/invoices\/\{id\} +read +admitted +read/)
    assert.match(out, /POST \/invoices\/\{id\}\/void +irreversible +held +void/)
    assert.match(out, /^ {2}volumeDelete +\S.* +denied +no rule$/m)
    assert.match(out, /^ {2}0 of 1 mutations admitted, 1 held, 0 irreversible$/m)
    assert.match(out, /^all APIs: 0 of \d{3} mutations admitted, 1 held, 0 irreversible$/m)
  })

  it('shows one verdict only, as JSON too', async context => {
    const at = await scratch(context)
    const policy = await writePolicy(at('p.yaml'), VOID)
    const { out } = await countersign(
      'policy',
      'matrix',
      policy,
      '--agent',
      'coder',
      '--only',
      'held',
      '--json',
    )
    const found = JSON.parse(out) as { rows: { operation: string }[]; totals: { operations: number } }
    assert.deepEqual(
      found.rows.map(row => row.operation),
      ['POST /invoices/{id}/void'],
    )
    assert.ok(found.totals.operations > 1_000)
  })

  it('attack: a name that turns the direction of its row around is spelled so that it can’t, in the page as well', async context => {
    const at = await scratch(context)
    const rule =
      '  - { id: one, hold: { api: billing, class: irreversible, resources: ["a\\u202eb"] }, to: coder, approvers: finance }'
    const policy = await writePolicy(at('p.yaml'), rule)
    const { out } = await countersign('policy', 'matrix', policy, '--agent', 'coder', '--html', at('m.html'))
    const page = await readFile(at('m.html'), 'utf8')
    for (const text of [out, page]) assert.ok(!text.includes('\u202e'))
    assert.ok(page.includes('a\ufffdb'))
  })

  it('writes one page that loads nothing, and whose script is the one its policy admits', async context => {
    const at = await scratch(context)
    const policy = await writePolicy(at('p.yaml'), '', '# <script>')
    const { code } = await countersign('policy', 'matrix', policy, '--agent', 'coder', '--html', at('m.html'))
    assert.equal(code, 0)
    const page = await readFile(at('m.html'), 'utf8')
    const script = /<script>([\s\S]*?)<\/script>/.exec(page)?.[1] ?? ''
    const digest = createHash('sha256').update(script).digest('base64')
    const csp = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1] ?? ''
    assert.ok(csp.includes('default-src &#39;none&#39;') && csp.includes(`sha256-${digest}`), csp)
    assert.ok(!/(?:src|href)=/.test(page))
    assert.match(page, /<label for="text">/)
    assert.match(page, /<th scope="row">volumeDelete<\/th>/)
  })

  it('asks which agent, where there are several, and knows its verdicts', async context => {
    const at = await scratch(context)
    const policy = await writePolicy(at('p.yaml'), '')
    assert.equal((await countersign('policy', 'matrix', policy)).code, 2)
    assert.equal((await countersign('policy', 'matrix', policy, '--agent', 'coder', '--only', 'x')).code, 2)
  })
})
