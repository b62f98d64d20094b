import { contentId, portableCrypto, utf8 } from '../src/canon/index.js'
import { readTrustChain } from '../src/policy/index.js'
import {
  type BundleVerification,
  type OwnTrust,
  parseBundle,
  parseWitnessPolicy,
  type StoryStep,
  storyOf,
  verifyBundle,
  type WitnessPolicy,
} from '../src/receipt/index.js'
import { claimsOf, timeText } from './claims.js'
import { element, showLines, showText } from './text.js'

/** What the reader has given so far. */
let bundle: Uint8Array | null = null

const byId = <T extends HTMLElement>(id: string) => document.getElementById(id) as T
const trustText = byId<HTMLTextAreaElement>('trust-text')
const trustPin = byId<HTMLInputElement>('trust-pin')
const witnessText = byId<HTMLTextAreaElement>('witness-text')

receive('bundle', async file => {
  bundle = new Uint8Array(await file.arrayBuffer())
  setState('bundle', `${file.name}, ${bundle.length.toLocaleString('en')} bytes`, false)
})
receive('trust', async file => {
  trustText.value = await file.text()
})
receive('witness', async file => {
  witnessText.value = await file.text()
})
for (const field of [trustText, trustPin, witnessText]) field.addEventListener('input', () => verify())
byId<HTMLFormElement>('inputs').addEventListener('submit', event => event.preventDefault())
// A file that misses its place must not replace this page.
for (const kind of ['dragover', 'drop'] as const)
  document.addEventListener(kind, event => event.preventDefault())

/** Takes a file that is chosen or dropped. */
function receive(name: string, take: (file: File) => Promise<void>): void {
  const area = byId(`${name}-drop`)
  const input = byId<HTMLInputElement>(`${name}-file`)
  const accept = async (file: File | undefined) => {
    if (file === undefined) return
    await take(file)
    // Who types is left where they are; who brought a file is taken to the answer.
    if (verify()) byId('verdict-title').focus()
  }
  input.addEventListener('change', () => accept(input.files?.[0]))
  area.addEventListener('dragover', () => area.classList.add('over'))
  area.addEventListener('dragleave', () => area.classList.remove('over'))
  area.addEventListener('drop', event => {
    area.classList.remove('over')
    void accept(event.dataTransfer?.files[0])
  })
}

/**
 * Verifies with what is there and answers whether there is a verdict. A trust root or witness policy that can't be read
 * is said, and no verdict is given.
 */
function verify(): boolean {
  const trust = readTrust()
  const witnesses = readWitnesses()
  const ready = bundle !== null && trust !== 'wrong' && witnesses !== 'wrong'
  byId('verdict').hidden = byId('story').hidden = !ready
  if (bundle === null || trust === 'wrong' || witnesses === 'wrong') return false
  const found = verifyBundle(bundle, {
    crypto: portableCrypto,
    trust,
    ...(witnesses === null ? {} : { witnesses }),
  })
  showVerdict(found)
  showStory(bundle, found)
  return true
}

function readTrust(): OwnTrust | null | 'wrong' {
  const [text, pin] = [trustText.value.trim(), trustPin.value.trim()]
  if (text === '') {
    setState('trust', 'none yet: without it nothing is proven about where the bundle is from', pin !== '')
    return pin === '' ? null : 'wrong'
  }
  try {
    const chain = readTrustChain(utf8(text))
    setState(
      'trust',
      `${chain.length} version${chain.length === 1 ? '' : 's'}${pin === '' ? '' : ', pinned'}`,
      false,
    )
    return { chain, pin: pin === '' ? null : pin }
  } catch (error) {
    setState('trust', (error as Error).message, true)
    return 'wrong'
  }
}

function readWitnesses(): WitnessPolicy | null | 'wrong' {
  const text = witnessText.value
  if (text.trim() === '') {
    setState('witness', 'none: cosignatures are not judged', false)
    return null
  }
  try {
    const policy = parseWitnessPolicy(portableCrypto, utf8(text))
    setState('witness', `${policy.witnesses.size} known`, false)
    return policy
  } catch (error) {
    setState('witness', (error as Error).message, true)
    return 'wrong'
  }
}

function setState(name: string, text: string, wrong: boolean): void {
  const state = byId(`${name}-state`)
  state.replaceChildren()
  state.classList.toggle('wrong', wrong)
  showText(state, text)
}

function showVerdict(found: BundleVerification): void {
  const claims = claimsOf(found)
  const title = byId('verdict-title')
  title.className = claims.tone
  title.replaceChildren()
  showText(title, claims.title)
  const more = found.findingCount - found.findings.length
  fill('findings', [
    ...found.findings.map(({ message }) => message),
    ...(more > 0 ? [`and ${more} more`] : []),
  ])
  fill('proven', claims.proven)
  fill('unproven', claims.unproven)
  byId('evidence').replaceChildren(
    ...claims.evidence.flatMap(([label, value]) => [element('dt', '', label), element('dd', '', value)]),
  )
}

function fill(list: string, lines: readonly string[]): void {
  byId(list).replaceChildren(...lines.map(line => element('li', '', line)))
}

/** ATTACK: a file of millions of entries, and a page that goes down with it or goes on showing the file before. */
const MOST_STEPS = 2_000

function showStory(bytes: Uint8Array, found: BundleVerification): void {
  byId('story-note').textContent = found.sound
    ? ''
    : 'This is what the file says. Something in it was found wrong, so none of it is shown to be true.'
  byId('story-note').className = 'bad'
  let steps: readonly StoryStep[] = []
  try {
    steps = storyOf(parseBundle(bytes), payload => contentId(portableCrypto, payload))
  } catch {
    // The verdict says what is wrong with the file.
  }
  byId('story').hidden = steps.length === 0
  const more = steps.length - MOST_STEPS
  if (more > 0) byId('story-note').append(` Only the first ${MOST_STEPS} steps are shown, ${more} are not.`)
  byId('timeline').replaceChildren(...steps.slice(0, MOST_STEPS).map(step => showStep(step, found)))
}

const MARKS = { passed: 'admitted', refused: 'refused', held: 'held', plain: '' } as const

function showStep(step: StoryStep, found: BundleVerification): HTMLElement {
  const item = element('li', `step ${step.tone}`)
  item.id = `entry-${step.seq}`
  item.append(element('div', 'when', `${step.t === null ? '' : `${timeText(step.t)}, `}entry ${step.seq}`))
  const told = step.tone !== 'plain'
  const details = element('details')
  details.open = told
  const summary = element('summary')
  summary.append(element('strong', '', step.subject), ' ')
  if (step.title !== '') summary.append(element('span', '', step.title))
  if (MARKS[step.tone] !== '' && step.facts.some(({ label }) => label === 'decision'))
    summary.append(' ', element('span', 'mark', MARKS[step.tone]))
  details.append(summary, showFacts(step))
  item.append(details)
  const wrong = found.findings.filter(({ seq }) => seq === step.seq)
  if (wrong.length > 0) {
    const list = element('ul', 'findings')
    list.append(...wrong.map(({ message }) => element('li', '', message)))
    item.append(list)
  }
  return item
}

function showFacts({ facts }: StoryStep): HTMLElement {
  const list = element('dl')
  for (const { label, value, disclosed } of facts) {
    const shown = element('dd', disclosed ? 'value' : '')
    if (disclosed && label !== 'target') showLines(shown, value)
    else showText(shown, value)
    list.append(element('dt', disclosed ? 'disclosed' : '', label), shown)
  }
  return list
}
