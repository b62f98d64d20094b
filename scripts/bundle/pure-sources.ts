import { join } from 'node:path'
import type { Plugin } from 'esbuild'
import { ROOT } from '../root.js'

/** The rooms of `src/` do nothing when they are loaded, so a module of which nothing is used is left out with its packages. */
export const pureSources: Plugin = {
  name: 'pure-sources',
  setup: ({ onResolve, resolve }) => {
    onResolve({ filter: /^\.\.?\// }, async ({ path, importer, kind, resolveDir, pluginData }) => {
      if (pluginData === pureSources.name) return undefined
      const found = await resolve(path, { importer, kind, resolveDir, pluginData: pureSources.name })
      return found.path.startsWith(join(ROOT, 'src')) ? { ...found, sideEffects: false } : found
    })
  },
}
