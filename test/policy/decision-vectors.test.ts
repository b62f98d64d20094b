import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { JsonObject } from '../../src/canon/index.js'
import type { Decision } from '../../src/policy/index.js'
import type { Operation } from '../../src/protocol/index.js'
import { activeOf, inputOf } from './a-policy.js'

/** One file of test/vectors/decisions: a policy, and requests with the decision that they must get. */
interface DecisionVectors {
  readonly about: string
  readonly policy: string
  readonly cases: readonly {
    readonly name: string
    readonly operations: readonly Operation[]
    readonly agent?: { readonly id: string; readonly environment: string }
    readonly now?: string
    readonly lastEntry?: string
    readonly usage?: Readonly<Record<string, number>>
    readonly authorizationDetails?: readonly JsonObject[] | null
    readonly expected: Partial<Decision>
  }[]
}

const FOLDER = fileURLToPath(new URL('../../../test/vectors/decisions/', import.meta.url))
const files = readdirSync(FOLDER).filter(file => file.endsWith('.json'))

it('there are decision vectors', () => assert.ok(files.length >= 15))

for (const file of files) {
  const vectors = JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as DecisionVectors
  describe(`${file}: ${vectors.about}`, () => {
    const policy = activeOf(vectors.policy)
    for (const each of vectors.cases) {
      it(each.name, () => {
        const { agent = { id: 'coder', environment: 'staging' }, usage = {} } = each
        const decision = policy.decide(
          inputOf(each.operations, {
            agent: { ...agent, task: 'task', owner: 'maria' },
            nowMs: Date.parse(each.now ?? '2027-01-10T12:00:00Z'),
            lastEntryMs: each.lastEntry === undefined ? 0 : Date.parse(each.lastEntry),
            authorizationDetails: each.authorizationDetails ?? null,
            usage: window => usage[window.key] ?? 0,
          }),
        )
        const compared = Object.fromEntries(
          Object.keys(each.expected).map(key => [key, decision[key as keyof Decision]]),
        )
        assert.deepEqual(compared, each.expected)
      })
    }
  })
}
