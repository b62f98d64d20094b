import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from './catalogs.js'

/** First line of a configuration beside the folder that `copySchemas` makes. */
export const CONFIG_SCHEMA_LINE = '# yaml-language-server: $schema=schema/config.v1.json'

/** Puts the schemas into `schema/`, where the first lines of configuration and policy tell an editor to look. */
export function copySchemas(folder: string): void {
  cpSync(join(packageRoot(), 'config', 'schema'), join(folder, 'schema'), { recursive: true })
}
