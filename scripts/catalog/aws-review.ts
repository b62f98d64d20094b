import type { AwsService, OperationClass } from '../../src/protocol/index.js'

/** A table of operations that somebody else classed: service → operation → class. */
export type ClassTable = Readonly<Record<string, Readonly<Record<string, string>>>>

/** Reads `{ services: { ec2: { o: { TerminateInstances: [level, class, …] } } } }`. */
export function readClassTable(text: string): ClassTable {
  const { services } = JSON.parse(text) as {
    services: Record<string, { o: Record<string, readonly [string, string]> }>
  }
  return Object.fromEntries(
    Object.entries(services).map(([id, { o }]) => [
      id,
      Object.fromEntries(Object.entries(o).map(([name, [, group]]) => [name, group])),
    ]),
  )
}

/** Where the catalog and the table differ in what matters. */
export interface Disagreement {
  /** `rds:RestoreDBInstanceToPointInTime` */
  readonly operation: string
  /** Of the table. */
  readonly theirs: string
  readonly ours: readonly OperationClass[]
}

export interface Disagreements {
  readonly compared: number
  /** Ours lacks a severity or a class that the table has. */
  readonly weaker: readonly Disagreement[]
  /** Ours is more severe, or has a class beside. */
  readonly graver: readonly Disagreement[]
}

const SEVERITY: Readonly<Record<string, number>> = {
  read: 0,
  create: 1,
  update: 1,
  destructive: 2,
  irreversible: 3,
}

/** Compares every operation that both have. */
export function disagreements(services: readonly AwsService[], table: ClassTable): Disagreements {
  let compared = 0
  const weaker: Disagreement[] = []
  const graver: Disagreement[] = []
  for (const { id, operations } of services)
    for (const [name, { classes: ours }] of Object.entries(operations)) {
      const theirs = table[id]?.[name]
      if (theirs === undefined) continue
      compared += 1
      const found = { operation: `${id}:${name}`, theirs, ours }
      if (isWeaker(theirs, ours)) weaker.push(found)
      else if (isGraver(theirs, ours)) graver.push(found)
    }
  return { compared, weaker, graver }
}

/** Destructive and irreversible are never understated; every class that is no degree of severity is there. */
function isWeaker(theirs: string, ours: readonly OperationClass[]): boolean {
  const degree = SEVERITY[theirs]
  if (degree === undefined) return !ours.includes(theirs as OperationClass)
  return degree >= 2 && severityOf(ours) < degree
}

function isGraver(theirs: string, ours: readonly OperationClass[]): boolean {
  const degree = SEVERITY[theirs] ?? 1
  return severityOf(ours) > Math.max(degree, 1) || ours.some(name => !(name in SEVERITY) && name !== theirs)
}

function severityOf(classes: readonly OperationClass[]): number {
  return Math.max(...classes.map(name => SEVERITY[name] ?? 0))
}

/** The review as a page: what is weaker and why, and what is graver by kind. */
export function reviewPage(
  { compared, weaker, graver }: Disagreements,
  reasons: Readonly<Record<string, string>>,
): string {
  const kinds = new Map<string, string[]>()
  for (const { operation, theirs, ours } of graver) {
    const kind = `${theirs} → ${ours.join(', ')}`
    kinds.set(kind, [...(kinds.get(kind) ?? []), operation])
  }
  return `# AWS catalog: review of classes

The classes of AWS operations come from verbs, IAM's access levels and tables made by hand (\`scripts/catalog/aws-*.ts\`).
They are held against a second table, which was derived from newer models (botocore 1.43.67) and the same access levels by
a rule of its own, without review. ${compared} operations are in both. This page is written by
\`node dist/scripts/aws-review.js TABLE\` and held by \`test/protocol/aws-catalog-classes.test.ts\`.

## Less severe than the table

An operation that the table calls destructive or irreversible is at least that here, and one that it calls privilege,
billing, sensitive_read or opaque has that class here, except for these ${weaker.length}:

| operation | table | catalog | why |
|---|---|---|---|
${weaker.map(({ operation, theirs, ours }) => `| ${operation} | ${theirs} | ${ours.join(', ')} | ${reasons[operation] ?? '**no reason given**'} |`).join('\n')}

## More severe than the table

${graver.length} operations are graver here, or have a class beside the table's. By kind:

${[...kinds]
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([kind, operations]) => `- **${kind}** (${operations.length}): ${operations.join(' ')}`)
  .join('\n')}
`
}
