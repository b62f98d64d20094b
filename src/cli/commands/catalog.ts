import type { Command } from 'commander'
import { OPERATION_CLASSES, type OperationClass, type OperationSpec } from '../../protocol/index.js'
import { catalogShelf, type OpenedCatalog, type ShelvedCatalog } from '../catalog-shelf.js'
import { AnswerNo, type Io, printJson, printLine, UsageError } from '../io.js'
import { type OperationCard, operationCard, type ProbeCard, probeCards } from '../operation-card.js'
import { group } from '../program-group.js'
import { repeatable } from '../repeatable.js'

export function registerCatalog(program: Command, io: Io): void {
  const catalog = group(program, 'catalog', 'look up operations, and what a policy can say about them')
  catalog
    .command('search')
    .summary('find operations by words of their name, class, effect, scope or resource')
    .argument('[terms...]', 'words, all of which must be found; every operation without')
    .option('--catalog <name>', 'in this one only')
    .option('--class <class>', 'operations that have it, or may by their arguments; repeatable', repeatable)
    .option('--policy <file>', 'in the APIs of a policy, source or sealed, instead of the shipped catalogs')
    .option('--limit <n>', 'show so many', '50')
    .option('--json', 'one JSON document')
    .addHelpText('after', SEARCH_HELP)
    .action((terms: readonly string[], options: SearchFlags) => search(terms, options, io))
  catalog
    .command('show')
    .summary('show one operation, or one catalog')
    .argument('<name>', 'the operation’s name, quoted where it has a space; or a catalog’s')
    .option('--catalog <name>', 'in this one only')
    .option('--policy <file>', 'in the APIs of a policy, source or sealed, instead of the shipped catalogs')
    .option('--json', 'one JSON document')
    .addHelpText('after', SHOW_HELP)
    .action((name: string, options: ShowFlags) => show(name, options, io))
}

const SEARCH_HELP = `
Exits with 1 where nothing is found. A class in brackets comes only with certain arguments; \`catalog show\` says with which.

Examples:
  countersign catalog search volume delete
  countersign catalog search --catalog github --class privilege hooks
  countersign catalog search --policy policy.yaml --class irreversible
`

const SHOW_HELP = `
What is listed under arguments is what a rule's \`when\` can ask; an argument of the type any is not for an allow. A probe is what a rule with \`probe: NAME\` has the API asked first, and what its \`when\` reads of the answer.

Examples:
  countersign catalog show volumeDelete
  countersign catalog show 'PATCH /repos/{owner}/{repo}/git/refs/{ref+}'
  countersign catalog show stripe --json
`

interface ShowFlags {
  readonly catalog?: string
  readonly policy?: string
  readonly json?: boolean
}

interface SearchFlags extends ShowFlags {
  readonly class?: readonly string[]
  readonly limit: string
}

/** One operation in a list. */
interface Hit {
  readonly catalog: string
  readonly name: string
  readonly classes: readonly OperationClass[]
  readonly raisable: readonly OperationClass[]
  readonly effects: readonly string[]
}

function search(terms: readonly string[], options: SearchFlags, io: Io): void {
  const limit = limitOf(options.limit)
  const classes = (options.class ?? []).map(classOf)
  const words = terms.flatMap(term => term.toLowerCase().split(/\s+/)).filter(word => word !== '')
  const hits: Hit[] = []
  for (const shelved of shelvesOf(options)) {
    for (const spec of shelved.open().catalog.operations()) {
      if (!classes.every(name => spec.classes.includes(name) || spec.raisable.includes(name))) continue
      if (!words.every(word => textOf(shelved.name, spec).includes(word))) continue
      const { name, effects } = spec
      const raisable = spec.raisable.filter(each => !spec.classes.includes(each))
      hits.push({ catalog: shelved.name, name, classes: spec.classes, raisable, effects })
    }
  }
  const shown = hits.slice(0, limit)
  if (options.json === true) printJson(io, { found: hits.length, operations: shown })
  else printHits(shown, hits.length, io)
  if (hits.length === 0) throw new AnswerNo()
}

function limitOf(text: string): number {
  if (!/^[1-9][0-9]{0,5}$/.test(text)) throw new UsageError(`cannot read --limit ${text}`, 'Write a number.')
  return Number(text)
}

function classOf(text: string): OperationClass {
  const found = OPERATION_CLASSES.find(name => name === text)
  if (found === undefined)
    throw new UsageError(`there is no class ${text}`, `The classes are ${OPERATION_CLASSES.join(', ')}.`)
  return found
}

function shelvesOf({ catalog, policy }: ShowFlags): readonly ShelvedCatalog[] {
  const shelves = catalogShelf(policy)
  if (catalog === undefined) return shelves
  const named = shelves.filter(({ name }) => name === catalog)
  if (named.length === 0) {
    const names = [...new Set(shelves.map(({ name }) => name))].join(', ')
    throw new UsageError(`there is no catalog ${catalog}`, `There are ${names}.`)
  }
  return named
}

function textOf(catalog: string, spec: OperationSpec): string {
  return [catalog, spec.name, ...spec.classes, ...spec.effects, ...spec.scope, ...spec.resources]
    .join(' ')
    .toLowerCase()
}

