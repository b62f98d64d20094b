import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { UsageError } from '../io.js'
import { readUpTo } from '../needed-file.js'

/**
 * One event of AWS CloudTrail, as far as it has to be joined with receipts
 * (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html).
 */
export interface TrailEvent {
  /** `eventID`. */
  readonly id: string
  /** Unix milliseconds; CloudTrail knows seconds. */
  readonly timeMs: number
  /** `ec2.amazonaws.com` */
  readonly source: string
  /** `TerminateInstances`, without the date that some services append. */
  readonly name: string
  readonly requestId: string | null
  readonly principal: Principal
  /** For AssumeRole: the role, and the name that its session got. */
  readonly assumes: RoleSession | null
  readonly errorCode: string | null
  readonly readOnly: boolean
  readonly address: string
}

export interface Principal {
  /** As CloudTrail names it; `unknown` where it doesn't. */
  readonly arn: string
  /** Null for whoever is no session of a role. */
  readonly session: RoleSession | null
  /** The AWS service that acted in this principal's name, `s3.amazonaws.com`; null where it acted itself. */
  readonly invokedBy: string | null
}

export interface RoleSession {
  /** `arn:aws:iam::111122223333:role/agents-staging` */
  readonly role: string
  readonly name: string
}

/**
 * Reads events from files and folders: CloudTrail's own files (`{"Records":[…]}`, also gzipped), a list of records, one
 * record a line, or the answer of `aws cloudtrail lookup-events`. Throws a UsageError for what is none of these.
 */
export function* readTrail(paths: readonly string[]): Generator<TrailEvent> {
  for (const path of paths)
    for (const file of filesIn(path))
      for (const record of recordsOf(textOf(file), file)) yield eventOf(record, file)
}

function filesIn(path: string): readonly string[] {
  try {
    if (!statSync(path).isDirectory()) return [path]
    return readdirSync(path, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile() && /\.jsonl?(?:\.gz)?$/.test(entry.name))
      .map(entry => join(entry.parentPath, entry.name))
      .sort()
  } catch {
    throw new UsageError(`cannot read ${path}`, 'Pass files of CloudTrail, or a folder that holds them.')
  }
}

/** CloudTrail's own files have a few MiB. ATTACK: a file that unpacks to more than there is memory, or to millions of empty lines. */
const MAX_BYTES = 33_554_432

function textOf(file: string): string {
  let bytes: Buffer | null
  try {
    bytes = readUpTo(file, MAX_BYTES)
    if (bytes?.[0] === 0x1f && bytes[1] === 0x8b) bytes = gunzipSync(bytes, { maxOutputLength: MAX_BYTES })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE')
      throw new UsageError(`cannot read ${file}`, 'Pass the file as CloudTrail wrote it.')
    bytes = null
  }
  if (bytes !== null) return bytes.toString('utf8')
  throw new UsageError(
    `${file} holds more than ${MAX_BYTES / 1_048_576} MiB, unpacked`,
    'Pass the files as CloudTrail wrote them, or cut what you have made of them into smaller ones, one record a line.',
  )
}

type Json = Readonly<Record<string, unknown>>

function recordsOf(text: string, file: string): readonly unknown[] {
  const whole = parsed(text)
  if (whole === undefined) {
    const lines = text.split('\n').filter(line => line.trim() !== '')
    const records = lines.map(parsed)
    if (lines.length === 0 || records.includes(undefined)) throw unreadable(file)
    return records
  }
  if (Array.isArray(whole)) return whole
  const { Records, Events } = objectOf(whole)
  if (Array.isArray(Records)) return Records
  if (Array.isArray(Events)) return Events.map(each => parsed(String(objectOf(each).CloudTrailEvent)))
  return [whole]
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function eventOf(value: unknown, file: string): TrailEvent {
  const record = objectOf(value)
  const { eventTime, eventSource, eventName } = record
  const timeMs = Date.parse(String(eventTime))
  if (typeof eventSource !== 'string' || typeof eventName !== 'string' || Number.isNaN(timeMs))
    throw unreadable(file)
  return {
    id: textIn(record, 'eventID') ?? '',
    timeMs,
    source: eventSource,
    name: eventName.replace(/[0-9]{8}(?:v[0-9]+)?$/, ''),
    requestId: textIn(record, 'requestID'),
    principal: principalOf(objectOf(record.userIdentity)),
    assumes: assumedBy(eventSource, eventName, objectOf(record.requestParameters)),
    errorCode: textIn(record, 'errorCode'),
    readOnly: record.readOnly === true || record.readOnly === 'true',
    address: textIn(record, 'sourceIPAddress') ?? '',
  }
}

function principalOf(identity: Json): Principal {
  const arn = textIn(identity, 'arn') ?? textIn(identity, 'principalId') ?? 'unknown'
  const issuer = objectOf(objectOf(identity.sessionContext).sessionIssuer)
  const found = /^arn:([a-z0-9-]+):sts::([0-9]{12}):assumed-role\/(.+)\/([^/]+)$/.exec(arn)
  const [, partition, account, roleName, name] = found ?? []
  const session =
    name === undefined
      ? null
      : // The session's own ARN leaves the role's path out.
        { role: textIn(issuer, 'arn') ?? `arn:${partition}:iam::${account}:role/${roleName}`, name }
  return { arn, session, invokedBy: textIn(identity, 'invokedBy') }
}

function assumedBy(source: string, name: string, parameters: Json): RoleSession | null {
  if (source !== 'sts.amazonaws.com' || !name.startsWith('AssumeRole')) return null
  const role = textIn(parameters, 'roleArn')
  const session = textIn(parameters, 'roleSessionName')
  return role === null || session === null ? null : { role, name: session }
}

function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {}
}

function textIn(record: Json, name: string): string | null {
  const value = record[name]
  return typeof value === 'string' && value !== '' ? value : null
}

function unreadable(file: string): UsageError {
  return new UsageError(
    `${file} holds no events of CloudTrail`,
    'Pass {"Records":[…]}, gzipped or not, or one record a line.',
  )
}
