import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { blobOfText } from '../../src/protocol/aws/reading.js'
import { formOf } from '../../src/protocol/aws/resource-form.js'
import { withoutTrailing } from '../../src/protocol/trailing.js'

const HOME = { partition: 'aws', account: '111122223333', region: 'eu-west-1' }
/** An expression that starts over at every letter would be busy with it for days. */
const LONG = 16 * 1024 * 1024

describe('letters at the end of a text', () => {
  it('are taken off, and those before them stay', () => {
    for (const [text, bare] of [
      ['', ''],
      ['==', ''],
      ['ab', 'ab'],
      ['a=b==', 'a=b'],
    ] as const)
      assert.equal(withoutTrailing(text, '='), bare)
  })

  it('of a blob are counted in one pass, though something stands behind them', () => {
    assert.deepEqual(
      { ...(blobOfText(`${'='.repeat(LONG - 1)}x`) as object) },
      { lengthBytes: (LONG * 3) / 4 },
    )
    assert.equal(blobOfText('QQ=='), 'QQ==')
  })

  it('of a parameter’s path are taken off in one pass', () => {
    const home = 'arn:aws:ssm:eu-west-1:111122223333:parameter'
    const form = (path: string) => formOf('parameter-path', [path], HOME)
    assert.deepEqual(form('/prod//'), { kind: 'arn', arn: `${home}/prod`, like: `${home}/prod/*` })
    assert.deepEqual(form('//'), { kind: 'arn', arn: `${home}/`, like: `${home}/*` })
    const odd = `${'/'.repeat(LONG)}x`
    assert.deepEqual(form(odd), { kind: 'arn', arn: home + odd, like: `${home}${odd}/*` })
  })

  it('of a parameter’s name begin at its first colon, in one pass and with a line end behind them', () => {
    const form = (name: string) => formOf('parameter', [name], HOME)
    assert.deepEqual(form('/prod/key:3'), { kind: 'values', values: ['prod/key'] })
    assert.deepEqual(form(`key${':'.repeat(LONG)}\nx`), { kind: 'values', values: ['key'] })
  })
})
