/** A time of day that recurs daily in one time zone. Minutes since local midnight; `to` before `from` is on the next day. */
export interface DailyWindow {
  readonly from: number
  readonly to: number
  /** IANA name. */
  readonly zone: string
}

/** Whether the window is open at a time. The local clock decides: across a change of summer time the hour that is skipped or repeated counts by what the clock shows. */
export type WindowTest = (nowMs: number) => boolean

/** Builds the test once; throws a RangeError for an unknown zone. */
export function windowTest(window: DailyWindow): WindowTest {
  const clock = new Intl.DateTimeFormat('en-GB', {
    timeZone: window.zone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  return nowMs => {
    const [hour, minute] = clock.format(nowMs).split(':')
    const at = Number(hour) * 60 + Number(minute)
    return window.from < window.to ? window.from <= at && at < window.to : window.from <= at || at < window.to
  }
}

/** Minutes since midnight of `22:00`. */
export function parseClockMinutes(text: string): number {
  const [hour, minute] = text.split(':')
  return Number(hour) * 60 + Number(minute)
}

export function isZone(zone: string): boolean {
  try {
    windowTest({ from: 0, to: 1, zone })
    return /^[A-Za-z]/.test(zone)
  } catch {
    return false
  }
}
