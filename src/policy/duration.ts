const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const
const LONGEST_SECONDS = 366 * SECONDS.d

/** Seconds of `90s`, `30m`, `8h` or `7d`; null for anything else, zero, or more than 366 days. */
export function parseDurationSeconds(text: string): number | null {
  const match = /^([1-9][0-9]{0,6})([smhd])$/.exec(text)
  if (match === null) return null
  const seconds = Number(match[1]) * SECONDS[match[2] as keyof typeof SECONDS]
  return seconds <= LONGEST_SECONDS ? seconds : null
}

/** Unix milliseconds of an RFC 3339 time in UTC (`2027-02-01T00:00:00Z`); null for anything else. */
export function parseUtcMs(text: string): number | null {
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3})?Z$/.test(text)) return null
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) return null
  // 2027-02-30 would otherwise slide into March.
  return new Date(ms).toISOString().slice(0, 19) === text.slice(0, 19) ? ms : null
}