function printHits(hits: readonly Hit[], found: number, io: Io): void {
  const width = Math.max(0, ...hits.map(({ catalog }) => catalog.length))
  for (const { catalog, name, classes, raisable, effects } of hits) {
    const raised = raisable.length === 0 ? '' : ` (${raisable.join(', ')})`
    const tags = effects.length === 0 ? '' : `  effect ${effects.join(', ')}`
    printLine(io, `${catalog.padEnd(width)}  ${name}`)
    printLine(io, `${' '.repeat(width)}    ${classes.join(', ')}${raised}${tags}`)
  }
  if (found === 0) printLine(io, 'Nothing is found.')
  else if (found > hits.length) printLine(io, `${hits.length} of ${found} shown; --limit shows more.`)
}

function show(name: string, options: ShowFlags, io: Io): void {
  const shelves = shelvesOf(options)
  const cards = shelves
    .filter(shelved => shelved.mayHave(name))
    .flatMap(shelved => {
      const opened = shelved.open()
      return opened.catalog
        .operations()
        .filter(spec => spec.name === name)
        .map(spec => operationCard(shelved.name, opened, spec))
    })
  if (cards.length > 0) {
    if (options.json === true) printJson(io, { operations: cards })
    else for (const card of cards) printCard(card, io)
    return
  }
  const whole = shelves.filter(shelved => shelved.name === name)
  if (whole.length === 0)
    throw new UsageError(
      `there is no operation and no catalog ${name}`,
      'Find its name with `countersign catalog search`.',
    )
  const summaries = whole.map(shelved => summaryOf(shelved.name, shelved.open()))
  if (options.json === true) printJson(io, { catalogs: summaries })
  else for (const summary of summaries) printSummary(summary, io)
}

interface Summary {
  readonly name: string
  readonly source: OpenedCatalog['source']
  readonly classifier: string
  readonly dialect: string
  readonly slots: readonly string[]
  readonly origins: Readonly<Record<string, string>>
  readonly operations: number
  /** Operations by class; one with two classes counts twice. */
  readonly classes: Readonly<Record<string, number>>
  readonly scope: readonly string[]
  readonly resources: readonly string[]
  readonly effects: readonly string[]
  readonly probes: readonly ProbeCard[]
}

function summaryOf(name: string, { catalog, source }: OpenedCatalog): Summary {
  const specs = catalog.operations()
  const all = (of: (spec: OperationSpec) => readonly string[]) => [...new Set(specs.flatMap(of))].sort()
  const { dialect, slots, origins } = catalog.profile
  return {
    name,
    source,
    classifier: catalog.classifier,
    dialect,
    slots,
    origins,
    operations: specs.length,
    classes: Object.fromEntries(
      OPERATION_CLASSES.map(each => [each, specs.filter(({ classes }) => classes.includes(each)).length]),
    ),
    scope: all(spec => spec.scope),
    resources: all(spec => spec.resources),
    effects: all(spec => spec.effects),
    probes: probeCards(catalog),
  }
}

function printSummary(summary: Summary, io: Io): void {
  const { name, source, operations, classes, origins } = summary
  printLine(io, `${name}: ${operations} operations, from ${source.package} ${source.version}`)
  printLine(io, `  classifier  ${summary.classifier}, dialect ${summary.dialect}`)
  printLine(io, `  slots       ${summary.slots.join(', ')}`)
  for (const [label, origin] of Object.entries(origins)) printLine(io, `  origin      ${label} ${origin}`)
  for (const [each, count] of Object.entries(classes))
    if (count > 0) printLine(io, `  ${each.padEnd(16)}${count}`)
  printList('scope', summary.scope, io)
  printList('resources', summary.resources, io)
  printList('effects', summary.effects, io)
  printProbes(summary.probes, io)
}

function printCard(card: OperationCard, io: Io): void {
  printLine(io, `${card.name}  (${card.catalog})`)
  printList('classes', card.classes, io)
  for (const { when, adds } of card.raises) printLine(io, `  and ${adds.join(', ')} where ${when}`)
  printList('scope', card.scope, io)
  printList('resources', card.resources, io)
  printList('effects', card.effects, io)
  printProbes(card.probes, io)
  if (card.caseless.length > 0) printLine(io, `  lower case  ${card.caseless.join(', ')}`)
  if (card.args.length === 0) return
  printLine(io, '  arguments')
  for (const { path, type } of card.args) printLine(io, `    ${path}: ${type}`)
}

function printProbes(probes: readonly ProbeCard[], io: Io): void {
  for (const { name, about, given, facts } of probes) {
    const beside = given.length === 0 ? '' : `, given ${given.join(', ')}`
    printLine(io, `  probe       ${name}, about ${about.join(', ')}${beside}`)
    for (const { path, type } of facts) printLine(io, `    ${path}: ${type}`)
  }
}

function printList(title: string, values: readonly string[], io: Io): void {
  if (values.length > 0) printLine(io, `  ${title.padEnd(11)} ${values.join(', ')}`)
}
