import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shownParts } from '../../src/canon/index.js'

function shown(text: string): string {
  return shownParts(text)
    .map(part => (part.hidden ? `⟦${part.text}⟧` : part.text))
    .join('')
}

test('attack: a letter of another alphabet that looks like one of ASCII is spelled out where it stands among these', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['\u0430nna@acme.com', '⟦U+0430⟧nna@acme.com'],
    // A whole label, as browsers refuse to show it.
    ['anna@\u0430\u0441\u0435.com', 'anna@⟦U+0430⟧⟦U+0441⟧⟦U+0435⟧.com'],
    ['prod-\u039f1', 'prod-⟦U+039F⟧1'],
    ['acme.com\u2044evil', 'acme.com⟦U+2044⟧evil'],
    ['\uff41dmin', '⟦U+FF41⟧dmin'],
    ['\u{1d5ba}\u{1d455}', '⟦U+1D5BA⟧⟦U+1D455⟧'],
    ['x\u202e\u0430\u200b', 'x⟦U+202E⟧⟦U+0430⟧⟦U+200B⟧'],
  ]
  for (const [text, expected] of cases) assert.equal(shown(text), expected)
})

test('words of other languages, and accents, are left as they are', () => {
  for (const text of [
    'Привет, мир: оса и роса',
    'API-ключ №7',
    'почта@пример.рф',
    'Ελλάδα είναι',
    'Zürich – naïve “Straße”…',
    '東京1丁目',
    '12 m² ≤ 5 €',
  ])
    assert.equal(shown(text), text)
})

test('a long text is looked through in one pass', () => {
  assert.equal(shownParts('a\u0430'.repeat(100_000)).length, 200_000)
  assert.equal(shownParts('\u0416\u0430'.repeat(100_000)).length, 1)
})
