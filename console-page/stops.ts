import type { KeeperStatus } from '../src/cli/keeper-status.js'
import type { HaltScope } from '../src/keeper/index.js'
import { element } from '../verifier/text.js'
import { byId, say, timeText } from './dom.js'
import { post, Refused } from './session.js'

const dialog = byId<HTMLDialogElement>('halt')
const because = byId<HTMLInputElement>('halt-because')
const sure = byId<HTMLInputElement>('halt-sure')
const task = byId<HTMLInputElement>('halt-task')
/** A task that nobody has named yet is null. */
type AskedScope = HaltScope | { readonly scope: 'task'; readonly task: null }
let asked: AskedScope | null = null

export function scopeWords(of: HaltScope): string {
  switch (of.scope) {
    case 'agent':
      return `agent ${of.agent}`
    case 'task':
      return `task ${of.task}`
    case 'all':
      return 'everything'
  }
}

export function showStops({ halts, freeze }: KeeperStatus['stops']): void {
  const lines = [
    ...halts.map(halt => {
      const why = halt.because === null ? '' : `: ${halt.because}`
      return `HALTED: ${scopeWords(halt)}, since ${timeText(halt.sinceMs)} by ${halt.by}${why}`
    }),
    ...(freeze === null
      ? []
      : [
          `FROZEN since ${timeText(freeze.sinceMs)} by ${freeze.by}${freeze.untilMs === null ? '' : `, until ${timeText(freeze.untilMs)}`}${freeze.because === null ? '' : `: ${freeze.because}`}`,
        ]),
  ]
  const list = byId('stops')
  if (list.dataset.said === lines.join('\n')) return
  list.dataset.said = lines.join('\n')
  list.replaceChildren(
    ...(lines.length === 0
      ? [element('li', 'quiet', 'Nothing is halted or frozen.')]
      : lines.map(line => element('li', 'bad', line))),
  )
}

export function askToHalt(of: AskedScope): void {
  asked = of
  const unnamed = of.scope === 'task' && of.task === null
  say(byId('halt-title'), unnamed ? 'Halt a task?' : `Halt ${scopeWords(of as HaltScope)}?`)
  for (const part of [task, byId('halt-task-label')]) part.hidden = !unnamed
  task.required = unnamed
  task.value = ''
  say(
    byId('halt-words'),
    'Nothing of it passes from the next request on. Its grants are revoked, with the credentials that were minted for them.',
  )
  because.value = ''
  sure.checked = false
  say(byId('halt-error'), '')
  dialog.showModal()
}

/** `told` is called once something is halted, with a sentence about it. */
export function listenForHalts(told: (news: string) => void): void {
  byId('halt-one-task').addEventListener('click', () => askToHalt({ scope: 'task', task: null }))
  byId('halt-all').addEventListener('click', () => askToHalt({ scope: 'all' }))
  byId('halt-cancel').addEventListener('click', () => dialog.close())
  byId<HTMLFormElement>('halt-form').addEventListener('submit', event => {
    event.preventDefault()
    void halt(told)
  })
}

async function halt(told: (news: string) => void): Promise<void> {
  if (asked === null || !sure.checked) return
  const of: HaltScope =
    asked.scope === 'task' ? { scope: 'task', task: asked.task ?? task.value.trim() } : asked
  const reason = because.value.trim()
  try {
    await post('/api/halts', { of, ...(reason === '' ? {} : { because: reason }) })
    dialog.close()
    told(`Halted: ${scopeWords(of)}. \`countersign resume\` ends it.`)
  } catch (error) {
    say(byId('halt-error'), error instanceof Refused ? error.words() : (error as Error).message)
  }
}
