import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openedPolicy } from '../keeper/keeper-fixture.js'

test('rules are told in words: what they select, under which conditions, and why', () => {
  const { policy } = openedPolicy(`
apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: acme, version: 1, expires: 2099-01-01T00:00:00Z, audience: [staging] }
apis:
  billing:
    upstream: https://billing.acme.test
    credential: billing
    routes:
      - { route: "GET /invoices/{id}", class: read }
      - { route: "POST /invoices", class: create }
      - { route: "POST /invoices/{id}/void", class: irreversible }
credentials: { billing: { minter: jwt, audience: https://billing.acme.test } }
agents: { coder: { environment: staging }, clerk: { environment: staging } }
windows: { office: { from: "09:00", to: "17:00", zone: Europe/Berlin } }
approvers: { finance: { keys: { maria: "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" } } }
rules:
  - { id: reads, allow: { api: billing, class: [read] }, to: [coder, clerk], during: office }
  - id: creates
    allow: { api: billing, operations: ["POST /invoices"] }
    to: coder
    limit: { count: 20, per: 1h, over: hold }
    approvers: finance
  - id: never-void
    deny: { api: billing, operations: ["POST /invoices/{id}/void"] }
    because: A voided invoice can't be reopened.
`)
  assert.deepEqual(policy.rules, [
    {
      ...{ id: 'creates', effect: 'allow', agents: ['coder'], apis: ['billing'] },
      ...{ words: ['POST /invoices', 'up to 20 per 1h, then held'], approvers: ['finance'], because: null },
    },
    {
      ...{ id: 'never-void', effect: 'deny', agents: null, apis: ['billing'] },
      ...{ words: ['POST /invoices/{id}/void'], approvers: [] },
      because: "A voided invoice can't be reopened.",
    },
    {
      ...{ id: 'reads', effect: 'allow', agents: ['clerk', 'coder'], apis: ['billing'] },
      ...{ words: ['class read', 'during office'], approvers: [], because: null },
    },
  ])
})
