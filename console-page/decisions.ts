import { fromBase64 } from '../src/canon/index.js'
import { decodeEntry, type Entry } from '../src/receipt/index.js'
import { element } from '../verifier/text.js'
import { byId, timeText } from './dom.js'
import { get } from './session.js'

/** Rows that stay in the table. */
const ROWS = 200
/** Entries that are asked for at once, and at the beginning. */
const PAGE = 100

const MARKS = { allow: 'ALLOW', hold: 'HOLD', deny: 'DENY' } as const

/** Members of other entries that are shown, in this order. */
const TOLD = [
  ...[
    'action',
    'state',
    'role',
    'version',
    'code',
    'task',
    'owner',
    'rule',
    'because',
    'minter',
    'credential',
  ],
  ...['id', 'jti', 'reason', 'size'],
]

const table = byId('decisions')
const onlyStopped = byId<HTMLInputElement>('only-stopped')
let next: number | null = null

/** Reads what was written since, and shows it above what is there. */
export async function followDecisions(size: number): Promise<void> {
  next ??= Math.max(0, size - PAGE)
  while (next < size) {
    const { entries } = await get<{ readonly entries: readonly { readonly entry: string }[] }>(
      `/api/receipts?from=${next}&limit=${PAGE}`,
    )
    if (entries.length === 0) break
    for (const { entry } of entries) table.prepend(row(decodeEntry(fromBase64(entry))))
    next += entries.length
  }
  while (table.children.length > ROWS) table.lastElementChild?.remove()
}

onlyStopped.addEventListener('change', () => table.classList.toggle('only-stopped', onlyStopped.checked))

function row(entry: Entry): HTMLElement {
  const { seq, t } = entry
  const [mark, agent, what, by] = cells(entry)
  const made = element('tr', entry.type === 'attempt' ? entry.decision.effect : 'quiet')
  made.append(
    element('td', 'number', String(seq)),
    element('td', 'number', timeText(t)),
    element('td', 'mark', mark),
    element('td', '', agent),
    element('td', 'what', what),
    element('td', '', by),
  )
  return made
}

function cells(entry: Entry): readonly [mark: string, agent: string, what: string, by: string] {
  switch (entry.type) {
    case 'attempt': {
      const { decision, agent, ops, req } = entry
      const what = ops
        .map(({ name, resources }) => [name, resources[0]?.id ?? ''].join(' ').trim())
        .join(', ')
      const by = decision.rule === null ? decision.code : `${decision.rule} (${decision.code})`
      return [
        MARKS[decision.effect],
        agent.id === '' ? 'no valid grant' : agent.id,
        `${req.api} ${what === '' ? req.method : what}`,
        by,
      ]
    }
    case 'outcome': {
      const answer = entry.http === 0 ? 'no answer' : `HTTP ${entry.http}`
      return ['', '', `outcome of ${entry.attempt}: ${entry.status}, ${answer}`, '']
    }
    default: {
      // Quoted each: an agent's word must not read like the next member.
      const told = TOLD.filter(name => ['string', 'number'].includes(typeof entry.data[name]))
        .map(name => `${name} ${JSON.stringify(entry.data[name]).slice(0, 200)}`)
        .join(', ')
      return [entry.type, String(entry.data.agent ?? ''), told, String(entry.data.by ?? '')]
    }
  }
}
