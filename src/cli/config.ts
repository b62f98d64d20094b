import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseSource } from '../policy/index.js'
import { type Config, ConfigSchema } from './config-schema.js'
import { cliFault } from './error-table.js'

/** A configuration with the folder that its relative paths start from. */
export interface LoadedConfig {
  readonly file: string
  readonly config: Config
  path(relative: string): string
}

/** Reads and checks a configuration file; throws `config_missing`, or `config_malformed` that lists everything wrong with it as file:line:column. */
export function loadConfig(file: string): LoadedConfig {
  const source = parseSource(ConfigSchema, readText(file))
  if (source.kind === 'findings') {
    const lines = source.findings.map(
      ({ line, column, path, message }) =>
        `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`,
    )
    throw cliFault('config_malformed', [file, ...lines].join('\n'))
  }
  const folder = dirname(resolve(file))
  return { file: resolve(file), config: source.document, path: relative => resolve(folder, relative) }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw cliFault('config_missing', file)
  }
}
