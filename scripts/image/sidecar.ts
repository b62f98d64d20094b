import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { BUNDLED } from '../bundle/external.js'
import type { Package } from '../bundle/packages.js'
import { ROOT, read } from '../root.js'
import { copyExternal } from './external.js'
import { copyLibraries } from './libraries.js'
import { copyNode } from './node.js'
import { npmComponent } from './npm-component.js'
import { sbom } from './sbom.js'
import { Tree } from './tree.js'

const NODE = '/usr/local/bin/node'
const PROGRAM = '/app/dist/bin/main.js'

/** As deploy/compose.yaml names them: one image, two containers, two users with one group. */
const USERS = `root:x:0:0:root:/:
countersign-keeper:x:65531:65530::/:
countersign-gate:x:65532:65530::/:
`
const GROUPS = `root:x:0:
countersign:x:65530:
`

/** Node, the program, what they are linked to, and nothing else: no shell, no package manager. */
export async function sidecarTree(folder: string, time: Date): Promise<Tree> {
  const tree = new Tree(folder)
  const node = copyNode(tree, NODE)
  tree.copyFolder(join(ROOT, 'dist/bin'), '/app/dist/bin')
  tree.copyFolder(join(ROOT, 'config'), '/app/config')
  for (const name of ['package.json', 'LICENSE', 'SECURITY.md']) tree.copy(join(ROOT, name), `/app/${name}`)
  // The kernel starts it without a shell and without `env`. As the supervisor starts its own: no `__proto__` to reach prototypes by.
  tree.write(PROGRAM, read('dist/bin/main.js').replace(/^#!.*/, `#!${NODE} --disable-proto=throw`), 0o755)
  tree.link('/usr/local/bin/countersign', PROGRAM)

  const { packages, native } = await copyExternal(tree, '/app')
  const libraries = copyLibraries(tree, [tree.at(NODE), ...native])

  tree.write('/etc/passwd', USERS)
  tree.write('/etc/group', GROUPS)
  tree.write('/etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n')
  tree.makeFolder('/etc/countersign', 0o755)
  tree.makeFolder('/tmp', 0o1777)

  const bundled = JSON.parse(readFileSync(BUNDLED, 'utf8')) as readonly Package[]
  const npm = new Map([...bundled, ...packages].map(each => [each.folder, npmComponent(each)]))
  const { name, version, license } = JSON.parse(read('package.json')) as Package
  const whole = { type: 'application' as const, name, version, license, purl: `pkg:npm/${name}@${version}` }
  tree.write(
    '/usr/share/doc/countersign/sbom.cdx.json',
    sbom(whole, [node, ...npm.values(), ...libraries], time),
  )
  return tree
}
