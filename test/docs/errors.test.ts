import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { ERROR_TABLES, errorsPage } from '../../scripts/docs/errors-page.js'
import { DECISION_PHRASES } from '../../src/gate/verdict-codes.js'
import { codesInSource } from './codes-in-source.js'

const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')
const rows = new Map<string, string>()
const rowsOfPage = [...page.matchAll(/^\| `(\w+)` \| ([\d–]+) \| (.+) \| (.+) \|$/gm)]
for (const { room, table } of ERROR_TABLES) for (const code of Object.keys(table)) rows.set(code, room)
const source = codesInSource()

describe('docs/errors.md', () => {
  it('is what `npm run docs` writes', () => assert.equal(page, errorsPage()))

  it('lists every code of every room with its status, sentence and mend, and no other', () => {
    const listed = rowsOfPage.map(
      ([, code, status, sentence, mend]) => `${code} ${status} ${sentence} ${mend}`,
    )
    const expected = ERROR_TABLES.flatMap(({ table }) =>
      Object.entries(table).map(
        ([code, { status, sentence, mend }]) => `${code} ${status ?? '–'} ${sentence} ${mend}`,
      ),
    )
    assert.ok(listed.length > 150)
    assert.deepEqual(listed.sort(), expected.sort())
  })
})

describe('the error tables', () => {
  it('are all on the page: no room has another', () => {
    const found = source.tables.map(file => file.split('/')[1])
    assert.deepEqual(found.sort(), ERROR_TABLES.map(({ room }) => room).sort())
  })

  it('give each code one meaning: no two rooms share one', () => {
    const all = ERROR_TABLES.flatMap(({ table }) => Object.keys(table))
    assert.deepEqual(
      all.filter((code, i) => all.indexOf(code) !== i),
      [],
    )
  })

  it('hold every code that the source throws or refuses with', () => {
    assert.ok(source.raised.length > 150, `saw only ${source.raised.length}`)
    assert.deepEqual(
      source.raised.filter(({ code }) => !rows.has(code)),
      [],
    )
  })

  it('hold no code that nothing uses', () => {
    assert.deepEqual(
      [...rows.keys()].filter(code => !source.literals.has(code)),
      [],
    )
  })

  it('have a row for every decision that the gate words', () => {
    for (const code of Object.keys(DECISION_PHRASES)) assert.equal(rows.get(code), 'policy', code)
  })

  it('end each sentence and each mend with a full stop', () => {
    for (const { table } of ERROR_TABLES)
      for (const [code, { sentence, mend }] of Object.entries(table))
        for (const text of [sentence, mend]) assert.match(text, /[^.]\.$/, code)
  })
})
