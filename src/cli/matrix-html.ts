import { createHash } from 'node:crypto'
import type { Matrix, MatrixRow } from '../policy/index.js'
import { visible } from './entry-text.js'
import { detailOf, rulesOf, summaryOf } from './matrix-text.js'

/**
 * A matrix as one HTML file: no network, no inline handler, a Content-Security-Policy that admits exactly its own
 * script and style. Without scripts the table is all there; with them it can be filtered.
 */
export function matrixHtml(policy: string, matrix: Matrix, rows: readonly MatrixRow[]): string {
  const csp = [
    "default-src 'none'",
    `script-src '${digestOf(SCRIPT)}'`,
    `style-src '${digestOf(STYLE)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
  const title = `What ${matrix.agent} may do: ${policy}`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escapeHtml(csp)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${totalsTable(matrix)}
<form role="search" aria-label="Operations">
<label for="text">Filter by name, class, rule or condition</label>
<input id="text" type="search" autocomplete="off">
<label for="verdict">Verdict</label>
<select id="verdict"><option value="">all</option><option>admitted</option><option>held</option><option>denied</option></select>
<output id="shown" for="text verdict" aria-live="polite">${rows.length} operations</output>
</form>
<table id="operations">
<caption>Operations</caption>
<thead><tr>${['API', 'Operation', 'Classes', 'Verdict', 'Rule', 'Conditions'].map(each => `<th scope="col">${each}</th>`).join('')}</tr></thead>
<tbody>
${rows.map(rowHtml).join('\n')}
</tbody>
</table>
</main>
<script>${SCRIPT}</script>
</body>
</html>
`
}

function rowHtml(row: MatrixRow): string {
  const cells = [row.classes.join(' '), row.verdict, rulesOf(row), detailOf(row)].map(escapeHtml)
  return `<tr class="${row.verdict}"><td>${escapeHtml(row.api)}</td><th scope="row">${escapeHtml(row.operation)}</th>${cells.map(each => `<td>${each}</td>`).join('')}</tr>`
}

function totalsTable(matrix: Matrix): string {
  const rows = Object.entries(matrix.byApi).map(
    ([api, totals]) =>
      `<tr><th scope="row">${escapeHtml(api)}</th><td>${escapeHtml(summaryOf(totals))}</td></tr>`,
  )
  return `<table><caption>Totals</caption><tbody>${rows.join('')}<tr><th scope="row">all</th><td>${escapeHtml(summaryOf(matrix.totals))}</td></tr></tbody></table>`
}

const STYLE = `
:root { color-scheme: light dark; font: 1rem/1.45 system-ui, sans-serif; }
main { max-width: 100rem; margin: 0 auto; padding: 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
caption { text-align: left; font-weight: 600; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent); }
th[scope=row] { font-family: ui-monospace, monospace; font-weight: 400; overflow-wrap: anywhere; }
.admitted td:nth-of-type(3) { font-weight: 700; }
.held td:nth-of-type(3) { font-style: italic; }
form { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; position: sticky; top: 0; background: Canvas; padding: .5rem 0; }
input { min-width: 20rem; }
input, select { font: inherit; padding: .2rem .4rem; }
`

const SCRIPT = `
const text = document.getElementById('text')
const verdict = document.getElementById('verdict')
const shown = document.getElementById('shown')
const rows = [...document.querySelectorAll('#operations tbody tr')].map(row => ({ row, words: row.textContent.toLowerCase() }))
const filter = () => {
  const wanted = text.value.toLowerCase().split(/\\s+/).filter(Boolean)
  let count = 0
  for (const { row, words } of rows) {
    row.hidden = !wanted.every(each => words.includes(each)) || (verdict.value !== '' && row.className !== verdict.value)
    if (!row.hidden) count++
  }
  shown.textContent = count + ' operations'
}
text.addEventListener('input', filter)
verdict.addEventListener('change', filter)
text.form.addEventListener('submit', event => event.preventDefault())
`

function digestOf(text: string): string {
  return `sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}`
}

/** ATTACK: an operation of a description that somebody else wrote, whose name turns the direction of a row around. */
function escapeHtml(text: string): string {
  return visible(text).replace(/[&<>"']/g, letter => `&#${letter.charCodeAt(0)};`)
}
