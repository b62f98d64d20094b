import type { OperationClass } from '../operation.js'

/**
 * What the name of a mutation gives away, for schemas that say no more. A list errs on the severe side: it may
 * add classes that a person would not, and a person may say otherwise with `@countersign`.
 */
const WORDS: readonly (readonly [OperationClass, ReadonlySet<string>])[] = [
  [
    'irreversible',
    words(`cancel clear close delete destroy disable drop erase expire kill merge overwrite prune purge remove
      replace reset restore revert revoke rollback terminate truncate unpublish void wipe`),
  ],
  [
    'billing',
    words(`bill capture charge checkout credit debit discount fund invoice order pay payment payout plan price
      purchase refund subscribe subscription transfer withdraw withdrawal`),
  ],
  [
    'privilege',
    words(`access accept admin approve assign assume authorize ban claim credential elevate grant impersonate invitation
      invite key login member membership mfa owner passkey password permission policy promote revoke role secret
      session share token user`),
  ],
  [
    'opaque',
    words(`apply batch bulk command eval exec execute graphql import invoke job macro migrate patch query raw run script
      shell sql sync trigger webhook workflow`),
  ],
]
const CREATES = words('add create generate insert issue make new open provision register')
const SECRETS =
  words(`credential credentials passphrase passwd password privatekey recoverycode recoverycodes secret secrets token
    tokens apikey apikeys accesskey connectionstring`)

/** Classes of a mutation by its name alone: `update` or `create`, and whatever else its words suggest. */
export function classesOfMutation(name: string): readonly OperationClass[] {
  const parts = partsOf(name)
  const suggested = WORDS.filter(([, set]) => parts.some(part => set.has(part))).map(([kind]) => kind)
  return [parts.some(part => CREATES.has(part)) ? 'create' : 'update', ...suggested]
}

/** True where a field's name says that its value is a secret: `apiKey`, `resetToken`, `clientSecret`. */
export function namesSecret(field: string): boolean {
  const parts = partsOf(field)
  return parts.some((part, i) => SECRETS.has(part) || SECRETS.has(part + (parts[i + 1] ?? '')))
}

/** `resetAPIKeys2` → reset, api, keys2; plurals and singulars are both looked up. */
function partsOf(name: string): readonly string[] {
  const parts = name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+/g) ?? []
  return parts.flatMap(part => {
    const lower = part.toLowerCase()
    return lower.endsWith('s') ? [lower, lower.slice(0, -1)] : [lower]
  })
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(/\s+/))
}
