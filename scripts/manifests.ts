import { writeFileSync } from 'node:fs'
import { renderedInstall } from './kubernetes/tools.js'
import { valuesSchema } from './kubernetes/values-schema.js'

// `npm run manifests`: what is written here of the chart, and into the chart.
const ROOT = new URL('../../', import.meta.url)
writeFileSync(
  new URL('deploy/chart/values.schema.json', ROOT),
  `${JSON.stringify(valuesSchema(), null, 2)}\n`,
)
writeFileSync(new URL('deploy/kubernetes/install.yaml', ROOT), renderedInstall())
