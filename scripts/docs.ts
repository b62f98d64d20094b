import { writeFileSync } from 'node:fs'
import { configJsonSchema } from '../src/cli/config-schema.js'
import { casesJsonSchema } from '../src/cli/policy-test/case-schema.js'
import { policyJsonSchema } from '../src/policy/index.js'
import { errorsPage } from './docs/errors-page.js'

const ROOT = new URL('../../', import.meta.url)
writeFileSync(new URL('docs/errors.md', ROOT), errorsPage())
writeFileSync(new URL('config/schema/cases.v1.json', ROOT), `${JSON.stringify(casesJsonSchema(), null, 2)}\n`)
writeFileSync(
  new URL('config/schema/config.v1.json', ROOT),
  `${JSON.stringify(configJsonSchema(), null, 2)}\n`,
)
writeFileSync(
  new URL('config/schema/policy.v1.json', ROOT),
  `${JSON.stringify(policyJsonSchema(), null, 2)}\n`,
)
