import type { ShownApproval } from '../src/keeper/index.js'
import type { ApprovalVerdict, ApproverGroup } from '../src/policy/index.js'
import { approvalFacts, isConsistent } from './approval-facts.js'
import { byId, facts, say } from './dom.js'
import { passkeysFor, signByPasskey } from './passkeys.js'
import { post, Refused } from './session.js'

const TITLES: Readonly<Record<ApprovalVerdict, string>> = {
  approve: 'Approve this?',
  reject: 'Reject this?',
  withdraw: 'Take your approval back?',
}

/** What is being decided in the dialog. */
let open: {
  readonly approval: ShownApproval
  readonly verdict: ApprovalVerdict
  readonly groups: readonly ApproverGroup[]
} | null = null

const dialog = byId<HTMLDialogElement>('sign')
const because = byId<HTMLInputElement>('sign-because')
const touch = byId<HTMLButtonElement>('sign-touch')

/** Shows once more all that is signed, and asks for a passkey. */
export function askToSign(
  approval: ShownApproval,
  verdict: ApprovalVerdict,
  groups: readonly ApproverGroup[],
): void {
  if (!isConsistent(approval)) return
  open = { approval, verdict, groups }
  say(byId('sign-title'), TITLES[verdict])
  byId('sign-facts').replaceChildren(...facts(approvalFacts(approval)))
  // ATTACK: what matters is folded away while a passkey is touched.
  for (const fold of byId('sign-facts').querySelectorAll('details')) fold.open = true
  say(
    byId('sign-because-label'),
    verdict === 'reject'
      ? 'Why; the agent reads it, and it stands in the receipt'
      : 'Why, if you like; it stands in the receipt',
  )
  because.value = ''
  because.required = verdict === 'reject'
  const passkeys = passkeysFor(approval, verdict, groups, location)
  const names = [...new Set(passkeys.map(({ by }) => by))].join(', ')
  say(
    byId('sign-who'),
    `The policy names a passkey here of: ${names}. It signs everything above, this verdict and your reason.`,
  )
  say(byId('sign-error'), '')
  touch.disabled = false
  dialog.showModal()
}

/** `told` is called with what the keeper has made of a word, in a sentence. */
export function listenForSigning(told: (news: string) => void): void {
  byId('sign-cancel').addEventListener('click', () => dialog.close())
  dialog.addEventListener('close', () => {
    open = null
  })
  byId<HTMLFormElement>('sign-form').addEventListener('submit', event => {
    event.preventDefault()
    void sign(told)
  })
}

async function sign(told: (news: string) => void): Promise<void> {
  if (open === null) return
  const { approval, verdict, groups } = open
  const reason = because.value.trim()
  touch.disabled = true
  say(byId('sign-error'), '')
  try {
    const countersignature = await signByPasskey(
      {
        v: 1,
        verdict,
        statement: approval.statement,
        ...(reason === '' ? {} : { because: reason }),
        t: Date.now(),
      },
      passkeysFor(approval, verdict, groups, location),
    )
    const path = `/api/approvals/${approval.id}/countersignatures`
    const answer = await post<{ readonly approval: ShownApproval }>(path, { countersignature })
    dialog.close()
    told(outcomeWords(verdict, answer.approval))
  } catch (error) {
    say(byId('sign-error'), faultWords(error))
    touch.disabled = false
    touch.focus()
  }
}

function outcomeWords(verdict: ApprovalVerdict, { state }: ShownApproval): string {
  if (verdict === 'reject') return 'Rejected. The same call of this task is refused from now on.'
  if (verdict === 'withdraw') return 'Withdrawn.'
  return state === 'approved'
    ? 'Approved. The agent’s same call passes now, once.'
    : 'Approved. Others have to agree as well.'
}

function faultWords(error: unknown): string {
  if (error instanceof Refused) return error.words()
  // What browsers say where nobody touched, the wrong one was touched, or the time was up.
  if (error instanceof DOMException)
    return `Nothing was signed: no passkey was touched in time (${error.name}).`
  return (error as Error).message
}
