import { type Crypto, canonicalBytes, contentId, type JsonObject, portableDigests } from '../canon/index.js'
import { type Catalog, type CatalogDocument, openCatalog } from '../protocol/index.js'
import type { ActivePolicy, ApproverGroup, CredentialSpec, PolicyAgent, PolicyApi } from './active.js'
import { budgetsOf } from './budget.js'
import { type CompiledPolicy, type CompiledRule, readCompiled } from './compiled.js'
import { decide, questionsOf } from './decide.js'
import { policyFault } from './error-table.js'
import { evidenceBounds } from './evidence.js'
import { fittingRules } from './fitting.js'
import { leftOpenIn } from './left-open.js'
import { unreadable } from './probe-check.js'
import { indexRules } from './rule-index.js'
import { ruleSummary } from './rule-summary.js'
import { tellingResource } from './telling-resource.js'

/**
 * Makes a compiled policy ready to enforce. The payload is checked strictly and every catalog held against the
 * digest that pins it. `cid` is the content id under which the payload was opened. Throws
 * `compiled_policy_malformed` or `catalog_missing`.
 */
export function activate(
  payload: JsonObject,
  cid: string,
  catalogs: ReadonlyMap<string, CatalogDocument>,
  crypto: Pick<Crypto, 'sha256'> = portableDigests,
): ActivePolicy {
  const policy = readCompiled(payload)
  checkReferences(policy)
  const apis = openApis(policy, catalogs, crypto)
  const agents = agentsOf(policy)
  checkProbes(policy, apis)
  const rules = indexRules(policy, apis, agents)
  return {
    cid,
    name: policy.name,
    version: policy.version,
    expiresMs: policy.expires,
    audience: policy.audience,
    apis,
    agents,
    credentials: new Map(Object.entries(policy.credentials as Record<string, CredentialSpec>)),
    approvers: approversOf(policy),
    rules: policy.rules.map(ruleSummary),
    evidence: evidenceBounds(policy.evidence),
    budgets: budgetsOf(policy),
    decide: input => decide(rules, input),
    questions: input => questionsOf(rules, input),
    fitting: input => fittingRules(rules, input),
    leftOpen: (input, decision) => leftOpenIn(rules, input, decision),
    tellingResource: (input, decision) => tellingResource(rules, input, decision),
  }
}

function openApis(
  policy: CompiledPolicy,
  catalogs: ReadonlyMap<string, CatalogDocument>,
  crypto: Pick<Crypto, 'sha256'>,
): ReadonlyMap<string, PolicyApi> {
  const apis = new Map<string, PolicyApi>()
  for (const [name, api] of Object.entries(policy.apis)) {
    apis.set(name, {
      name,
      catalog: openPinned(catalogs.get(api.catalog), api.catalog, crypto),
      catalogDigest: api.catalog,
      origins: api.origins,
      credential: api.credential ?? null,
      probes: api.probes ?? null,
      privateUpstream: api.private,
      awaitMark: api.awaitMark,
      testEndpoints: api.testEndpoints ?? false,
    })
  }
  return apis
}

// ATTACK: a catalog swapped under the seal. Its digest is taken again, whatever the map says.
function openPinned(
  document: CatalogDocument | undefined,
  digest: string,
  crypto: Pick<Crypto, 'sha256'>,
): Catalog {
  if (document === undefined) throw policyFault('catalog_missing', digest)
  if (contentId(crypto, canonicalBytes(document)) !== digest) {
    throw policyFault('catalog_missing', `the content of ${digest} has another digest`)
  }
  return openCatalog(document)
}

function agentsOf(policy: CompiledPolicy): ReadonlyMap<string, PolicyAgent> {
  return new Map(
    Object.entries(policy.agents).map(([id, agent]) => [
      id,
      {
        id,
        environment: agent.environment,
        sessionSeconds: agent.session,
        identities: agent.identities,
        facts: agent.facts as JsonObject,
        observeUntilMs: agent.observeUntil ?? null,
      },
    ]),
  )
}

