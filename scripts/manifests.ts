import { writeFileSync } from 'node:fs'
import { MODES, renderedAnnotations, renderedInstall, renderedMode } from './kubernetes/render.js'
import { valuesSchema } from './kubernetes/values-schema.js'

// `npm run manifests`: what is written here of the chart, and into the chart.
const write = (file: string, text: string) => writeFileSync(new URL(`../../${file}`, import.meta.url), text)
write('deploy/chart/values.schema.json', `${JSON.stringify(valuesSchema(), null, 2)}\n`)
write('deploy/chart/files/annotations.yaml', renderedAnnotations())
write('deploy/kubernetes/install.yaml', renderedInstall())
for (const mode of MODES) write(`deploy/kustomize/${mode}/rendered.yaml`, renderedMode(mode))
