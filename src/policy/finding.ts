/**
 * Something about a policy's source that its author should know. An `error` keeps it from being compiled, a
 * `warning` doesn't. `line` and `column` count from 1.
 */
export interface Finding {
  readonly code: FindingCode
  readonly severity: 'error' | 'warning'
  readonly line: number
  readonly column: number
  /** Where in the document: `rules.2.allow.class.0`. */
  readonly path: string
  readonly message: string
  /** What to do about it. */
  readonly mend: string
}

/** Members and indexes from the root of a document. */
export type DocumentPath = readonly (string | number)[]

/** Where a path stands in the source; the nearest ancestor that is there where it isn't. */
export type Locate = (path: DocumentPath) => { readonly line: number; readonly column: number }

/** Every code that parsing, compiling and linting can report, with its mend. Listed in docs/policy.md; a test holds the two together. */
export const findingCodes = {
  source_too_large: { severity: 'error', mend: 'Split the policy, or shorten it, to at most 1 MiB.' },
  yaml_syntax: { severity: 'error', mend: 'Mend the YAML there.' },
  yaml_feature: {
    severity: 'error',
    mend: 'Write the value out: anchors, aliases, merge keys, tags and several documents are not read.',
  },
  hidden_letter: {
    severity: 'error',
    mend: 'Take the letter out, or write it as an escape in double quotes, such as "\\u202e".',
  },
  unknown_key: { severity: 'error', mend: 'Remove the key, or spell it as the schema does.' },
  missing_key: { severity: 'error', mend: 'Add the key.' },
  wrong_value: { severity: 'error', mend: 'See `countersign policy schema` for what may stand here.' },
  bad_duration: { severity: 'error', mend: 'Write a whole number and a unit: 90s, 30m, 8h or 7d.' },
  bad_expiry: { severity: 'error', mend: 'Write a UTC time such as 2027-02-01T00:00:00Z.' },
  bad_until: {
    severity: 'error',
    mend: 'Write a UTC time at most 14 days ahead, such as 2027-02-01T00:00:00Z, and seal again to observe longer.',
  },
  bad_upstream: {
    severity: 'error',
    mend: 'Write an origin only: https://host or https://host:port, without path, query or user.',
  },
  bad_zone: { severity: 'error', mend: 'Use an IANA time zone such as Europe/Berlin.' },
  bad_window: { severity: 'error', mend: 'Let `from` and `to` differ; a window may cross midnight.' },
  bad_key: { severity: 'error', mend: 'Write the public key as `ed25519:` and 43 letters of base64url.' },
  bad_origin: {
    severity: 'error',
    mend: 'Write the origin of the console as its address bar has it, of the host `rpId`: http://localhost:8467.',
  },
  origin_required: {
    severity: 'error',
    mend: 'Add `origins:` with the console’s own: `countersign console --register` writes the whole line.',
  },
  api_kind: {
    severity: 'error',
    mend: 'Give an API exactly one of `catalog`, `routes`, `openapi` and `graphql`.',
  },
  unknown_catalog: {
    severity: 'error',
    mend: 'Name a catalog that this version ships, or describe the API.',
  },
  missing_file: { severity: 'error', mend: 'Put the file where the policy says, relative to the policy.' },
  bad_catalog: { severity: 'error', mend: 'Mend the routes or the description of the API.' },
  upstream_required: { severity: 'error', mend: 'Add `upstream: https://…` to the API.' },
  aws_choice: {
    severity: 'error',
    mend: 'Say what may be called, `services: [ec2, s3]` and `regions: [eu-west-1]`, with a credential whose minter is aws-sts.',
  },
  key_without_use: { severity: 'error', mend: 'Remove the key; it has no meaning here.' },
  undefined_name: { severity: 'error', mend: 'Define the name, or spell it as it is defined.' },
  duplicate: { severity: 'error', mend: 'Keep one of them.' },
  bad_threshold: { severity: 'error', mend: 'Ask for at most as many signatures as there are keys.' },
  rule_effect: { severity: 'error', mend: 'Give a rule exactly one of `allow`, `hold` and `deny`.' },
  to_required: { severity: 'error', mend: 'Say who: `to: [agent]`.' },
  api_required: { severity: 'error', mend: 'Say which API: `api: name`, a list, or "*".' },
  allow_too_wide: { severity: 'error', mend: 'Name `operations`, `class` or `effect`.' },
  approvers_required: { severity: 'error', mend: 'Say who may approve: `approvers: group`.' },
  nothing_selected: {
    severity: 'error',
    mend: 'Look the operation up in the API’s catalog, and mend the selector.',
  },
  bad_limit: {
    severity: 'error',
    mend: 'Write `count: 20` and `per: 1h`, or `sum`, `unit`, `max` and `per`.',
  },
  when_syntax: { severity: 'error', mend: 'Mend the CEL expression.' },
  when_unknown_path: { severity: 'error', mend: 'Use a path that a selected operation has.' },
  when_untyped: {
    severity: 'error',
    mend: 'An allow may use only values whose type the catalog knows: select fewer operations, or use another value.',
  },
  when_unasked: {
    severity: 'error',
    mend: 'Add `probe: NAME` to the rule; docs/policy.md lists the probes of each API.',
  },
  unknown_probe: { severity: 'error', mend: 'Name a probe that the catalog of every API of the rule has.' },
  probe_without_subject: {
    severity: 'error',
    mend: 'Select operations that name a resource which the probe can be asked about.',
  },
  probe_credential: {
    severity: 'error',
    mend: 'Give the API `probes: { credential: NAME }` with a credential of its own that may only read.',
  },
  probe_given: { severity: 'error', mend: 'Say it under `probes: { given: … }` of the API.' },
  probe_unheard: {
    severity: 'warning',
    mend: 'Take those operations out of the rule: without an answer its allow never matches, its hold and deny always do.',
  },
  probe_may_write: {
    severity: 'warning',
    mend: 'Ask with the token of a member who may only view; a project token also sees one environment alone.',
  },
  when_not_bool: { severity: 'error', mend: 'Let the expression say yes or no.' },
  when_type: { severity: 'error', mend: 'Compare values of the same type.' },
  when_refused: { severity: 'error', mend: 'Say it with the functions that docs/policy.md lists.' },
  never_broken: {
    severity: 'error',
    mend: 'Narrow the rule, or take the statement back; `countersign policy prove` shows requests.',
  },
  static_credential: {
    severity: 'warning',
    mend: 'Use a minter that makes short-lived credentials, if the API has one.',
  },
  allows_destruction: {
    severity: 'warning',
    mend: 'Hold it for approval, narrow it by scope or resources, or limit it.',
  },
  broad_wildcard: {
    severity: 'warning',
    mend: 'Name what is meant; what the API adds later is matched too.',
  },
  meets_nameless: {
    severity: 'warning',
    mend: 'Add `operations:` or `class:`, unless those are meant as well.',
  },
  objects_left_out: {
    severity: 'warning',
    mend: 'Add the bucket’s ARN with `/*` to `resources`, or name the `operations:` on the bucket that are meant.',
  },
  missing_because: { severity: 'warning', mend: 'Add `because:`; the agent is told, and stops trying.' },
  expired: { severity: 'warning', mend: 'Set a later `expires` and raise `version`.' },
  expires_soon: { severity: 'warning', mend: 'Plan the next version; everything is denied from then on.' },
  observes: {
    severity: 'warning',
    mend: 'Take the rules from `countersign policy suggest`, replay them, and remove `mode` and `until`.',
  },
  agent_without_rule: { severity: 'warning', mend: 'Add an allow for the agent, or remove it.' },
  shadowed_rule: { severity: 'warning', mend: 'Remove the rule, or narrow the deny that covers it.' },
  unreachable_rule: {
    severity: 'warning',
    mend: 'Mend the selector, its exception or its windows, or remove the rule.',
  },
  covered_rule: { severity: 'warning', mend: 'Remove the rule, or the wider one.' },
  duplicate_rule: { severity: 'warning', mend: 'Keep one of the two.' },
  when_never_true: { severity: 'warning', mend: 'Mend the condition, or remove the rule.' },
  unused_name: { severity: 'warning', mend: 'Remove it, or use it.' },
  plain_http: { severity: 'warning', mend: 'Use https; plain http is for test audiences only.' },
  test_endpoint: {
    severity: 'warning',
    mend: 'Remove `insecureTestEndpoints` before production; only a test audience may load it.',
  },
  origin_open: {
    severity: 'warning',
    mend: 'Add `origins:` with exactly the page that may ask it.',
  },
  credential_missing: {
    severity: 'warning',
    mend: 'Add `credential:` unless the API really asks for none.',
  },
  tight_evidence: {
    severity: 'warning',
    mend: 'Leave at least 64 entries and 30 seconds, unless standing still is what you want.',
  },
} as const satisfies Record<string, { severity: 'error' | 'warning'; mend: string }>

