import { writeFileSync } from 'node:fs'
import { configJsonSchema } from '../src/cli/config-schema.js'
import { casesJsonSchema } from '../src/cli/policy-test/case-schema.js'
import { ProfilesSchema } from '../src/injector/index.js'
import { policyJsonSchema } from '../src/policy/index.js'
import { errorsPage } from './docs/errors-page.js'

const ROOT = new URL('../../', import.meta.url)
writeFileSync(new URL('docs/errors.md', ROOT), errorsPage())
writeSchema('config/schema/config.v1.json', configJsonSchema())
writeSchema('config/schema/profiles.v1.json', {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  ...ProfilesSchema,
})
// The repository to copy has its own, because the first lines of its files have to hold where it is copied to.
for (const folder of ['config/schema', 'config/policy-repository/schema']) {
  writeSchema(`${folder}/cases.v1.json`, casesJsonSchema())
  writeSchema(`${folder}/policy.v1.json`, policyJsonSchema())
}

function writeSchema(file: string, schema: object): void {
  writeFileSync(new URL(file, ROOT), `${JSON.stringify(schema, null, 2)}\n`)
}
