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
    assert.match(out, /WIDENS/)
    assert.ok(!out.includes('viewer'))
  })

  it('exits with 0 where it is only narrower, or the same', async context => {
    const at = await scratch(context)
    const [before, after] = [await writePolicy(at('a.yaml'), REFUND), await writePolicy(at('b.yaml'), '')]
    const narrower = await countersign('policy', 'diff', before, after)
    assert.deepEqual([narrower.code, /^- coder, stripe: admitted → denied$/m.test(narrower.out)], [0, true])
    const same = await countersign('policy', 'diff', before, before)
    assert.deepEqual([same.code, same.out], [0, 'The two policies mean the same.\n'])
  })

  it('sees what is wider beside the rules: an approver more, a later expiry, a statement dropped', async context => {
    const at = await scratch(context)
    const before = await writePolicy(at('a.yaml'), '', 'never: { class: irreversible }')
    const after = await writePolicy(at('b.yaml'), '')
    const { code, out } = await countersign('policy', 'diff', before, after, '--json')
    const found = JSON.parse(out) as { widens: boolean; terms: { what: string }[] }
    assert.deepEqual([code, found.widens], [1, true])
    assert.deepEqual(
      found.terms.map(each => each.what),
      ['never never-1 is no longer stated'],
    )
  })
})
