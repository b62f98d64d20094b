import process from 'node:process'
import { House } from './keeper-fixture.js'

/** A keeper in a process of its own, for tests that kill it: `keeper-process.js FOLDER SEED-IN-HEX`. */
const [folder, seed] = process.argv.slice(2) as [string, string]
await new House(folder, Buffer.from(seed, 'hex')).start()
process.stdout.write('listening\n')
