import { join } from 'node:path'
import { ROOT } from '../root.js'

/** What stays a package: native code that finds its binary by its own folder, and undici, of which there is to be one. */
export const EXTERNAL: readonly string[] = ['classic-level', 'sodium-native', 'undici']

/** Where the program's build notes the packages that went into it. */
export const BUNDLED = join(ROOT, 'dist/bundled.json')
