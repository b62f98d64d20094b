import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { JsonObject } from '../../src/canon/index.js'
import { counterexampleOf } from '../../src/policy/counterexample.js'
import { diffPolicies } from '../../src/policy/diff.js'
import { type Decision, type Effect, openSurvey, type PolicySurvey } from '../../src/policy/index.js'
import { matrixOf, UNLISTED } from '../../src/policy/matrix.js'
import { findBreaches } from '../../src/policy/never.js'
import { classify, type Operation } from '../../src/protocol/index.js'
import {
  type Circumstances,
  inputFrom,
  policyOf,
  type RandomPolicy,
  someCircumstances,
  someOperation,
  someRule,
  someStatement,
  someTerms,
} from './random-policy.js'
import { expectedDecision, speaksOf } from './reference-decider.js'

/** Policies that are tried; each is asked about some requests. */
const RUNS = Number(process.env.COUNTERSIGN_POLICY_RUNS ?? 40)
/** Making a policy smaller takes minutes; what disagreed stands in the message. */
const RUN = { numRuns: RUNS, endOnFailure: true }
const SEVERITY: Readonly<Record<Effect, number>> = { allow: 0, hold: 1, deny: 2 }
const SAID = { allow: 'admitted', hold: 'held', deny: 'denied' } as const

const someRules = fc.array(someRule, { minLength: 3, maxLength: 8 })
/** What the tools speak of: requests of one operation, for an agent of the policy, whose grant has no narrowing. */
const someRequests = fc.array(fc.tuple(someOperation, someCircumstances, fc.constantFrom('coder', 'other')), {
  minLength: 20,
  maxLength: 40,
})

function inForce(
  operation: Operation,
  circumstances: Circumstances,
  agent: string,
  { active }: RandomPolicy,
): ReturnType<typeof inputFrom> | null {
  const spec = specOf(active, operation)
  const raised = operation.classes.filter(each => !operation.baseClasses.includes(each))
  // A catalog raises the classes that it says it may.
  if (!raised.every(each => spec?.raisable.includes(each) === true)) return null
  if (operation.account !== undefined && spec?.scope.includes('account') !== true && spec !== undefined)
    return null
  if (!operation.resources.every(({ type }) => spec === undefined || spec.resources.includes(type)))
    return null
  if (circumstances.nowMs >= active.expiresMs) return null
  return inputFrom([operation], {
    ...circumstances,
    agent,
    environment: 'staging',
    lastEntryMs: 0,
    authorizationDetails: null,
  })
}

function specOf(active: RandomPolicy['active'], { api, name }: Operation) {
  return active.apis
    .get(api)
    ?.catalog.operations()
    .find(each => each.name === name)
}

function surveyOf({ compiled, active }: RandomPolicy): PolicySurvey {
  return openSurvey(compiled.payload, active.apis)
}

function show(
  policy: RandomPolicy,
  operation: Operation,
  decision: Pick<Decision, 'effect' | 'code' | 'rule'>,
): string {
  const { rules, never } = policy.world.document
  const { effect, code, rule } = decision
  return JSON.stringify({ effect, code, rule, operation, rules, never })
}

