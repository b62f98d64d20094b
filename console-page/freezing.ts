import { byId, say } from './dom.js'
import { post, Refused } from './session.js'

const HOUR_MS = 3_600_000

const dialog = byId<HTMLDialogElement>('freeze')
const hours = byId<HTMLSelectElement>('freeze-hours')
const because = byId<HTMLInputElement>('freeze-because')
const sure = byId<HTMLInputElement>('freeze-sure')

/** `told` is called once changes are frozen, with a sentence about it. */
export function listenForFreezes(told: (news: string) => void): void {
  byId('freeze-all').addEventListener('click', () => {
    because.value = ''
    sure.checked = false
    say(byId('freeze-error'), '')
    dialog.showModal()
  })
  byId('freeze-cancel').addEventListener('click', () => dialog.close())
  byId<HTMLFormElement>('freeze-form').addEventListener('submit', event => {
    event.preventDefault()
    void freeze(told)
  })
}

async function freeze(told: (news: string) => void): Promise<void> {
  if (!sure.checked) return
  const reason = because.value.trim()
  try {
    await post('/api/freezes', {
      ...(hours.value === '' ? {} : { untilMs: Date.now() + Number(hours.value) * HOUR_MS }),
      ...(reason === '' ? {} : { because: reason }),
    })
    dialog.close()
    told('Frozen: plain reads pass. `countersign thaw` ends it.')
  } catch (error) {
    say(byId('freeze-error'), error instanceof Refused ? error.words() : (error as Error).message)
  }
}
