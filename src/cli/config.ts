import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseSource } from '../policy/index.js'
import { packageRoot } from './catalogs.js'
import { type Config, ConfigSchema } from './config-schema.js'
import { UsageError } from './io.js'

/** A configuration with the folder that its relative paths start from. */
export interface LoadedConfig {
  readonly file: string
  readonly config: Config
  path(relative: string): string
}

/** Reads and checks a configuration file; throws a UsageError that lists everything wrong with it as file:line:column. */
export function loadConfig(file: string): LoadedConfig {
  const source = parseSource(ConfigSchema, readText(file))
  if (source.kind === 'findings') {
    const lines = source.findings.map(
      ({ line, column, path, message }) =>
        `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`,
    )
    throw new UsageError(
      [`${file} is not the configuration of a sidecar`, ...lines].join('\n'),
      `Mend what is listed; the schema is in ${join(packageRoot(), 'config', 'schema', 'config.v1.json')}.`,
    )
  }
  const folder = dirname(resolve(file))
  return { file: resolve(file), config: source.document, path: relative => resolve(folder, relative) }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw new UsageError(
      `cannot read the configuration ${file}`,
      'Make one with `countersign init DIR`, or pass --config FILE.',
    )
  }
}
