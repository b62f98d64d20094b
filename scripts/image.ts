import process from 'node:process'
import { firewallTree } from './image/firewall.js'
import { sidecarTree } from './image/sidecar.js'

/*
 * `node image.js sidecar|firewall FOLDER`, in the image's build: lays out the whole root file system of an image, from
 * what the build made and from the machine that it runs on. Whatever isn't named here isn't in the image.
 */

const [which, folder] = process.argv.slice(2)
const trees = { sidecar: sidecarTree, firewall: firewallTree }
const make = Object.entries(trees).find(([name]) => name === which)?.[1]
if (make === undefined || folder === undefined)
  throw new Error('expected an image, sidecar or firewall, and a folder')
// As in https://reproducible-builds.org/specs/source-date-epoch/
const time = new Date(Number(process.env.SOURCE_DATE_EPOCH ?? 0) * 1000)
const tree = await make(folder, time)
tree.settle(time)
