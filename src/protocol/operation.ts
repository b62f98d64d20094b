import type { JsonObject } from '../canon/index.js'

/**
 * What an operation does to the world. `sensitive_read` returns secrets; `destructive` can be undone with
 * effort, `irreversible` cannot; `opaque` has its effect inside a payload that was not fully understood;
 * `unknown` was not recognised.
 */
export const OPERATION_CLASSES = [
  'read',
  'sensitive_read',
  'create',
  'update',
  'destructive',
  'irreversible',
  'privilege',
  'billing',
  'opaque',
  'unknown',
] as const
export type OperationClass = (typeof OPERATION_CLASSES)[number]

/** Plain reads and nothing else: what passes while everything else is frozen. False where nothing was recognised. */
export function isReading(operations: readonly { readonly classes: readonly string[] }[]): boolean {
  return (
    operations.length > 0 &&
    operations.every(({ classes }) => classes.length > 0 && classes.every(each => each === 'read'))
  )
}

/** Something the operation acts on, in the API's own words: `{ type: 'volume', id: 'v-91' }`. */
export interface Resource {
  readonly type: string
  readonly id: string
  /**
   * Where the request may mean another than `id`, because the API knows it by several names (a secret without its
   * suffix, an alias): all that it may mean, `*` standing for any text without a colon. Hold and deny match what may be meant; an allow
   * has to cover all of it.
   */
  readonly like?: string
}

/** What a request may touch besides what it says. */
export interface Spelling extends Resource {
  /**
   * Of what is named by no ARN: the kind that the argument is called after (`subnet`, `kmskey`; empty where it is called after
   * nothing), and the service that the request is for. Where that service has things of this kind (`isItsOwn`) it is one
   * of those; otherwise it is one of the kind, whichever service has it, or anything of this service.
   */
  readonly may?: { readonly kind: string; readonly service: string; readonly isItsOwn: boolean }
}

/**
 * Type of a resource that a request names and that nobody can tell: an argument of which no ARN can be made. Among the
 * spellings of an operation, hold and deny take it for a thing of whatever type they name.
 */
export const UNMAPPED = 'unmapped'

/** `Resource.like` of a spelling that may be anything of its type, colons and slashes included. */
export const ANYTHING = '*'

/** One API operation that a request asks for, with everything a policy can ask about it. */
export interface Operation {
  /** Name of the API in the policy (`railway`), not of the catalog. */
  readonly api: string
  /** The API's own word: `volumeDelete`, `DELETE /v1/customers/{customer}`, `Environment.config`. */
  readonly name: string
  /** Classes of the operation whatever its arguments; sorted, no duplicates, never empty. */
  readonly baseClasses: readonly OperationClass[]
  /** Base classes and those that argument rules raised; sorted, no duplicates. */
  readonly classes: readonly OperationClass[]
  /** What the catalog could normalise: environment, project, account, region, livemode, path parameters. A missing member is unknown. */
  readonly scope: Readonly<Record<string, string>>
  readonly resources: readonly Resource[]
  /**
   * What the request may touch besides: the same resources as somebody else writes them, and what it leaves open. Hold and
   * deny match them as well; an allow doesn't ask. Absent where there are none.
   */
  readonly spellings?: readonly Spelling[]
  /** Decoded arguments. GraphQL: the field's arguments. REST: path, query and body parameters in one object (see `rest`). */
  readonly args: JsonObject
  /** Tags of equivalent effects, such as `refund`. */
  readonly effects: readonly string[]
  /** Another account that the request names (`Stripe-Account`), part of the resource. */
  readonly account?: string
  /** What the upstream's own access control asks for; only where a minter can narrow a credential to it (AWS IAM). */
  readonly permissions?: Permissions
}

/**
 * IAM actions, and the ARNs that they are taken on, as IAM reads them in a policy: what is a star in a name is written
 * `${*}`. `['*']` where the request doesn't name them all. Both sorted.
 */
export interface Permissions {
  readonly actions: readonly string[]
  readonly resources: readonly string[]
}

/**
 * What the gate understood of one operation and sends to the keeper. It carries no class: the keeper derives
 * classes, scope, resources and effects from its own catalog with `Catalog.describe`.
 */
export interface Recognised {
  /** A name in the catalog, or a name that the catalog doesn't have, which describes as `unknown`. */
  readonly name: string
  readonly args: JsonObject
  readonly account?: string
  /** Region that the request was signed for, where the API has regions. */
  readonly region?: string
  /** Why the payload was not fully understood; adds the class `opaque`. */
  readonly opaque?: string
}

/** A request that was refused before any decision: malformed, ambiguous or of a kind that can't be classified. */
export interface Unclassifiable {
  readonly kind: 'unclassifiable'
  /** A code of `protocolErrors`, or of `canonErrors` where JSON was at fault. */
  readonly code: string
  /** For the receipt and the agent; never echoes agent text raw. */
  readonly detail: string
}

export type Classification =
  | { readonly kind: 'operations'; readonly operations: readonly Recognised[] }
  | Unclassifiable