export type FindingCode = keyof typeof findingCodes

/** Collects findings in the order of the source. */
export class Findings {
  private readonly found: Finding[] = []
  private readonly locate: Locate

  constructor(locate: Locate) {
    this.locate = locate
  }

  add(code: FindingCode, path: DocumentPath, message: string, mend?: string): void {
    const entry = findingCodes[code]
    this.found.push({
      code,
      severity: entry.severity,
      ...this.locate(path),
      path: path.join('.'),
      message,
      mend: mend ?? entry.mend,
    })
  }

  get hasErrors(): boolean {
    return this.found.some(finding => finding.severity === 'error')
  }

  /** By line and column; findings of the same place keep the order in which they were found. */
  sorted(): readonly Finding[] {
    return [...this.found].sort((a, b) => a.line - b.line || a.column - b.column)
  }
}

/** The candidate that a misspelt name most likely meant; null where none is near. Levenshtein distance of at most a third of the name. */
export function nearest(name: string, candidates: Iterable<string>): string | null {
  let best: string | null = null
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase(), bestDistance)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

function editDistance(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) >= bound) return bound
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substitution, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}

/** ` Did you mean "x"?`, or nothing. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const candidate = nearest(name, candidates)
  return candidate === null ? '' : ` Did you mean "${candidate}"?`
}
