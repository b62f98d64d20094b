import type { AwsAddition } from './document.js'

/** The shipped AWS services, read one by one: there are hundreds, and a policy names a few. */
export interface AwsShelf {
  /** Package, version and digest that all of them were made from. */
  readonly source: { readonly package: string; readonly version: string; readonly digest: string }
  /** Ids of all services, sorted. */
  readonly services: readonly string[]
  /** Probes of its services, by names such as `rds:db`. */
  readonly probes?: Readonly<Record<string, unknown>>
  /** JSON text of one service's `AwsService`; undefined for an id that isn't there. */
  read(id: string): string | undefined
}

/** What a policy takes from the shelf. */
export interface AwsChoice {
  readonly services: readonly string[]
  readonly regions: readonly string[]
  /** Of the role that the policy's credential assumes. */
  readonly partition: string
  readonly account: string
  readonly more: readonly AwsAddition[]
}
