import type { JsonObject } from '../canon/index.js'
import type { ArgumentRule } from './argument-rule.js'
import type { Classification, Operation, OperationClass, Recognised, Unclassifiable } from './operation.js'
import type { ProbeDocuments, ProbeSpec } from './probe/spec.js'
import type { BodyPlan, Header, RawRequest, RequestFacts, RequestHead, Target } from './request.js'

/** Type of an argument as the catalog knows it; `any` where it is not known (untyped: not usable in an allow's `when`). */
export type ArgumentType =
  | 'string'
  | 'int'
  | 'double'
  | 'bool'
  | 'any'
  | { readonly list: ArgumentType }
  | { readonly map: ArgumentType }
  | { readonly fields: Readonly<Record<string, ArgumentType>> }

/** How an API words a refusal so that its unmodified SDK shows it (DESIGN: what the agent sees). */
export type Dialect = 'graphql' | 'stripe' | 'aws' | 'github' | 'kubernetes' | 'rest'

/** Where an agent's grant may sit in a request to this API. */
export const SLOTS = [
  'bearer',
  'countersign-grant',
  'basic-user',
  'project-access-token',
  'aws-sigv4',
] as const
export type Slot = (typeof SLOTS)[number]

/**
 * One operation as the catalog describes it, for lint, matrix, search and type checks.
 *
 * INVARIANT: `describe` never says more of this operation than this: proofs are built on it.
 */
export interface OperationSpec {
  readonly name: string
  readonly classes: readonly OperationClass[]
  /** Classes that argument rules may add, and `opaque` where a payload may not be understood. */
  readonly raisable: readonly OperationClass[]
  readonly args: ArgumentType
  /** Scope members that can be known for this operation; `account` wherever a request may name another account. */
  readonly scope: readonly string[]
  /** Types of the resources that it may name. */
  readonly resources: readonly string[]
  readonly effects: readonly string[]
  /** Scope members and resource types whose values are in lower case, because the API folds case. */
  readonly caseless?: readonly string[]
  /** Resource types whose names are several arguments with slashes between: `owner/repo`. */
  readonly joined?: readonly string[]
  /** Resource types that a request may name by another name than rules do. */
  readonly aliased?: readonly string[]
  /** Resource types whose ids are GitHub's node ids (`R_kgDOABPHjQ`), and no names. */
  readonly nodes?: readonly string[]
  /** What the service's ARNs call it, where that isn't what its operations do: `elasticfilesystem` of `efs:…`. */
  readonly arnService?: string
}

/** What the gate needs to talk to the API beside its operations. Plain data. */
export interface ApiProfile {
  readonly dialect: Dialect
  readonly slots: readonly Slot[]
  /** Lower-case names of request headers that may go upstream beside the common ones; `x-amz-*` stands for all that begin so. */
  readonly requestHeaders: readonly string[]
  /** Lower-case names of response headers that may come back beside the common ones; likewise. */
  readonly responseHeaders: readonly string[]
  /** Origins by label: `default`, `https://api.stripe.com`, and `files` for uploads; for AWS `<service>.<region>`. */
  readonly origins: Readonly<Record<string, string>>
}

/** A compiled catalog: pure functions over its data. */
export interface Catalog {
  /** Name of the catalog (`stripe`), or of the API for a team's own routes. */
  readonly name: string
  /** `rest/3`: protocol and version of the classifier, named in receipts. */
  readonly classifier: string
  readonly profile: ApiProfile
  /** Admits the raw target by the grammar of this API's protocol. Never throws. */
  parseTarget(raw: string): Target | Unclassifiable
  /** What to do with the body; or why this request can't be classified at all. Called before a byte of the body is read. */
  planBody(head: RequestHead): BodyPlan | Unclassifiable
  /**
   * The gate's half: which operations the exact bytes ask for. Called after `planBody` gave a plan for the same
   * head (that is where headers are checked). Never throws on any input.
   */
  recognise(facts: RequestFacts): Classification
  /** The keeper's half: classes, scope, resources and effects from the catalog alone. Never throws. */
  describe(api: string, recognised: Recognised): Operation
  /**
   * Whether some of these resources may have other names beside their ids, or the request may name something besides, which
   * only the arguments would tell (`Operation.spellings`, `Resource.like`). Absent where an id is the only name of a thing.
   */
  readonly hasOtherNames?: (operation: Pick<Operation, 'name' | 'resources'>) => boolean
  /** The arguments of an operation without those that SDKs renew on every call, such as a client token. */
  lastingArgs(operation: Pick<Operation, 'name' | 'args'>): JsonObject
  /** Which of `profile.origins` serves a request that was recognised as these operations; `default` for most. */
  originOf(head: RequestHead, operations: readonly Recognised[]): string
  /** Headers that must be added or pinned upstream for this request, such as an Idempotency-Key; `id` is the attempt's UUID. */
  addedHeaders(head: RequestHead, id: string): readonly Header[]
  operations(): readonly OperationSpec[]
  /**
   * Writes a request that asks for this operation, so that a person can see and repeat what a proof has found; null
   * where none can be written. Nobody relies on it: what is written is recognised like any other request.
   * `query` is the document, where the API speaks GraphQL; the arguments are its variables then.
   */
  readonly write?: (recognised: Recognised, query?: string) => RawRequest | null
  /** The rules by which arguments raise classes of an operation; empty for one that the catalog doesn't have. */
  readonly argumentRules?: (name: string) => readonly ArgumentRule[]
  /** What may be asked of the API before something is decided, by name. */
  readonly probes?: ReadonlyMap<string, ProbeSpec>
}

/**
 * A catalog as data: what a sealed policy pins by digest (content id of its JCS) and carries along. The
 * protocol decides the shape of `body`; `openCatalog` checks it whole and refuses unknown members.
 */
export interface CatalogDocument {
  readonly v: 1
  readonly name: string
  readonly protocol: 'rest' | 'graphql' | 'aws'
  readonly source: { readonly package: string; readonly version: string; readonly digest: string }
  readonly profile: ApiProfile
  readonly body: unknown
  /** See `ProbeSpec`; absent where nothing can be asked, so that older catalogs keep their bytes. */
  readonly probes?: ProbeDocuments
}