describe('the workbench, held against what is decided', () => {
  it('matrix: nothing that is always so is ever otherwise, and nothing passes that it says is denied', () => {
    const seen: Record<string, number> = {}
    fc.assert(
      fc.property(someRules, someTerms, someRequests, (rules, terms, requests) => {
        const policy = policyOf(rules, terms)
        const survey = surveyOf(policy)
        const rows = new Map(
          ['coder', 'other'].flatMap(agent =>
            matrixOf(survey, agent).rows.map(row => [`${agent} ${row.api} ${row.operation}`, row] as const),
          ),
        )
        for (const [operation, circumstances, agent] of requests) {
          const input = inForce(operation, circumstances, agent, policy)
          if (input === null) continue
          const decision = policy.active.decide(input)
          const listed = specOf(policy.active, operation) !== undefined
          const row = rows.get(`${agent} ${operation.api} ${listed ? operation.name : UNLISTED}`)
          assert.ok(row)
          const most = ['admitted', 'held', 'denied'].indexOf(row.verdict)
          const context = () => `${JSON.stringify(row)} ${show(policy, operation, decision)}`
          assert.ok(SEVERITY[decision.effect] >= most, `more passes: ${context()}`)
          if (row.always) assert.equal(SAID[decision.effect], row.verdict, `always: ${context()}`)
          if (decision.effect === 'allow')
            for (const each of operation.classes)
              assert.ok(row.admittedClasses.includes(each), `admitted class: ${context()}`)
          const key = `${SAID[decision.effect]} of ${row.verdict}${row.always ? ' always' : ''}`
          seen[key] = (seen[key] ?? 0) + 1
        }
      }),
      RUN,
    )
    for (const end of ['admitted of admitted always', 'denied of admitted', 'held of held'])
      assert.ok((seen[end] ?? 0) > 0, end)
  })

  it('never: what passes breaks the statements that speak of it', () => {
    let [broken, silent] = [0, 0]
    fc.assert(
      fc.property(
        someRules,
        fc.array(someStatement, { minLength: 1, maxLength: 4 }),
        someTerms,
        someRequests,
        (rules, statements, terms, requests) => {
          const policy = policyOf(rules, terms, statements)
          const never = [policy.world.document.never ?? []].flat()
          const breaches = findBreaches(surveyOf(policy))
          for (const [operation, circumstances, agent] of requests) {
            const input = inForce(operation, circumstances, agent, policy)
            if (input === null) continue
            const decision = policy.active.decide(input)
            if (decision.effect === 'deny') continue
            const listed = specOf(policy.active, operation) !== undefined
            for (const { without, because: _, ...statement } of never) {
              const selector = { id: '', ...statement }
              if (decision.effect === 'hold' && without === 'approval') continue
              if (!speaksOf(policy.world, selector, input, operation)) {
                silent++
                continue
              }
              broken++
              const found = breaches.some(
                each =>
                  each.statement.id === statement.id &&
                  each.agent === agent &&
                  each.api === operation.api &&
                  (each.spec?.name ?? UNLISTED) === (listed ? operation.name : UNLISTED),
              )
              assert.ok(found, `${statement.id} is broken: ${show(policy, operation, decision)}`)
            }
          }
        },
      ),
      RUN,
    )
    assert.ok(broken > 0 && silent > 0, `${broken} ${silent}`)
  })

  it('prove: a request that is said to pass does', () => {
    let confirmed = 0
    const nowMs = Date.parse('2027-01-10T00:30:00Z')
    fc.assert(
      fc.property(
        someRules,
        fc.array(someStatement, { minLength: 1, maxLength: 3 }),
        someTerms,
        (rules, statements, terms) => {
          const policy = policyOf(rules, terms, statements)
          const never = [policy.world.document.never ?? []].flat()
          for (const breach of findBreaches(surveyOf(policy)).slice(0, 12)) {
            const example = counterexampleOf(breach, policy.active, nowMs)
            if (example?.confirmed !== true) continue
            confirmed++
            const { catalog } = policy.active.apis.get(breach.api) as {
              catalog: Parameters<typeof classify>[0]
            }
            const classified = classify(catalog, example.request)
            assert.ok(classified.kind !== 'unclassifiable')
            const operations = classified.operations.map(each => catalog.describe(breach.api, each))
            const input = inputFrom(operations, {
              agent: breach.agent,
              environment: 'staging',
              nowMs: example.nowMs,
              lastEntryMs: 0,
              authorizationDetails: null,
              used: 0,
              answers: [],
            })
            const { effect } = expectedDecision(policy.world, input)
            assert.equal(
              effect,
              breach.effect,
              JSON.stringify({ operations, rules: policy.world.document.rules }),
            )
            const statement = never.find(({ id }) => id === breach.statement.id)
            const { without: _, because: __, ...selector } = statement ?? {}
            const said = { id: '', ...selector }
            const spoken = operations.some(operation => speaksOf(policy.world, said, input, operation))
            assert.ok(spoken, JSON.stringify({ said, operations, request: example.request }))
          }
        },
      ),
      RUN,
    )
    assert.ok(confirmed > 0)
  })

  it('diff: what is not wider lets nothing pass that was denied or held', () => {
    const seen = { narrower: 0, same: 0 }
    const change = fc.record({
      dropped: fc.nat(12),
      added: fc.option(someRule, { nil: undefined }),
      changed: fc.nat(12),
      other: someRule,
    })
    fc.assert(
      fc.property(
        someRules,
        change,
        someTerms,
        someRequests,
        (rules, { dropped, added, changed, other }, terms, requests) => {
          const mixed = rules.map((rule, index) => (index === changed ? mix(rule, other) : rule))
          const named = (list: readonly JsonObject[]) =>
            list.map((rule, index) => ({ ...rule, id: `r${index}` }))
          const before = policyOf(named(rules), terms)
          const after = policyOf(
            [
              ...named(mixed).filter((_, index) => index !== dropped),
              ...(added === undefined ? [] : [{ ...added, id: 'q1' }]),
            ],
            terms,
          )
          const diff = diffPolicies(surveyOf(before), surveyOf(after))
          if (diff.terms.some(({ direction }) => direction !== 'narrowed')) return
          for (const [operation, circumstances, agent] of requests) {
            const input = inForce(operation, { ...circumstances, used: 0 }, agent, before)
            if (input === null) continue
            const name = specOf(before.active, operation) === undefined ? UNLISTED : operation.name
            const found = diff.operations.find(
              each => each.agent === agent && each.api === operation.api && each.operation === name,
            )
            if (found !== undefined && found.direction !== 'narrowed') continue
            const [old, fresh] = [before.active.decide(input), after.active.decide(input)]
            if (SEVERITY[fresh.effect] > SEVERITY[old.effect]) seen.narrower++
            else seen.same++
            const context = () =>
              JSON.stringify({
                found,
                operation,
                circumstances,
                old,
                fresh,
                from: before.world.document.rules,
                to: after.world.document.rules,
              })
            assert.ok(SEVERITY[fresh.effect] >= SEVERITY[old.effect], context())
            if (fresh.effect === 'hold' && old.effect === 'hold')
              assert.ok(
                old.approvers.every(group => fresh.approvers.includes(group)),
                context(),
              )
            if (found === undefined) assert.equal(fresh.effect, old.effect, context())
          }
        },
      ),
      RUN,
    )
    assert.ok(seen.narrower > 0 && seen.same > 0, JSON.stringify(seen))
  })
})

/** The rule with some of another's words for the same effect, so that the two are close. */
function mix(rule: JsonObject, other: JsonObject): JsonObject {
  const effect = ['allow', 'hold', 'deny'].find(each => rule[each] !== undefined) as string
  const foreign = ['allow', 'hold', 'deny'].find(each => other[each] !== undefined) as string
  const select = rule[effect] as JsonObject
  const words = other[foreign] as JsonObject
  const member = Object.keys(words).find(each => each !== 'api') ?? 'api'
  return { ...rule, [effect]: { ...select, [member]: words[member] ?? null } }
}
