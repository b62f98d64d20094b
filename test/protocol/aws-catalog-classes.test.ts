import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { disagreements, readClassTable, reviewPage } from '../../scripts/catalog/aws-review.js'
import { WEAKER } from '../../scripts/catalog/aws-weaker.js'
import { needsSharedData, sharedData } from '../shared-data.js'
import { shippedServices } from './aws-services.js'

const REFERENCE = 'apidata/aws-operations-core44.json'
const REVIEW = fileURLToPath(new URL('../../../docs/aws-catalog-review.md', import.meta.url))

describe('the classes of AWS operations against a second table', () => {
  const found = () =>
    disagreements(
      [...shippedServices().values()],
      readClassTable(readFileSync(sharedData(REFERENCE) as string, 'utf8')),
    )

  it('are never less severe without a reason that somebody wrote', needsSharedData(REFERENCE), () => {
    const { compared, weaker } = found()
    assert.ok(compared > 3_500, `only ${compared} operations were compared`)
    assert.deepEqual(
      weaker.map(({ operation }) => operation).sort(),
      Object.keys(WEAKER).sort(),
      'scripts/catalog/aws-weaker.ts has to name exactly the operations that are taken for less',
    )
  })

  it('know the services by the same names', needsSharedData(REFERENCE), () => {
    const table = readClassTable(readFileSync(sharedData(REFERENCE) as string, 'utf8'))
    for (const id of Object.keys(table)) assert.ok(shippedServices().has(id), `there is no service ${id}`)
  })

  it('are reviewed in docs/aws-catalog-review.md as they are', needsSharedData(REFERENCE), () => {
    assert.equal(readFileSync(REVIEW, 'utf8'), reviewPage(found(), WEAKER))
  })
})
