import type { Recovered, Verification } from '../receipt/index.js'

/** What a verification proved, for people. Never a bare OK. */
export function verdictLines(found: Verification): string[] {
  return [
    found.sound
      ? 'SOUND: nothing was found.'
      : `NOT SOUND: ${plural(found.findingCount, 'finding')}, ${found.validPrefix} entries are valid from the first on.`,
    ...found.findings.map(finding => `  ! ${finding.message}`),
    ...(found.findingCount > found.findings.length
      ? [`  ! and ${found.findingCount - found.findings.length} more`]
      : []),
    row('log', found.chain ?? 'unknown'),
    ...(found.recovered === null ? [] : [row('recovery', recoveredText(found.recovered))]),
    row('keys', keysText(found)),
    row('entries', `${found.size} read, ${found.validPrefix} valid from the first on`),
    row('kinds', countsText(found)),
    row('time', timeText(found)),
    row('root', found.root),
    row('checkpoint', checkpointText(found)),
    row('witnessed', witnessedText(found)),
    row('open', openText(found)),
  ]
}

function keysText({ mode }: Verification): string {
  return mode === 'pinned keys'
    ? 'pinned: signed by the keys that you named'
    : 'integrity only: the keys are those that the log names itself, which proves no origin (pass --trust and --pin, or --key)'
}

/** `epoch 2, continues epoch 1 after a loss of 17 entries, signed by maria and jo: …`. */
function recoveredText({ epoch, chain, size, lost, because, signers }: Recovered): string {
  const before = chain.slice(chain.lastIndexOf('/') + 1)
  const loss = lost === 0 ? 'no known loss' : `a loss of ${plural(lost, 'entry', 'entries')}`
  const signed =
    signers === null
      ? 'NOT held against a trust root (pass --trust and --pin)'
      : `signed by ${signers.join(' and ')}`
  return `epoch ${epoch}, continues epoch ${before} after ${loss} (${size} are proven there), ${signed}: ${because}`
}

function countsText({ counts }: Verification): string {
  const kinds = Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1))
  return kinds.map(([kind, count]) => `${count} ${kind}`).join(', ') || 'none'
}

function timeText({ firstT, lastT }: Verification): string {
  if (firstT === null || lastT === null) return 'unknown'
  return `${new Date(firstT).toISOString()} to ${new Date(lastT).toISOString()}`
}

function checkpointText({ checkpointed, size }: Verification): string {
  if (checkpointed === null) return 'none that fits: a tail that was cut off would not be noticed'
  const behind = size - checkpointed
  return `covers ${plural(checkpointed, 'entry', 'entries')}${behind === 0 ? '' : `, ${behind} came after it`}`
}

function witnessedText({ witnessed, unwitnessedTail }: Verification): string {
  const alone = `${plural(unwitnessedTail, 'entry', 'entries')} vouched for by this log's own keys alone`
  return witnessed === null ? `no cosignature: ${alone}` : `${witnessed} entries; ${alone}`
}

function openText({ open }: Verification): string {
  if (open.length === 0) return 'every admitted attempt has its outcome'
  const first = open.slice(0, 5).map(attempt => attempt.seq)
  return `${plural(open.length, 'attempt')} without an outcome: ${first.join(', ')}${open.length > 5 ? ', …' : ''}`
}

function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

function row(name: string, text: string): string {
  return `  ${name.padEnd(11)} ${text}`
}
