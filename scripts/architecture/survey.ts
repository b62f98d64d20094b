import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cruise, type ICruiseResult } from 'dependency-cruiser'
import { COMPOSITION_ROOM, FLOORS } from './floors.js'
import { forbiddenImports } from './rules.js'

export interface Survey {
  readonly modules: number
  readonly imports: number
  /** One sentence each; empty when the house stands. */
  readonly violations: readonly string[]
}

/** Checks the rooms of `<root>/src` against the floors. A source file that the check didn't see is a violation too. */
export async function survey(root: string): Promise<Survey> {
  const files = sourceFiles(root)
  const result = await imports(root)
  const seen = new Set(result.modules.map(module => module.source))
  return {
    modules: files.length,
    imports: result.summary.totalDependenciesCruised ?? 0,
    violations: [
      ...(files.length === 0 ? ['src: no module was seen'] : []),
      ...files.filter(file => !seen.has(file)).map(file => `${file}: the check did not see this file`),
      ...files
        .filter(file => roomOf(file) === undefined)
        .map(file => `${file}: stands in no room of a known floor`),
      ...result.summary.violations.map(
        ({ rule, from, to, cycle }) =>
          `${from} → ${cycle === undefined ? to : cycle.map(step => step.name).join(' → ')}: ${rule.name}`,
      ),
      ...files
        .filter(file => roomOf(file) !== COMPOSITION_ROOM && readsSurroundings(root, file))
        .map(file => `${file}: only ${COMPOSITION_ROOM} reads the command line and the environment`),
    ],
  }
}

async function imports(root: string): Promise<ICruiseResult> {
  const { output } = await cruise(
    ['src'],
    {
      baseDir: root,
      validate: true,
      ruleSet: { forbidden: forbiddenImports() },
      doNotFollow: { path: 'node_modules' },
      tsPreCompilationDeps: true,
    },
    {
      conditionNames: ['import', 'node', 'default'],
      exportsFields: ['exports'],
      extensionAlias: { '.js': ['.ts', '.js'] },
      extensions: ['.ts', '.js', '.json'],
    },
  )
  if (typeof output === 'string') throw new Error(output)
  return output
}

function sourceFiles(root: string): string[] {
  return readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter(file => /\.[cm]?[jt]sx?$/.test(file))
    .map(file => `src/${file.replaceAll('\\', '/')}`)
    .sort()
}

function roomOf(file: string): string | undefined {
  const [, room, ...rest] = file.split('/')
  return rest.length > 0 && FLOORS.flat().some(known => known === room) ? room : undefined
}

const SURROUNDINGS =
  /\bprocess\s*(?:\?\.|\.)\s*(?:argv|env)\b|\bprocess\s*\[|\{[^}]*\b(?:argv|env)\b[^}]*\}\s*(?:=\s*process\b|from\s*'(?:node:)?process')/

function readsSurroundings(root: string, file: string): boolean {
  return SURROUNDINGS.test(readFileSync(join(root, file), 'utf8'))
}
