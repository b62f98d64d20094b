import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  canonicalBytes,
  contentId,
  decodeEnvelope,
  encodeEnvelope,
  fromUtf8,
  type JsonObject,
  parseCanonical,
  utf8,
} from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { type Bundle, openEntry, type StoryStep, storyOf } from '../../src/receipt/index.js'
import { hostile, Incident, POLICY } from './bundle-fixture.js'

const incident = new Incident().tell()
const good = await incident.bundle({
  disclosures: [incident.disclosure('target'), incident.disclosure('body')],
})
const tell = (bundle: Bundle) => storyOf(bundle, payload => contentId(nativeCrypto, payload))
const factsOf = ({ facts }: StoryStep) => Object.fromEntries(facts.map(({ label, value }) => [label, value]))

test('an attempt, its outcome and what was disclosed of it are one step; the rest are steps of their own', () => {
  const steps = tell(good)
  assert.deepEqual(
    steps.map(({ subject, title, tone }) => [subject, title, tone]),
    [
      ['genesis', '', 'plain'],
      ['boot', '', 'plain'],
      ['policy', 'activated', 'plain'],
      ['grant', 'issued', 'plain'],
      ['coder', 'serviceInstanceRedeploy', 'passed'],
      ['coder', 'serviceInstanceRedeploy', 'refused'],
    ],
  )
  const [, , , , admitted, refused] = steps as readonly StoryStep[]
  assert.deepEqual(factsOf(admitted as StoryStep), {
    agent: 'coder',
    environment: 'staging',
    task: 'CS-17',
    owner: 'maria',
    grant: 'g-1',
    request: 'POST to railway',
    operation: 'serviceInstanceRedeploy',
    class: 'update',
    resource: 'service s-1',
    scope: 'environment 7c9e',
    decision: 'admitted with code allowed',
    rule: 'work-in-staging',
    because: 'Work is done in staging.',
    policy: `version 7, ${POLICY}`,
    outcome: 'completed, HTTP 200, 17 ms',
    target: 'value of target',
    body: 'SHA-256 76616c7565206f6620626f6479',
  })
  assert.equal(factsOf(refused as StoryStep).outcome, undefined)
})

test('an outcome that is not there is said, and one without its attempt is told by itself', () => {
  const without = (seq: number) => ({ ...good, entries: good.entries.filter(each => each.seq !== seq) })
  const open = tell(without(incident.attempt + 2)).find(({ seq }) => seq === incident.attempt)
  assert.match(factsOf(open as StoryStep).outcome ?? '', /not in this bundle/)
  const alone = tell(without(incident.attempt)).find(({ subject }) => subject === 'outcome')
  assert.equal(alone?.title, `of attempt ${incident.attempt}, which is not told here`)
})

test('what can’t be read is a step as well, and a policy that is none only takes its words away', () => {
  const [first, ...rest] = good.entries as [Bundle['entries'][0], ...Bundle['entries']]
  const steps = tell({ ...good, entries: [{ ...first, entry: '{}' }, ...rest], policies: ['{}'] })
  assert.deepEqual([steps[0]?.title, steps[0]?.tone, steps[0]?.t], ['that can’t be read', 'refused', null])
  assert.equal(factsOf(steps.find(({ tone }) => tone === 'passed') as StoryStep).because, undefined)
})

test('attack: each disclosure is looked at a fixed number of times, however many attempts there are', () => {
  let looks = 0
  const seen = (each: Bundle['disclosures'][0]) => ({
    ...each,
    get seq() {
      looks++
      return each.seq
    },
  })
  const looksAt = (entries: Bundle['entries']) => {
    looks = 0
    tell({ ...good, entries, disclosures: good.disclosures.map(seen) })
    return looks
  }
  assert.equal(looksAt([...good.entries, ...good.entries]), looksAt(good.entries))
})

test('attack: no fact holds two texts that a stranger chose', async () => {
  for (const { facts } of tell(await hostile().bundle()))
    for (const { label, value } of facts)
      assert.ok(
        value.split('onerror').length <= (label === 'resource' || label === 'scope' ? 3 : 2),
        `${label}: ${value}`,
      )
})

test('attack: words of ours beside a stranger’s are told apart from them', () => {
  const posing = 'GET to billing'
  const seq = good.entries.find(({ entry }) => openEntry(utf8(entry)).entry.type === 'attempt')?.seq
  const entries = good.entries.map(each =>
    each.seq === seq ? { ...each, entry: posed(each.entry, posing) } : each,
  )
  const step = tell({ ...good, entries }).find(each => each.seq === seq)
  const { request, decision } = factsOf(step as StoryStep)
  assert.match(request ?? '', /^"GET to billing" to /)
  assert.match(decision ?? '', / with code "GET to billing"$/)
})

/** The same entry with this text as method and code; its signature holds no more. */
function posed(written: string, text: string): string {
  const envelope = decodeEnvelope(utf8(written))
  const entry = parseCanonical(envelope.payload) as JsonObject & { req: JsonObject; decision: JsonObject }
  const payload = canonicalBytes({
    ...entry,
    req: { ...entry.req, method: text },
    decision: { ...entry.decision, code: text },
  })
  return fromUtf8(encodeEnvelope({ ...envelope, payload }))
}
