import type { AwsModel, ModelShape } from './aws-source.js'

/** What SDKs fill in by themselves, whether or not the model says so. */
const ALWAYS: ReadonlySet<string> = new Set([
  'ClientRequestToken',
  'ClientToken',
  'clientRequestToken',
  'clientToken',
])

/** ATTACK: the models call `NamedQueryId` of athena:DeleteNamedQuery a token too; an approval has to hold on to such. */
const TOKEN = /(?:[tT]oken|^CreatorRequestId|^UpdaterRequestId|^RequestId|^requestId|^OperationId)$/

/** References that clients make up anew for each call, by operation. */
const REFERENCES: Readonly<Record<string, string>> = {
  'cloudfront:CreateInvalidation': 'InvalidationBatch.CallerReference',
  'route53:CreateHealthCheck': 'CallerReference',
  'route53:CreateHostedZone': 'CallerReference',
  'route53:CreateKeySigningKey': 'CallerReference',
  'route53:CreateReusableDelegationSet': 'CallerReference',
}

/** Arguments of an operation that SDKs renew on every call, sorted. */
export function renewedOf(id: string, name: string, model: AwsModel): readonly string[] {
  const input = model.operations[name]?.input
  const shape: ModelShape | undefined = input?.shape === undefined ? input : model.shapes[input.shape]
  const tokens = Object.entries(shape?.members ?? {})
    .filter(
      ([member, { idempotencyToken }]) =>
        ALWAYS.has(member) || (idempotencyToken === true && TOKEN.test(member)),
    )
    .map(([member]) => member)
  const reference = REFERENCES[`${id}:${name}`]
  return [...tokens, ...(reference === undefined ? [] : [reference])].sort()
}

/** Throws on a reviewed operation that the package no longer has. */
export function checkRenewed(operations: ReadonlySet<string>): void {
  for (const name of Object.keys(REFERENCES))
    if (!operations.has(name)) throw new Error(`aws-renewed: there is no ${name}`)
}
