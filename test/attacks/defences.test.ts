import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { it } from 'node:test'

interface Defence {
  readonly defence: string
  readonly file: string
  readonly take: string
  readonly at?: 'last'
  readonly test: string
}

const defences = JSON.parse(readFileSync('test/attacks/defences.json', 'utf8')) as readonly Defence[]

it('each defence that `npm run test:defences` takes out is there to be taken out', () => {
  for (const { defence, file, take, at, test } of defences) {
    const found = readFileSync(file, 'utf8').split(take).length - 1
    assert.ok(at === 'last' ? found > 0 : found === 1, `${defence}: ${file} has it ${found} times`)
    assert.ok(existsSync(test), `${defence}: ${test}`)
  }
})
