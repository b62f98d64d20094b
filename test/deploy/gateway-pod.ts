import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { Config } from '../../src/cli/config-schema.js'
import { type Manifest, only } from './manifests.js'

/** A configuration of the chart's gateway as its container would read it, with the pod's folders below one of the test's. */
export function settingsOf(objects: readonly Manifest[], file: string, pod: string): Config {
  const { data } = only(objects, 'ConfigMap', 'countersign-gateway-settings') as unknown as {
    data: Record<string, string>
  }
  const text = (data[file] ?? '')
    .replaceAll(/\/(?:etc|run|var\/lib|var\/run)\/[\w./-]*/g, path => `${pod}${path}`)
    .replaceAll(/(127\.0\.0\.1|0\.0\.0\.0):\d+/g, '127.0.0.1:0')
  return parse(text) as Config
}

/** The folders that the pod's volumes give it. */
export function makeVolumes(pod: string): void {
  for (const path of [
    'etc/countersign',
    'etc/countersign-secret',
    'etc/countersign-tls',
    'run/countersign',
    'run/countersign-keeper',
    'var/lib/countersign',
    'var/lib/countersign-mark',
  ])
    mkdirSync(join(pod, path), { recursive: true })
}
