import assert from 'node:assert/strict'
import { test } from 'node:test'
import { matrixLines } from '../../src/cli/matrix-text.js'
import type { Matrix, MatrixRow } from '../../src/policy/index.js'

test('attack: a table of more rows than a call can have arguments is printed', () => {
  const row = { api: 'shop', operation: 'GET /x', classes: ['read'], verdict: 'denied', by: [], unless: [] }
  const rows = Array.from({ length: 200_000 }, () => row as unknown as MatrixRow)
  const totals = { mutations: { admitted: 0, operations: 0, held: 0 }, irreversibleAdmitted: 0, classes: {} }
  const matrix = { byApi: { shop: totals }, totals } as unknown as Matrix
  assert.ok(matrixLines(matrix, rows).length > rows.length)
})
