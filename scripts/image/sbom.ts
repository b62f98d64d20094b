/** What an image has in it, as CycloneDX names it. */
export interface Component {
  readonly type: 'application' | 'library' | 'platform'
  readonly name: string
  readonly version: string
  /** https://github.com/package-url/purl-spec */
  readonly purl: string
  /** An SPDX expression. */
  readonly license?: string
  readonly hashes?: readonly { readonly alg: 'SHA-256' | 'SHA-512'; readonly content: string }[]
  /** What was built into it. */
  readonly components?: readonly Component[]
}

/**
 * The list of parts of an image: CycloneDX 1.5 as JSON (https://cyclonedx.org/docs/1.5/json/). The same parts make the
 * same bytes, so it has no serial number, and its time is that of the sources.
 */
export function sbom(whole: Component, parts: readonly Component[], time: Date): string {
  const sorted = [...parts].sort((a, b) => (a.purl < b.purl ? -1 : 1))
  const document = {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { timestamp: time.toISOString(), component: written(whole) },
    components: sorted.map(written),
    dependencies: [
      { ref: whole.purl, dependsOn: sorted.map(({ purl }) => purl) },
      ...sorted.map(({ purl }) => ({ ref: purl })),
    ],
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

function written({ license, components, ...component }: Component): object {
  return {
    'bom-ref': component.purl,
    ...component,
    ...(license === undefined ? {} : { licenses: [{ expression: license }] }),
    ...(components === undefined ? {} : { components: components.map(written) }),
  }
}
