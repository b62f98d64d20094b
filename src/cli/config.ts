import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { contentId } from '../canon/index.js'
import { nativeCrypto } from '../native/index.js'
import { parseSource } from '../policy/index.js'
import { type Config, ConfigSchema } from './config-schema.js'
import { cliFault } from './error-table.js'

/** A configuration with the folder that its relative paths start from. */
export interface LoadedConfig {
  readonly file: string
  readonly config: Config
  /** Content id that the file was held to, if any. */
  readonly pin?: string
  path(relative: string): string
}

/**
 * Reads and checks a configuration file; throws `config_missing`, `config_altered` where it has another content id than
 * the pin, or `config_malformed` that lists everything wrong with it as file:line:column.
 */
export function loadConfig(file: string, pin?: string): LoadedConfig {
  const bytes = readBytes(file)
  if (pin !== undefined && contentId(nativeCrypto, bytes) !== pin) throw cliFault('config_altered', file)
  const source = parseSource(ConfigSchema, bytes.toString('utf8'))
  if (source.kind === 'findings') {
    const lines = source.findings.map(
      ({ line, column, path, message }) =>
        `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`,
    )
    throw cliFault('config_malformed', lines.join('; '))
  }
  const folder = dirname(resolve(file))
  return {
    file: resolve(file),
    config: source.document,
    ...(pin === undefined ? {} : { pin }),
    path: relative => resolve(folder, relative),
  }
}

/** Content id of a good configuration, for `--config-digest` and profiles. Throws as `loadConfig` does. */
export function configDigestOf(file: string): string {
  const digest = contentId(nativeCrypto, readBytes(file))
  loadConfig(file, digest)
  return digest
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch {
    throw cliFault('config_missing', file)
  }
}
