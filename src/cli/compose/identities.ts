import {
  type IdentityIssuer,
  type IdentityVerifier,
  identityVerifier,
  issuerKeys,
  outbound,
  tokenReviewer,
} from '../../credential/index.js'
import type { LoadedConfig } from '../config.js'
import type { Config } from '../config-schema.js'
import { cliFault } from '../error-table.js'
import type { Io } from '../io.js'
import { readNeeded } from '../needed-file.js'

type IssuerConfig = NonNullable<Config['keeper']['identities']>[number]
/** A server that tells of an issuer's tokens; its files are read for each question, since others renew them. */
interface Server {
  readonly ca?: string | undefined
  readonly token?: string | undefined
}

const ASKING = { timeoutMs: 5_000, maxAnswerBytes: 262_144 }

/** Whose word is taken for who an agent is; null where the configuration names nobody. Throws `pod_unknown`. */
export function podIdentities(loaded: LoadedConfig, { env }: Io): IdentityVerifier | null {
  const { identities, pod } = loaded.config.keeper
  if (identities === undefined) return null
  const { origin } = loaded.config
  const podUid = pod === undefined ? null : env[pod.env]
  // Without it, whatever pod asks would be taken for this one.
  if (podUid === undefined || podUid === '') throw cliFault('pod_unknown', pod?.env)
  return identityVerifier({ origin, podUid, issuers: identities.map(each => issuerOf(each, loaded)) })
}

function issuerOf({ issuer, keys, review }: IssuerConfig, loaded: LoadedConfig): IdentityIssuer {
  return {
    issuer,
    keys: issuerKeys(async () =>
      'file' in keys
        ? JSON.parse(readNeeded(loaded.path(keys.file), ASKING.maxAnswerBytes).toString('utf8'))
        : await ask(loaded, keys, keys.url),
    ),
    review:
      review === undefined
        ? null
        : tokenReviewer(body => {
            const url = `${review.server}/apis/authentication.k8s.io/v1/tokenreviews`
            return ask(loaded, review, url, JSON.stringify(body))
          }, loaded.config.origin),
  }
}

async function ask(
  loaded: LoadedConfig,
  { ca, token }: Server,
  url: string,
  body?: string,
): Promise<unknown> {
  const text = (file: string) => readNeeded(loaded.path(file), ASKING.maxAnswerBytes).toString('utf8')
  const network = outbound({ ...ASKING, ...(ca === undefined ? {} : { ca: text(ca) }) })
  try {
    const answer = await network.send({
      method: body === undefined ? 'GET' : 'POST',
      url,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${text(token).trim()}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
      // An API server is within the cluster, and configuration names it.
      privateUpstream: true,
    })
    if (answer.status < 200 || answer.status > 299) throw new Error(`status ${answer.status}`)
    return answer.body
  } finally {
    await network.close()
  }
}
