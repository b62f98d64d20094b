import { createHash } from 'node:crypto'
import { shownParts } from '../../canon/index.js'
import type { IncidentReport } from './incident.js'
import { type Block, type Section, sectionsOf, warningOf } from './sections.js'

/**
 * The report as one HTML file for a screen and for paper: no script, no network, and a Content-Security-Policy that admits its
 * one style and nothing else. Names from receipts are text in it, with whatever hides in them spelled out.
 */
export function reportHtml(report: IncidentReport): string {
  const { verdict } = report
  const csp = `default-src 'none'; style-src '${digestOf(STYLE)}'; base-uri 'none'; form-action 'none'`
  const warning = warningOf(report)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${shown(csp)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>Countersign: report of an incident</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Report of an incident</h1>
<main>
<section>
<h2 class="${verdict.sound && verdict.pinned ? 'good' : verdict.sound ? 'half' : 'bad'}">${isolated(verdict.title)}</h2>
${list('findings', verdict.findings)}${warning === null ? '' : `<p class="loud">${shown(warning)}</p>\n`}${facts(verdict.rows)}
<h3>What is not proven</h3>
${list('unproven', verdict.notProven)}</section>
${sectionsOf(report).map(sectionHtml).join('\n')}
</main>
</body>
</html>
`
}

function sectionHtml({ title, blocks }: Section): string {
  return `<section>\n<h2>${isolated(title)}</h2>\n${blocks.map(blockHtml).join('\n')}\n</section>`
}

function blockHtml(block: Block): string {
  switch (block.kind) {
    case 'line':
      return `<p class="${block.tone}">${isolated(block.text)}</p>`
    case 'card':
      return `<article class="${block.tone}">\n<h3>${isolated(block.head)}</h3>\n${facts(block.facts)}\n</article>`
    case 'table': {
      const head = block.head.map(cell => `<th scope="col">${isolated(cell)}</th>`).join('')
      const rows = block.rows.map(row => `<tr>${row.map(cell => `<td>${isolated(cell)}</td>`).join('')}</tr>`)
      return `<table>\n<thead><tr>${head}</tr></thead>\n<tbody>\n${rows.join('\n')}\n</tbody>\n</table>`
    }
  }
}

function facts(rows: readonly (readonly [label: string, text: string])[]): string {
  return `<dl>${rows.map(([label, text]) => `<dt>${isolated(label)}</dt><dd>${isolated(text)}</dd>`).join('\n')}</dl>`
}

function list(name: string, lines: readonly string[]): string {
  return lines.length === 0
    ? ''
    : `<ul class="${name}">${lines.map(each => `<li>${isolated(each)}</li>`).join('\n')}</ul>\n`
}

/** What is isolated can't reorder its surroundings, in whatever direction it is written. */
function isolated(text: string): string {
  return `<bdi>${shown(text)}</bdi>`
}

/** ATTACK: an agent that calls a resource `<script>` or turns its name around. */
function shown(text: string): string {
  return shownParts(text)
    .map(part =>
      part.hidden
        ? `<span class="hidden-char">${part.text}</span>`
        : part.text.replace(/[&<>"'`]/g, letter => `&#${letter.charCodeAt(0)};`),
    )
    .join('')
}

function digestOf(text: string): string {
  return `sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}`
}

const STYLE = `
:root { color-scheme: light dark; --quiet: #59616b; --line: #d3d8de; --good: #1a6b34; --bad: #b3181c; --held: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --quiet: #9aa4af; --line: #353c44; --good: #63c982; --bad: #ff7a7a; --held: #e0ac4a; } }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; font: 1rem/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; }
h2 { font-size: 1.25rem; margin: 1.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: .25rem 0; }
.good { color: var(--good); }
.half { color: var(--held); }
.bad, .findings li, p.loud { color: var(--bad); }
p.loud { font-weight: 600; }
article { border: 1px solid var(--line); border-left: 4px solid var(--quiet); border-radius: .25rem; margin: 0 0 .5rem; padding: .25rem .75rem; }
article h3 { font-weight: 600; white-space: pre-wrap; }
article.passed { border-left-color: var(--good); }
article.held { border-left-color: var(--held); }
article.refused, article.loud { border-left-color: var(--bad); }
dl { display: grid; gap: 0 1rem; grid-template-columns: max-content minmax(0, 1fr); margin: 0; }
dt { color: var(--quiet); }
dd { margin: 0; min-width: 0; }
table { border-collapse: collapse; margin: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .2rem .75rem .2rem 0; border-bottom: 1px solid var(--line); }
.hidden-char { border: 1px solid var(--bad); border-radius: .25rem; color: var(--bad); font-size: .75em; padding: 0 .2em; }
@media print { :root { color-scheme: light; } body { max-width: none; font-size: 10pt; padding: 0; } article, tr { break-inside: avoid; } h2, h3 { break-after: avoid; } }
`
