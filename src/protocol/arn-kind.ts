/** What an ARN, or a pattern of ARNs, is about; null where it doesn't say. */
export interface ArnKind {
  /** `ec2` */
  readonly service: string | null
  /** `securitygroup` of `security-group/sg-1`. */
  readonly kind: string | null
}

/** Services whose ARNs name one kind of thing, and don't say which. */
const ONE_KIND: Readonly<Record<string, string>> = { s3: 'bucket', sns: 'topic', sqs: 'queue' }

/** Reads a pattern as far as no star leaves it open; one for region and account together (`rds:*:cluster:prod`) doesn't. */
export function kindOfArn(pattern: string): ArnKind {
  const [, , service = '*', ...rest] = pattern.split(':', 6)
  if (!pattern.startsWith('arn:') || service.includes('*')) return { service: null, kind: null }
  const one = ONE_KIND[service]
  if (one !== undefined) return { service, kind: one }
  const sections = pattern.split(':').slice(3)
  const named =
    (rest.length < 3 ? null : /^\/?([A-Za-z][A-Za-z-]*)(?:[/:]|$)/.exec(sections.slice(2).join(':'))) ??
    (sections[0] === '*' ? /^\*:([A-Za-z][A-Za-z-]*)[/:]/.exec(sections.join(':')) : null)
  return { service, kind: named === null ? null : plainKind(named[1] as string) }
}

/** `SecurityGroupIds`, `security-group` and `securitygroup` are all `securitygroup`. */
export function plainKind(name: string): string {
  return name
    .replace(/(?:Arn|ARN|Id|ID|Identifier|Name|Url|URL|Uri|URI)s?$/, '')
    .replace(/^(?:arn|id|identifier|name|url|uri)s?$/, '')
    .replace(/[^A-Za-z0-9]/g, '')
    .toLowerCase()
    .replace(/ies$/, 'y')
    .replace(/([^s])s$/, '$1')
}

/** Whether what one is called after may be of the other kind: `kmskey` is a `key`, and a `group` may be a `securitygroup`. */
export function kindsMeet(a: string, b: string): boolean {
  return a.endsWith(b) || b.endsWith(a)
}
