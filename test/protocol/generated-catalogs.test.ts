import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { githubCatalog } from '../../scripts/catalog/github.js'
import { githubGraphqlCatalog } from '../../scripts/catalog/github-graphql.js'
import { stripeCatalog } from '../../scripts/catalog/stripe.js'
import { canonicalBytes, equalBytes } from '../../src/canon/index.js'
import { shippedPath } from './requests.js'

describe('the shipped catalogs', () => {
  for (const make of [githubCatalog, githubGraphqlCatalog, stripeCatalog]) {
    const document = make()
    it(`are what the generator makes of the installed packages (npm run catalogs): ${document.name}`, () => {
      const shipped = new Uint8Array(readFileSync(shippedPath(document.name)))
      assert.ok(
        equalBytes(canonicalBytes(document), shipped),
        `config/catalogs/${document.name}.json is out of date`,
      )
    })
  }
})
