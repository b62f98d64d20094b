import { writeFileSync } from 'node:fs'
import { errorsPage } from './docs/errors-page.js'

const ROOT = new URL('../../', import.meta.url)
writeFileSync(new URL('docs/errors.md', ROOT), errorsPage())
