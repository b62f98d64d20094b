import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { it } from 'node:test'
import { reportFault } from '../../src/cli/fault-report.js'

function reported(act: () => unknown): string {
  const stderr = new PassThrough()
  try {
    act()
  } catch (error) {
    assert.equal(reportFault(error, { stderr }), 2)
  }
  return String(stderr.read())
}

it('says of a path that the system refuses what is wrong with it, and shows no stack', () => {
  assert.equal(
    reported(() => statSync('/dev/null/x')),
    'error: /dev/null/x can’t be used (ENOTDIR at stat)\n  Check the path, its owner and its mode.\n',
  )
})

it('shows where a fault of the program’s own came from', () => {
  assert.match(
    reported(() => {
      throw new TypeError('undefined is not a function')
    }),
    /^error: TypeError: undefined is not a function\n +at /,
  )
})
