import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { stripeCatalog } from '../../scripts/catalog/stripe.js'
import { canonicalBytes, equalBytes } from '../../src/canon/index.js'
import { shippedPath } from './requests.js'

describe('the shipped catalogs', () => {
  it('are what the generator makes of the installed packages (npm run catalogs)', () => {
    const shipped = new Uint8Array(readFileSync(shippedPath('stripe')))
    assert.ok(
      equalBytes(canonicalBytes(stripeCatalog()), shipped),
      'config/catalogs/stripe.json is out of date',
    )
  })
})
