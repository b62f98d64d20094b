import { writeFileSync } from 'node:fs'
import { verifierPage } from './verifier/build.js'

writeFileSync(new URL('../../docs/verify.html', import.meta.url), await verifierPage())
