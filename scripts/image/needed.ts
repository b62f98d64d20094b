import { readFileSync, writeFileSync } from 'node:fs'

/*
 * `node scripts/image/needed.ts`, in a folder with copies of package.json and its lock: leaves what the program is made
 * of and what makes it, and takes out what only tests and generators want, which is a gigabyte. Node runs this file as
 * it is, before anything is installed, so it imports nothing.
 */

const BUNDLER = 'esbuild'

interface Asked {
  devDependencies: Record<string, string>
}

for (const file of ['package.json', 'package-lock.json']) {
  const document = JSON.parse(readFileSync(file, 'utf8')) as Asked & {
    readonly packages?: Record<string, Asked>
  }
  const asked = document.packages?.[''] ?? document
  asked.devDependencies = { [BUNDLER]: asked.devDependencies[BUNDLER] as string }
  writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`)
}
