import { spawn } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const PROBE = fileURLToPath(new URL('./probe-process.js', import.meta.url))

/**
 * Whether LevelDB can read a damaged copy to its end. Its assertions end the process, so it is tried in another one,
 * which changes the copy.
 */
export function survivesReading(copy: string): Promise<boolean> {
  return new Promise(resolve => {
    const child = spawn(process.execPath, [PROBE], { cwd: copy, stdio: 'ignore', env: {} })
    child.once('error', () => resolve(false))
    child.once('exit', code => resolve(code === 0))
  })
}
