import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { awsCatalog } from './catalog/aws.js'
import { disagreements, readClassTable, reviewPage } from './catalog/aws-review.js'
import { WEAKER } from './catalog/aws-weaker.js'

const [table] = process.argv.slice(2)
if (table === undefined) {
  process.stderr.write('usage: node dist/scripts/aws-review.js TABLE.json\n')
  process.exit(2)
}
const found = disagreements(awsCatalog().services, readClassTable(readFileSync(table, 'utf8')))
writeFileSync(join('docs', 'aws-catalog-review.md'), reviewPage(found, WEAKER))
