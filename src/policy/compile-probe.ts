import type { OperationSpec, ProbeSpec } from '../protocol/index.js'
import type { ResolvedApi } from './compile.js'
import type { CompiledPolicy } from './compiled.js'
import type { ApiSource, CredentialSource, PolicyDocument } from './document.js'
import { type DocumentPath, didYouMean, type Findings } from './finding.js'
import { unreadable } from './probe-check.js'

/** What rules with a probe ask an API with. */
export function compileProbes(
  document: Pick<PolicyDocument, 'apis' | 'credentials'>,
  { probes, catalog, credential: own }: ApiSource,
  path: DocumentPath,
  findings: Findings,
): Pick<CompiledPolicy['apis'][string], 'probes'> {
  if (probes === undefined) return {}
  const { credential, given = {} } = probes
  const at = [...path, 'probes', 'credential']
  const known = Object.keys(document.credentials ?? {})
  if (!known.includes(credential))
    findings.add(
      'undefined_name',
      at,
      `There is no credential "${credential}".${didYouMean(credential, known)}`,
    )
  // ATTACK: a probe that is made to write. What carries it must not be able to, whatever is sent.
  const sender = Object.entries(document.apis).find(([, api]) => api.credential === credential)?.[0]
  if (sender !== undefined)
    findings.add('probe_credential', at, `Requests to ${sender} are sent with ${credential} as well.`)
  if (catalog === 'aws') {
    const accounts = [credential, own].map(name => accountOf(document.credentials?.[name ?? '']))
    if (accounts[0] === null || accounts[0] !== accounts[1])
      findings.add(
        'probe_credential',
        at,
        'AWS is asked by a role of the account that requests go to, by the minter aws-sts.',
      )
  }
  return { probes: { credential, given: { ...given } } }
}

function accountOf(credential: CredentialSource | undefined): string | null {
  return credential?.minter === 'aws-sts' ? (credential.role.split(':')[4] ?? null) : null
}

/** What a rule may be asked to know: the facts of its probe; undefined, with findings, where it has none that fits. */
export function probeOf(
  name: string,
  id: string,
  apis: readonly ResolvedApi[],
  operations: readonly OperationSpec[],
  document: Pick<PolicyDocument, 'apis'>,
  path: DocumentPath,
  findings: Findings,
): ProbeSpec | undefined {
  let found: ProbeSpec | undefined
  for (const api of apis) {
    const spec = api.catalog.probes?.get(name)
    if (spec === undefined) {
      const known = [...(api.catalog.probes?.keys() ?? [])]
      const has = known.length === 0 ? ' It has none.' : didYouMean(name, known)
      findings.add('unknown_probe', path, `${api.name} has no probe "${name}".${has}`)
      continue
    }
    if (found !== undefined) findings.add('unknown_probe', path, `The rule ${id} asks more than one API.`)
    found ??= spec
    checkAsking(spec, api, document, path, findings)
  }
  if (found === undefined) return undefined
  const { about } = found
  const named = operations.filter(({ resources }) => resources.some(type => about.has(type)))
  if (operations.length > 0 && named.length === 0) {
    const types = [...about.keys()].join(' or ')
    findings.add('probe_without_subject', path, `No operation of the rule ${id} names a ${types}.`)
  }
  return found
}

function checkAsking(
  spec: ProbeSpec,
  api: ResolvedApi,
  { apis }: Pick<PolicyDocument, 'apis'>,
  path: DocumentPath,
  findings: Findings,
): void {
  const { probes } = apis[api.name] ?? {}
  if (probes === undefined) {
    findings.add('probe_credential', path, `${api.name} does not say what it is asked with.`)
    return
  }
  const missing = spec.given.filter(each => !Object.hasOwn(probes.given ?? {}, each))
  if (missing.length > 0)
    findings.add(
      'probe_given',
      path,
      `The probe ${spec.name} of ${api.name} has to be given ${missing.join(', ')}.`,
    )
  const writes = unreadable(api.catalog, api.name, spec)
  if (writes !== null)
    findings.add(
      'bad_catalog',
      path,
      `The probe ${spec.name} of ${api.name} asks by ${writes}, which does more than read.`,
    )
}
