import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkJson, checkLines } from '../../src/cli/ledger-check-text.js'
import type { LedgerCheck } from '../../src/ledger/index.js'

test('a ledger that was not read is not said to have lost anything', () => {
  const check = {
    verdict: 'ledger_locked',
    detail: '',
    mark: { origin: 'acme.test/countersign/edge/1', size: 5 },
    left: { size: 0 },
    lost: 5,
    verification: null,
  } as unknown as LedgerCheck
  const said = (verdict: LedgerCheck['verdict']) => checkLines({ ...check, verdict }).join('\n')
  assert.match(said('ledger_locked'), /left {8}not looked at/)
  assert.doesNotMatch(said('ledger_locked'), /lost {8}/)
  assert.match(said('ledger_missing'), /lost {8}5 entries that certainly were there/)
  for (const verdict of ['ledger_locked', 'evidence_moving', 'recovery_unfinished'] as const) {
    const { left, lost } = checkJson({ ...check, verdict })
    assert.deepEqual([left, lost], [null, null], verdict)
  }
  const { left, lost } = checkJson({ ...check, verdict: 'ledger_missing' })
  assert.deepEqual([left, lost], [{ size: 0 }, 5])
})
