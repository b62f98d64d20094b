import { shownParts } from '../../canon/index.js'
import { longest } from '../longest.js'
import type { IncidentReport } from './incident.js'
import { type Block, sectionsOf, warningOf } from './sections.js'

/** The report for a terminal: the verdict first, one line for each step. */
export function reportLines(report: IncidentReport): readonly string[] {
  const sections = sectionsOf(report).flatMap(({ title, blocks }) => [
    '',
    title.toUpperCase(),
    ...blocks.flatMap(blockLines),
  ])
  return [...judgedLines(report), ...sections.map(shownLine)]
}

/** What the verification said, and what that means for the report. */
export function judgedLines(report: IncidentReport): readonly string[] {
  const { title, findings, rows, notProven } = report.verdict
  const warning = warningOf(report)
  return [
    title,
    ...findings.map(finding => `  ! ${finding}`),
    ...rows.map(([name, text]) => `  ${name.padEnd(11)} ${text}`),
    '  not proven',
    ...notProven.map(what => `    - ${what}`),
    ...(warning === null ? [] : ['', `!! ${warning}`]),
  ].map(shownLine)
}

function blockLines(block: Block): readonly string[] {
  switch (block.kind) {
    case 'line':
      return [`${block.tone === 'loud' ? '!!' : '  '} ${block.text}`]
    case 'card': {
      if (block.brief !== null) return [`   ${block.head}`, ...block.brief.map(text => `       ${text}`)]
      const width = longest(block.facts.map(([label]) => label))
      return [
        `   ${block.head}`,
        ...block.facts.map(([label, text]) => `       ${label.padEnd(width)}  ${text}`),
      ]
    }
    case 'table': {
      const rows = [block.head, ...block.rows]
      const widths = block.head.map((_, i) => longest(rows.map(row => row[i] ?? '')))
      return rows.map(row => `   ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd())
    }
  }
}

/** ATTACK: a terminal must not obey a name. What hides in it is spelled out. */
function shownLine(text: string): string {
  return shownParts(text)
    .map(part => (part.hidden ? `<${part.text}>` : part.text))
    .join('')
}