/** Approver groups of a compiled policy, by name; throws `compiled_policy_malformed`. */
export function readSealedApprovers(payload: JsonObject): ReadonlyMap<string, ApproverGroup> {
  return approversOf(readCompiled(payload))
}

function approversOf(policy: CompiledPolicy): ReadonlyMap<string, ApproverGroup> {
  return new Map(
    Object.entries(policy.approvers).map(([name, group]) => [
      name,
      { name, keys: group.keys, threshold: group.threshold, expiresSeconds: group.expires },
    ]),
  )
}

/** A payload that was signed but not made by the compiler may name what isn't there; it is refused as a whole. */
function checkReferences(policy: CompiledPolicy): void {
  const ids = new Set(policy.rules.map(rule => rule.id))
  if (ids.size !== policy.rules.length) throw malformed('a rule id is taken twice')
  for (const [name, api] of Object.entries(policy.apis)) {
    if (api.credential !== undefined && !Object.hasOwn(policy.credentials, api.credential)) {
      throw malformed(`apis.${name} names a credential that is not there`)
    }
    if (api.probes !== undefined && !Object.hasOwn(policy.credentials, api.probes.credential))
      throw malformed(`apis.${name} asks with a credential that is not there`)
    if (Object.keys(api.origins).length === 0) throw malformed(`apis.${name} has no origin`)
  }
  for (const rule of policy.rules) checkRule(rule, policy)
}

/** INVARIANT: a rule never asks for what its APIs can't be asked, nor with a credential that agents' requests are sent with. */
function checkProbes(policy: CompiledPolicy, apis: ReadonlyMap<string, PolicyApi>): void {
  const sentWith = new Set(Object.values(policy.apis).map(({ credential }) => credential))
  for (const [name, { probes }] of Object.entries(policy.apis))
    if (probes !== undefined && sentWith.has(probes.credential))
      throw malformed(`apis.${name} asks with a credential that requests are sent with`)
  for (const rule of policy.rules) {
    const { probe } = rule
    if (probe === undefined) continue
    for (const name of rule.apis) {
      const api = apis.get(name)
      const spec = api?.catalog.probes?.get(probe)
      if (spec === undefined || api?.probes == null)
        throw malformed(`rule ${rule.id} asks ${name} for ${probe}, which it can’t`)
      if (!spec.given.every(each => Object.hasOwn(api.probes?.given ?? {}, each)))
        throw malformed(`the probe ${probe} of ${name} wants more than it is given`)
      if (unreadable(api.catalog, name, spec) !== null)
        throw malformed(`the probe ${probe} of ${name} does more than read`)
    }
  }
}

function checkRule(rule: CompiledRule, policy: CompiledPolicy): void {
  const within = (names: readonly string[] | undefined, defined: object, kind: string): void => {
    for (const name of names ?? []) {
      if (!Object.hasOwn(defined, name))
        throw malformed(`rule ${rule.id} names the ${kind} ${name}, which is not there`)
    }
  }
  within(rule.apis, policy.apis, 'API')
  within(rule.to, policy.agents, 'agent')
  within(rule.during, policy.windows, 'window')
  within(rule.approvers, policy.approvers, 'approver group')
  if (rule.effect !== 'deny' && rule.to === undefined)
    throw malformed(`rule ${rule.id} is for nobody in particular`)
  const holds = rule.effect === 'hold' || rule.limit?.over === 'hold'
  if (holds && (rule.approvers ?? []).length === 0) throw malformed(`rule ${rule.id} holds without approvers`)
  const { operations, classes, effects } = rule.select
  if (rule.effect === 'allow' && operations === undefined && classes === undefined && effects === undefined) {
    throw malformed(`rule ${rule.id} allows without saying what`)
  }
}

function malformed(detail: string): Error {
  return policyFault('compiled_policy_malformed', detail)
}
