import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { LEDGER_VERDICTS, ledgerErrors } from '../../src/ledger/index.js'

const docs = readFileSync(new URL('../../../docs/recovery.md', import.meta.url), 'utf8')

test('docs/recovery.md lists every verdict of a check, and no other', () => {
  const section = docs.slice(docs.indexOf('\n## Verdicts\n'), docs.indexOf('\n## What mends itself\n'))
  const listed = [...section.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, code]) => code)
  assert.deepEqual(listed.toSorted(), Object.keys(LEDGER_VERDICTS).toSorted())
})

test('a verdict for which the keeper has a fault of the same name says the same', () => {
  const faults: Record<string, { sentence: string }> = ledgerErrors
  for (const [code, { sentence }] of Object.entries(LEDGER_VERDICTS))
    if (faults[code] !== undefined) assert.equal(sentence, faults[code].sentence)
})
