import { awsMinter } from './minter-aws.js'
import { githubMinter } from './minter-github.js'
import { jwtMinter } from './minter-jwt.js'
import { oauth2Minter } from './minter-oauth2.js'
import { railwayMinter } from './minter-railway.js'
import { staticMinter } from './minter-static.js'
import { stripeMinter } from './minter-stripe.js'
import type { Outbound } from './outbound.js'
import type { Minter, MinterKind } from './ports.js'

/** One minter per kind of credential that a policy can name; a kind without one is `minter_unavailable`. */
export type MinterTable = { readonly [K in MinterKind]?: Minter<K> }

/** All minters. `origin` is the sidecar's own: issuer of its tokens, and the name under which it cleans up after itself. */
export function standardMinters(network: Pick<Outbound, 'send'>, origin: string): MinterTable {
  return {
    jwt: jwtMinter(origin),
    static: staticMinter(),
    'stripe-restricted-key': stripeMinter(),
    'railway-project-token': railwayMinter(network, origin),
    oauth2: oauth2Minter(network),
    'github-app': githubMinter(network),
    'aws-sts': awsMinter(network),
  }
}
