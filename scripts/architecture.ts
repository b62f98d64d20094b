import { survey } from './architecture/survey.js'

const { modules, imports, violations } = await survey(process.cwd())
for (const violation of violations) console.error(violation)
if (violations.length > 0) process.exitCode = 1
else console.log(`The floors hold: ${modules} modules, ${imports} imports.`)
