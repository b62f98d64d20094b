import { createRequire } from 'node:module'

let loaded: typeof import('undici') | undefined

/**
 * undici, loaded when something is first dialled: it is a hundred files, and most commands dial nobody. The same
 * instance as an `import` of it.
 */
export function undici(): typeof import('undici') {
  loaded ??= createRequire(import.meta.url)('undici') as typeof import('undici')
  return loaded
}
