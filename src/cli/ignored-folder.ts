import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

const IGNORE = `# Keys, vault and evidence lie in this folder, so git leaves out all of it. Keep the policy’s source in a repository of its own.
*
`

/** Has git leave a folder with keys out of the work tree that it may lie in. */
export function ignoreByGit(folder: string): void {
  writeFileSync(join(folder, '.gitignore'), IGNORE)
}
