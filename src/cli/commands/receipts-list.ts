import { once } from 'node:events'
import { type Command, InvalidArgumentError } from 'commander'
import { CONTROL_TYPES, type Entry } from '../../receipt/index.js'
import { type AskedEntry, askedEntries } from '../asked-entries.js'
import { entryLine } from '../entry-text.js'
import { type Io, jsonText } from '../io.js'
import { progress } from '../progress.js'
import { addQuestionOptions, QUESTION_WORDS, type QuestionOptions, questionOf } from '../question-options.js'
import { openReceipts, type ReceiptSource } from '../receipt-source.js'
import { addConfigOption } from '../session-options.js'
import { addSourceOptions, type SourceFlags } from '../source-options.js'
import { wholeNumber } from '../whole-number.js'

interface ListOptions extends QuestionOptions, SourceFlags {
  readonly from: number
  readonly limit: number
  readonly type?: string
  readonly json?: true
}

const TYPES: readonly string[] = ['attempt', 'outcome', ...CONTROL_TYPES]

export function registerList(receipts: Command, io: Io): void {
  const command = addConfigOption(receipts.command('list'))
    .summary('list entries, one a line: all of them, or those of an agent, a resource, a rule …')
    .option('--from <seq>', 'first entry to read', wholeNumber, 0)
    .option('--limit <n>', 'most entries', wholeNumber, 100)
    .option('--type <type>', 'only entries of this type, such as attempt or halt', knownType)
  addQuestionOptions(addSourceOptions(command))
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `
${QUESTION_WORDS}
An attempt is shown with its outcome. Of an agent, a task, an API or a time, the other entries are shown as well: grants,
credentials, approvals, halts. Nothing is verified; that is what \`receipts verify\` does.

Examples:
  countersign receipts list --from 4100 --type attempt
  countersign receipts list --agent coder --since 2027-01-13T12:00:00Z
  countersign receipts list --class destructive --class irreversible --effect allow
  countersign receipts list --resource 'volume:*' --scope environment=production --in evidence.jsonl
  countersign receipts list --rule never-volumes --limit 1000 --json
`,
    )
    .action((options: ListOptions) => list(options, io))
}

async function list(options: ListOptions, io: Io): Promise<void> {
  const source = await openReceipts(options.in, options.config, options)
  const shown = progress(io, 'entries')
  const paper = options.json === true ? new JsonPaper(io) : new LinePaper(io)
  try {
    const left = await writeAsked(source, options, paper, shown.count)
    shown.done()
    await paper.end(left)
  } finally {
    await source.close()
  }
}

/** What is known when the list ends. */
interface ListEnd {
  /** Number of the entry to go on from; null where the log was read to its end. */
  readonly next: number | null
  /** Attempts that list only the beginning of their resources. */
  readonly uncertain: number
  /** Outcomes of attempts before the first entry that was read. */
  readonly orphans: number
}

async function writeAsked(
  source: ReceiptSource,
  options: ListOptions,
  paper: Paper,
  onEntry: (count: number) => void,
): Promise<ListEnd> {
  const question = questionOf(options)
  let written = 0
  let uncertain = 0
  let orphans = 0
  const onOrphan = () => {
    orphans++
  }
  const fits = ({ entry }: AskedEntry) => options.type === undefined || entry.type === options.type
  for await (const asked of askedEntries(source.entries(options.from), question, onEntry, onOrphan)) {
    if (!fits(asked)) continue
    if (written >= options.limit) return { next: asked.entry.seq, uncertain, orphans }
    await paper.entry(asked.entry)
    written++
    if (asked.fit === 'unknown' && asked.entry.type === 'attempt') uncertain++
  }
  return { next: null, uncertain, orphans }
}

/** Takes entries one after the other, no faster than they are read. */
interface Paper {
  entry(entry: Entry): Promise<void>
  end(end: ListEnd): Promise<void>
}

class LinePaper implements Paper {
  private readonly io: Io

  constructor(io: Io) {
    this.io = io
  }

  entry(entry: Entry): Promise<void> {
    return write(this.io, `${entryLine(entry)}\n`)
  }

  async end({ next, uncertain, orphans }: ListEnd): Promise<void> {
    // Beside the list, so that a program that reads it reads entries only.
    if (uncertain > 0)
      this.io.stderr.write(
        `${uncertain} of them list only the beginning of their resources, and are in for that.\n`,
      )
    if (orphans > 0)
      this.io.stderr.write(
        `${orphans} outcomes of attempts before the first entry read are left out: --from an earlier one shows whose they are.\n`,
      )
    if (next !== null)
      this.io.stderr.write(`There are more: --limit shows more at once, --from ${next} goes on.\n`)
  }
}

/** `{"entries": […], "next": …, "uncertain": …, "orphans": …}`, written as it is read. */
class JsonPaper implements Paper {
  private readonly io: Io
  private first = true

  constructor(io: Io) {
    this.io = io
  }

  async entry(entry: Entry): Promise<void> {
    const lines = jsonText(entry).replaceAll('\n', '\n    ')
    await write(this.io, `${this.first ? '{\n  "entries": [' : ','}\n    ${lines}`)
    this.first = false
  }

  end({ next, uncertain, orphans }: ListEnd): Promise<void> {
    const list = this.first ? '{\n  "entries": []' : '\n  ]'
    return write(
      this.io,
      `${list},\n  "next": ${next},\n  "uncertain": ${uncertain},\n  "orphans": ${orphans}\n}\n`,
    )
  }
}

async function write({ stdout }: Io, text: string): Promise<void> {
  if (!stdout.write(text)) await once(stdout, 'drain')
}

function knownType(text: string): string {
  if (!TYPES.includes(text)) throw new InvalidArgumentError(`expected one of ${TYPES.join(', ')}`)
  return text
}
