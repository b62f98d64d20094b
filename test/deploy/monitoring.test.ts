import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { before, describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { template } from '../../scripts/kubernetes/render.js'
import { TOOLS_MISSING } from '../../scripts/kubernetes/tools.js'
import { Metrics } from '../../src/gate/metrics.js'
import { aGate } from '../gate/a-gate.js'
import { objectsOf, only, read } from './manifests.js'

const RULES = 'deploy/chart/files/rules.yaml'
const DASHBOARD = 'deploy/chart/files/dashboard.json'

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: { readonly summary: string; readonly action: string }
}
interface Panel {
  readonly title: string
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[]
}

const rules = (parse(read(RULES)) as { groups: { rules: Rule[] }[] }).groups.flatMap(group => group.rules)
const { panels } = JSON.parse(read(DASHBOARD)) as { panels: Panel[] }
const expressions = [
  ...rules.map(({ expr }) => expr),
  ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
]

/** What a running gate serves to Prometheus, by name. */
async function servedBy(t: Pick<TestContext, 'after'>): Promise<ReadonlyMap<string, string>> {
  const running = await aGate()
  t.after(() => running.close())
  await running.call('/invoices/in_1')
  const text = await (await fetch(`${running.url}/metrics`)).text()
  return new Map(
    [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => [name as string, type as string]),
  )
}

function namesIn(expression: string): readonly string[] {
  return [...expression.matchAll(/\bcountersign_\w+/g)].map(([name]) => name)
}

describe('alerts and dashboard', () => {
  const ends: (() => unknown)[] = []
  let served: ReadonlyMap<string, string> = new Map()
  before(async () => {
    served = await servedBy({ after: end => void ends.push(end as () => unknown) })
    for (const end of ends) await end()
  })

  it('name only metrics that a running gate serves, and each as what it is', () => {
    for (const expression of expressions)
      for (const name of namesIn(expression)) {
        const histogram = name.replace(/_(bucket|sum|count)$/, '')
        const type = served.get(name) ?? (served.get(histogram) === 'histogram' ? 'histogram' : undefined)
        assert.ok(type !== undefined, name)
        const counted = new RegExp(`(?:rate|increase)\\(${name}\\b`).test(expression)
        assert.equal(counted, type !== 'gauge', `${name} in ${expression}`)
      }
  })

  it('leave out nothing that a gate says', () => {
    const shown = new Set(panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => namesIn(expr))))
    const left = [...served.keys()].filter(name => !shown.has(name) && !shown.has(`${name}_bucket`))
    assert.deepEqual(left, [])
  })

  it('use only labels that the metrics have, beside those of a target', async () => {
    const labels = await labelsOfAll()
    const known = new Set(['namespace', 'pod', 'le', ...labels])
    for (const expression of expressions)
      for (const [, list] of expression.matchAll(/\bby \(([^)]*)\)/g))
        for (const label of (list as string).split(/, */))
          assert.ok(known.has(label), `${label}: ${expression}`)
    const texts = [
      ...rules.map(({ annotations }) => annotations.summary),
      ...panels.flatMap(({ targets }) => targets.map(({ legendFormat }) => legendFormat)),
    ]
    for (const text of texts)
      for (const [, label] of text.matchAll(/\{\{ ?(?:\$labels\.)?(\w+) ?\}\}/g))
        assert.ok(known.has(label as string), text)
  })

  it('say of each alert how grave it is, what it means and what to do', () => {
    assert.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length)
    for (const { alert, labels, annotations } of rules) {
      assert.match(alert, /^Countersign[A-Z]\w+$/)
      assert.match(labels.severity ?? '', /^(warning|critical)$/)
      assert.ok(annotations.summary.length > 20 && annotations.action.length > 40, alert)
      for (const [, page] of annotations.action.matchAll(/\b(docs\/[a-z]+\.md)/g)) read(page as string)
    }
  })

  it('are the same in the chart', { skip: TOOLS_MISSING }, () => {
    const objects = objectsOf(template('--set', 'monitoring.rules=true,monitoring.dashboard=true'))
    assert.deepEqual(only(objects, 'PrometheusRule').spec, parse(read(RULES)))
    const { data } = only(objects, 'ConfigMap', 'countersign-dashboard') as unknown as {
      data: Record<string, string>
    }
    assert.deepEqual(JSON.parse(data['countersign.json'] ?? ''), JSON.parse(read(DASHBOARD)))
  })
})

const promtool = spawnSync('promtool', ['--version']).error === undefined

describe('the alerts, to Prometheus itself', { skip: !promtool && 'promtool is missing: prometheus' }, () => {
  const inRoot = (...args: string[]) =>
    spawnSync('promtool', args, {
      cwd: fileURLToPath(new URL('../../../', import.meta.url)),
      encoding: 'utf8',
    })

  it('are rules', () => {
    const { status, stdout, stderr } = inRoot('check', 'rules', RULES)
    assert.equal(status, 0, stdout + stderr)
  })

  it('go off when they should, and not before', () => {
    const { status, stdout, stderr } = inRoot('test', 'rules', 'test/deploy/alerts.yaml')
    assert.equal(status, 0, stdout + stderr)
  })
})

/** Every label that a gate's metrics have, once everything has happened. */
async function labelsOfAll(): Promise<readonly string[]> {
  const sink = { name: 's', shipped: 1, lagEntries: 1, lagSeconds: 1, failing: false }
  const metrics = new Metrics({
    openRequests: () => 0,
    waiting: () => 0,
    policyInForce: () => true,
    policyExpiresMs: () => 1,
    enrolmentExpiresMs: () => 1,
    shipping: () => [sink],
    witnesses: () => ({
      witnessed: 1,
      lag: { entries: 1, seconds: 1 },
      witnesses: [{ name: 'w', failing: false }],
    }),
    fullCheck: () => null,
  })
  metrics.decided('a', 'deny', 'c')
  metrics.faulted('a', 'c')
  metrics.foreignCredential('a')
  const all = await metrics.registry.getMetricsAsJSON()
  return all.flatMap(({ values }) => values.flatMap(({ labels }) => Object.keys(labels)))
}
