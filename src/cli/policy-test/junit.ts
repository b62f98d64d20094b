import type { CaseResult } from './run-cases.js'

/** The results in the XML that continuous integration reads: a suite per file, a case per case. */
export function junitXml(results: readonly CaseResult[]): string {
  const files = [...new Set(results.map(each => each.case.file))]
  const suites = files.map(file => {
    const cases = results.filter(each => each.case.file === file)
    const lines = cases.map(testcase).join('')
    return `  <testsuite${counts(file, cases)}>\n${lines}  </testsuite>\n`
  })
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites${counts('policy test', results)}>\n${suites.join('')}</testsuites>\n`
}

function counts(name: string, results: readonly CaseResult[]): string {
  const failures = results.filter(each => each.differences.length > 0).length
  return ` name="${escaped(name)}" tests="${results.length}" failures="${failures}" errors="0" skipped="0"`
}

function testcase({ case: { file, line, name }, differences }: CaseResult): string {
  const head = `    <testcase classname="${escaped(file)}" name="${escaped(name)}" file="${escaped(file)}" line="${line}"`
  if (differences.length === 0) return `${head}/>\n`
  const message = escaped(differences.join('; '))
  return `${head}>\n      <failure message="${message}"/>\n    </testcase>\n`
}

/** XML 1.0 §2.2 has no control characters but these, and §2.4 five letters that must be written otherwise. */
function escaped(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '�')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replace(/[\t\n\r]/g, ' ')
}
