import type { FuzzTarget } from './target.js'
import { target as aws } from './targets/aws.js'
import { target as awsChunks } from './targets/aws-chunks.js'
import { target as bundle } from './targets/bundle.js'
import { target as checkpoint } from './targets/checkpoint.js'
import { target as countersignature } from './targets/countersignature.js'
import { target as dsse } from './targets/dsse.js'
import { target as entry } from './targets/entry.js'
import { target as grant } from './targets/grant.js'
import { target as graphql } from './targets/graphql.js'
import { target as headers } from './targets/headers.js'
import { target as inputs } from './targets/inputs.js'
import { target as link } from './targets/link.js'
import { target as policySealed } from './targets/policy-sealed.js'
import { target as policySource } from './targets/policy-source.js'
import { target as rest } from './targets/rest.js'
import { target as sigv4 } from './targets/sigv4.js'
import { target as strictJson } from './targets/strict-json.js'
import { target as requestTarget } from './targets/target.js'
import { target as trustRoot } from './targets/trust-root.js'

/** Every target by the name of its file, which is how `npm run fuzz` calls it. */
export const TARGETS: Readonly<Record<string, FuzzTarget>> = {
  aws,
  'aws-chunks': awsChunks,
  bundle,
  checkpoint,
  countersignature,
  dsse,
  entry,
  grant,
  graphql,
  headers,
  inputs,
  link,
  'policy-sealed': policySealed,
  'policy-source': policySource,
  rest,
  sigv4,
  'strict-json': strictJson,
  target: requestTarget,
  'trust-root': trustRoot,
}
