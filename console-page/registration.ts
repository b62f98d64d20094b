import { byId, say } from './dom.js'
import { registerPasskey } from './passkeys.js'

const line = byId<HTMLTextAreaElement>('registration-line')

/** Shows the form that makes a passkey, and what comes of it. */
export function offerRegistration(): void {
  byId('registration').hidden = false
  say(byId('registration-host'), location.origin)
  byId<HTMLFormElement>('registration-form').addEventListener('submit', event => {
    event.preventDefault()
    void register(byId<HTMLInputElement>('registration-name').value)
  })
  byId('registration-copy').addEventListener('click', () => {
    line.select()
    void navigator.clipboard.writeText(line.value)
  })
}

async function register(name: string): Promise<void> {
  say(byId('registration-error'), '')
  try {
    line.value = await registerPasskey(name)
    byId('registration-done').hidden = false
    line.focus()
    line.select()
  } catch (error) {
    say(byId('registration-error'), `No passkey was made: ${(error as Error).message}`)
  }
}
