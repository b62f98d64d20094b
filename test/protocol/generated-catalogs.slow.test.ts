import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { type AwsIndex, awsCatalog } from '../../scripts/catalog/aws.js'
import { githubCatalog } from '../../scripts/catalog/github.js'
import { githubGraphqlCatalog } from '../../scripts/catalog/github-graphql.js'
import { stripeCatalog } from '../../scripts/catalog/stripe.js'
import { canonicalBytes, contentId, equalBytes } from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { AWS_FOLDER } from './aws-services.js'
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

  it('are, for AWS, the files whose digests their index has', () => {
    const index = JSON.parse(readFileSync(`${AWS_FOLDER}index.json`, 'utf8')) as AwsIndex
    const ids = Object.keys(index.services)
    assert.deepEqual(readdirSync(AWS_FOLDER).sort(), [...ids, 'index'].map(id => `${id}.json`).sort())
    for (const [id, digest] of Object.entries(index.services))
      assert.equal(contentId(nativeCrypto, readFileSync(`${AWS_FOLDER}${id}.json`)), digest, id)
  })

  // It reads every model that AWS has published; `npm run test:aws` does.
  if (process.env.COUNTERSIGN_AWS_ALL === '1')
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
