import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { preferredWaitSeconds, withoutWait } from '../../src/gate/prefer.js'

const wait = (...values: string[]): number | null =>
  preferredWaitSeconds(values.map(value => ['prefer', value]))

describe('what an agent prefers', () => {
  it('is to wait where it says so, and the rest is for the upstream', () => {
    for (const [value, seconds, rest] of [
      ['wait=30', 30, ''],
      ['return=minimal, Wait = "30"', 30, 'return=minimal'],
      ['a="b, wait=10", wait=30; c', 30, 'a="b, wait=10"'],
      ['a="b\\", wait=10", wait=30', 30, 'a="b\\", wait=10"'],
      ['wait=x, return=minimal', null, 'return=minimal'],
      ['a="b, wait=10', null, 'a="b, wait=10'],
      ['a="b\\', null, 'a="b\\'],
    ] as const)
      assert.deepEqual([wait(value), withoutWait(value)], [seconds, rest], value)
  })

  it('attack: is read once, however often a string begins in it and doesn’t end', () => {
    // In a process of its own: what would take minutes can't be interrupted in this one.
    const url = new URL('../../src/gate/prefer.js', import.meta.url)
    const code = `import { preferredWaitSeconds } from ${JSON.stringify(url.href)}
      for (const text of ['\\\\"', '"\\\\', '"', '\\\\', ',"', '"a,'])
        preferredWaitSeconds([['prefer', '"' + text.repeat(100_000)]])`
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', code], { timeout: 20_000 })
    assert.deepEqual([run.signal, run.status], [null, 0], run.stderr.toString())
  })
})
