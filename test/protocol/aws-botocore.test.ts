import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Catalog, isUnclassifiable } from '../../src/protocol/index.js'
import { type BotocoreRequest, botocoreRequests, needsBotocore } from './aws-botocore.js'
import { classifySigned, shippedAws, shippedShelf } from './aws-fixture.js'

/** How requests of one protocol came out. */
interface Tally {
  total: number
  exact: number
  opaque: number
  differing: number
  readonly wrong: string[]
  readonly refused: Map<string, string[]>
}

/**
 * Every request that botocore's clients make of operations that the catalog has, under a policy that lists the one
 * service: a policy names its services, and those that share calls with another (rds, neptune, docdb) are refused
 * side by side.
 */
describe('requests of botocore’s clients', { skip: needsBotocore }, () => {
  const tallies = new Map<string, Tally>()

  before(async () => {
    let catalog: Catalog | null = null
    let names: ReadonlySet<string> = new Set()
    let service = ''
    for await (const request of botocoreRequests(shippedShelf.services)) {
      if (request.service !== service) {
        service = request.service
        catalog = shippedAws(service)
        names = new Set(catalog.operations().map(({ name }) => name))
      }
      if (names.has(`${service}:${request.operation}`)) count(tallies, catalog as Catalog, request)
    }
  })

  for (const protocol of ['ec2', 'query', 'json', 'rest-json', 'rest-xml']) {
    it(`${protocol}: at least 99 % resolve to their operation, and none to another`, () => {
      const tally = tallies.get(protocol) as Tally
      assert.deepEqual(tally.wrong, [])
      assert.ok(tally.exact / tally.total >= 0.99, JSON.stringify([...tally.refused]))
    })
  }

  after(() => {
    if (process.env.AWS_REPORT === undefined) return
    for (const [protocol, tally] of tallies)
      console.log(protocol, {
        ...tally,
        refused: [...tally.refused].map(([code, names]) => [code, names.length, ...names.slice(0, 12)]),
      })
  })
})

function count(tallies: Map<string, Tally>, catalog: Catalog, request: BotocoreRequest): void {
  let tally = tallies.get(request.protocol)
  if (tally === undefined) {
    tally = { total: 0, exact: 0, opaque: 0, differing: 0, wrong: [], refused: new Map() }
    tallies.set(request.protocol, tally)
  }
  const name = `${request.service}:${request.operation}`
  const result = classifySigned(catalog, request.raw)
  tally.total++
  if (isUnclassifiable(result)) {
    const { code } = result as { code: string }
    tally.refused.set(code, [...(tally.refused.get(code) ?? []), name])
    return
  }
  const [recognised] = result.kind === 'operations' ? result.operations : []
  if (recognised?.name === name) tally.exact++
  else tally.wrong.push(`${name} as ${recognised?.name}`)
  if (recognised?.opaque !== undefined) tally.opaque++
}
