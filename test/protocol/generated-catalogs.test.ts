import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { awsCatalog } from '../../scripts/catalog/aws.js'
import { stripeCatalog } from '../../scripts/catalog/stripe.js'
import { canonicalBytes, equalBytes } from '../../src/canon/index.js'
import { AWS_FOLDER } from './aws-services.js'
import { shippedPath } from './requests.js'

describe('the shipped catalogs', () => {
  it('are what the generator makes of the installed packages (npm run catalogs)', () => {
    const shipped = new Uint8Array(readFileSync(shippedPath('stripe')))
    assert.ok(
      equalBytes(canonicalBytes(stripeCatalog()), shipped),
      'config/catalogs/stripe.json is out of date',
    )
  })

  it('are what the generator makes of the installed packages, for each service of AWS too', () => {
    const { index, services } = awsCatalog()
    const files = [...services.map(service => [service.id, service] as const), ['index', index] as const]
    for (const [name, value] of files)
      assert.ok(
        equalBytes(canonicalBytes(value), new Uint8Array(readFileSync(`${AWS_FOLDER}${name}.json`))),
        `config/catalogs/aws/${name}.json is out of date`,
      )
    assert.deepEqual(readdirSync(AWS_FOLDER).sort(), files.map(([name]) => `${name}.json`).sort())
  })
})
