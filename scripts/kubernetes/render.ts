import { HELD_ANNOTATION, REFUSED_ANNOTATION } from '../../src/injector/index.js'
import { runTool } from './tools.js'

export const MODES = ['gateway', 'sidecar-cni', 'sidecar-netadmin', 'sidecar'] as const
export type Mode = (typeof MODES)[number]

const CHART = 'deploy/chart'
const MADE = 'by `npm run manifests`; a test holds the two in step.'

/** The chart as `helm template` renders it, in the namespace that the pages use. */
export function template(...args: readonly string[]): string {
  return runTool('helm', ['template', 'countersign', CHART, '--namespace', 'countersign', ...args])
}

/** `deploy/chart/files/annotations.yaml`: the injector's own expressions, for the policies. */
export function renderedAnnotations(): string {
  const lines = [
    ['refused', REFUSED_ANNOTATION],
    ['held', HELD_ANNOTATION],
  ] as const
  return `# Made from src/injector/annotations.ts ${MADE}\n${lines.map(([name, { source }]) => `${name}: '${source}'\n`).join('')}`
}

/** `deploy/kubernetes/install.yaml`. */
export function renderedInstall(): string {
  return `# Made from ${CHART} with its default values ${MADE}\n${template()}`
}

/** `deploy/kustomize/MODE/rendered.yaml`: what the mode's values add to install.yaml. */
export function renderedMode(mode: Mode): string {
  const values = valuesOf(mode)
  const shown = [
    'profiles',
    'policies-config',
    ...(mode === 'gateway' || mode === 'sidecar-cni' ? ['agents'] : []),
    ...(mode === 'gateway' ? ['gateway', 'gateway-config'] : []),
  ].flatMap(name => ['--show-only', `templates/${name}.yaml`])
  return `# Made from ${CHART} with values.yaml beside this file ${MADE}\n${template('--values', values, ...shown)}`
}

export function valuesOf(mode: Mode): string {
  return `deploy/kustomize/${mode}/values.yaml`
}
