import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { countersign, scratch } from './command-line.js'
import { writePolicy } from './policy-workbench.js'

const REFUND = '  - { id: refund, allow: { api: stripe, operations: ["POST /v1/refunds"] }, to: coder }'

describe('policy diff', () => {
  it('says who may do what that could not, and exits with 1', async context => {
    const at = await scratch(context)
    const [before, after] = [await writePolicy(at('a.yaml'), ''), await writePolicy(at('b.yaml'), REFUND)]
    const { code, out } = await countersign('policy', 'diff', before, after)
    assert.equal(code, 1)
    assert.match(out, /^\+ coder, stripe: denied → admitted$/m)
    assert.match(out, /^ {4}POST \/v1\/refunds$/m)
    assert.match(out, /^The new policy widens 1 operation for coder\.\n\+ /)
    assert.ok(!out.includes('viewer'))
  })

  it('exits with 0 where it is only narrower, or the same', async context => {
    const at = await scratch(context)
    const [before, after] = [await writePolicy(at('a.yaml'), REFUND), await writePolicy(at('b.yaml'), '')]
    const narrower = await countersign('policy', 'diff', before, after)
    assert.match(narrower.out, /^The new policy widens nothing; it narrows 1 operation for coder\.\n- /)
    assert.deepEqual([narrower.code, /^- coder, stripe: admitted → denied$/m.test(narrower.out)], [0, true])
    const same = await countersign('policy', 'diff', before, before)
    assert.equal(same.code, 0)
    assert.match(same.out, /^The two policies mean the same\.\nold (sha256:[0-9a-f]{64})\nnew \1\n$/)
  })

  it('sees what is wider beside the rules: an approver more, a later expiry, a statement dropped', async context => {
    const at = await scratch(context)
    const before = await writePolicy(at('a.yaml'), '', 'never: { class: irreversible }')
    const after = await writePolicy(at('b.yaml'), '')
    const { code, out } = await countersign('policy', 'diff', before, after, '--json')
    const found = JSON.parse(out) as { headline: string; widens: boolean; terms: { what: string }[] }
    assert.deepEqual([code, found.widens], [1, true])
    assert.equal(found.headline, 'The new policy widens 1 term beside the rules.')
    assert.deepEqual(
      found.terms.map(each => each.what),
      ['never never-1 is no longer stated'],
    )
  })

  it('attack: a condition that moves the cursor can’t overwrite what is wider', async context => {
    const at = await scratch(context)
    const rule =
      '  - { id: void, allow: { api: billing, operations: ["POST /invoices/{id}/void"] }, to: coder, when: "WHEN" }'
    const before = await writePolicy(at('a.yaml'), '')
    const after = await writePolicy(
      at('b.yaml'),
      rule.replace('WHEN', "args.amount < 5 && '\\e[9A\\e[0J\\u202e' != ''"),
    )
    for (const command of [
      ['policy', 'diff', before, after],
      ['policy', 'matrix', after, '--agent', 'coder', '--only', 'admitted'],
    ]) {
      const { out } = await countersign(...command)
      assert.match(out, /when args\.amount < 5 && '�\[9A�\[0J�' != ''/)
      assert.doesNotMatch(out, /[^\P{C}\n]/u)
    }
  })

  it('says in its first line how much is wider and for whom, and what may be', async context => {
    const at = await scratch(context)
    const before = await writePolicy(
      at('a.yaml'),
      '  - { id: void, allow: { api: billing, operations: ["POST /invoices/{id}/void"] }, to: viewer, when: args.amount < 5 }',
    )
    const both = `  - { id: refund, allow: { api: stripe, operations: ["POST /v1/refunds", "POST /v1/customers"] }, to: coder }
  - { id: customers, allow: { api: stripe, operations: ["POST /v1/customers"] }, to: viewer }
  - { id: void, allow: { api: billing, operations: ["POST /invoices/{id}/void"] }, to: viewer, when: args.amount % 2 == 1 }`
    const after = await writePolicy(at('b.yaml'), both)
    const { code, out } = await countersign('policy', 'diff', before, after)
    assert.equal(code, 1)
    assert.equal(
      out.split('\n')[0],
      'The new policy widens 2 operations for coder and 1 for viewer; it may widen 1 operation for viewer.',
    )
    const sameRoutes = await writePolicy(at('c.yaml'), both.replace('% 2 == 1', '% 3 == 1'))
    assert.match(
      (await countersign('policy', 'diff', after, sameRoutes)).out,
      /^The new policy may widen 1 operation for viewer: it could not be shown that it doesn’t\.\n~ /,
    )
  })
})
