import { hex, utf8 } from '../canon/index.js'
import { nativeCrypto } from '../native/index.js'
import { awsSigner } from './aws-signature.js'
import { minted } from './minted.js'
import { namesPrivateHost, type Outbound } from './outbound.js'
import type { Minter, MintOrder } from './ports.js'
import { sessionPolicy } from './session-policy.js'
import { assumedRole } from './sts-answer.js'

/** The shortest that AssumeRole takes. There is no way to end one earlier. */
const DURATION_SECONDS = 900
const API_VERSION = '2011-06-15'
const FORM = 'application/x-www-form-urlencoded; charset=utf-8'

/**
 * Credentials of a role, narrowed by a session policy to what the request needs (AssumeRole). They sign here and are
 * never sent: the upstream gets a signature. The session carries the id of its `mint` entry, so that CloudTrail and
 * the ledger name each other. https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
 */
export function awsMinter(network: Pick<Outbound, 'send'>): Minter<'aws-sts'> {
  return {
    dependsOn: ({ scope }) => sessionPolicy(scope.operations).text,
    mint: async (order, mintId) => {
      const { scope, spec } = order
      const policy = sessionPolicy(scope.operations)
      const body = formOf(order, mintId, policy.text)
      const role = assumedRole(
        await network.send({
          method: 'POST',
          url: `${spec.endpoint}/`,
          headers: headersFor(order, body),
          body,
          // Only a test endpoint of the sealed policy is an address; AWS's own are names, and may not lead to a private one.
          privateUpstream: namesPrivateHost(spec.endpoint),
        }),
      )
      return minted({
        minter: 'aws-sts',
        scope: `${policy.scope}; role ${spec.role}`,
        expiresMs: Math.min(role.expiresMs, scope.nowMs + DURATION_SECONDS * 1_000),
        headers: [],
        sign: awsSigner(role),
      })
    },
  }
}

function formOf({ spec, material }: MintOrder<'aws-sts'>, mintId: string, policy: string): string {
  return new URLSearchParams({
    Action: 'AssumeRole',
    Version: API_VERSION,
    RoleArn: spec.role,
    RoleSessionName: mintId,
    DurationSeconds: String(DURATION_SECONDS),
    Policy: policy,
    ...(material.externalId === undefined ? {} : { ExternalId: material.externalId }),
  }).toString()
}

function headersFor({ scope, spec, material }: MintOrder<'aws-sts'>, body: string): Record<string, string> {
  const { accessKeyId, secretAccessKey, sessionToken } = material
  const sign = awsSigner({
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
  })
  const sent = { accept: 'text/xml', 'content-type': FORM }
  const added = sign({
    method: 'POST',
    origin: spec.endpoint,
    target: '/',
    headers: Object.entries(sent),
    payload: hex(nativeCrypto.sha256(utf8(body))),
    service: 'sts',
    region: spec.region,
    nowMs: scope.nowMs,
  })
  return { ...sent, ...Object.fromEntries(added) }
}
