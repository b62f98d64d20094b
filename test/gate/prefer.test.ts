import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { preferredWaitSeconds, withoutWait } from '../../src/gate/prefer.js'

describe('preferences', () => {
  it('are told apart by the commas that no quoted string holds', () => {
    const value = 'a="x, wait=9", wait=30, b="\\", wait=8"'
    assert.equal(preferredWaitSeconds([['prefer', value]]), 30)
    assert.equal(withoutWait(value), 'a="x, wait=9", b="\\", wait=8"')
  })

  it('in a string that nothing closes are none', () => {
    assert.equal(preferredWaitSeconds([['prefer', 'a="x, wait=30']]), null)
    assert.equal(withoutWait('wait=30, a="x'), 'a="x')
  })

  /** An expression that looks for the end of a string anew at every quote would be busy with these for hours. */
  it('are read in one pass, however many quotes nothing closes', () => {
    for (const value of [
      `"${'\\"'.repeat(2_000_000)}`,
      `"${'a\\"'.repeat(1_000_000)}\\`,
      '"a\\'.repeat(1_000_000),
    ])
      assert.equal(preferredWaitSeconds([['prefer', value]]), null)
  })
})
