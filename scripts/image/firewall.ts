import { realpathSync } from 'node:fs'
import { copyLibraries, copyLicence, debianPackage } from './libraries.js'
import { sbom } from './sbom.js'
import { Tree } from './tree.js'

const NFT = '/usr/sbin/nft'

/** `nft` and what it is linked to, for the one container of a pod that sets its rules. */
export async function firewallTree(folder: string, time: Date): Promise<Tree> {
  const tree = new Tree(folder)
  tree.copy(realpathSync(NFT), NFT, 0o755)
  const nftables = debianPackage(NFT)
  copyLicence(tree, nftables.name)
  const libraries = copyLibraries(tree, [NFT])
  tree.write('/etc/passwd', 'root:x:0:0:root:/:\n')
  tree.write('/etc/group', 'root:x:0:\n')
  const whole = { ...nftables, type: 'application' as const }
  tree.write('/usr/share/doc/countersign/sbom.cdx.json', sbom(whole, libraries, time))
  return tree
}
