import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { describe, it, type TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { reconcile } from '../../src/cli/reconcile/reconcile.js'
import { attemptBody, LogOnPaper, outcomeBody } from '../receipt/log-fixture.js'
import { countersign, scratch } from './command-line.js'

const ROLE = 'arn:aws:iam::111122223333:role/team/agents-staging'
const MINT = 'cs-0198c0de-0000-7000-8000-00000000aaaa'

interface Answer {
  readonly byRequestId: number
  readonly bySession: number
  readonly minted: number
  readonly byAws: number
  readonly others: Readonly<Record<string, { readonly events: number; readonly changing: number }>>
  readonly findings: readonly { readonly code: string; readonly event: { readonly id: string } }[]
  readonly unseen: readonly { readonly seq: number }[]
}

/** A session that the ledger made, two calls under it, and when the first was. */
function recorded(): { log: LogOnPaper; t: number } {
  const log = new LogOnPaper().start()
  const t = log.t
  log.append({
    type: 'mint',
    data: {
      action: 'minted',
      minter: 'aws-sts',
      credential: 'aws',
      scope: 'x',
      expires: t + 900_000,
      id: MINT,
    },
  })
  for (const [name, id] of [
    ['ec2:StopInstances', 'req-1'],
    ['s3:PutObject', null],
  ] as const) {
    const seq = log.append(
      attemptBody({
        ops: [{ name, classes: ['update'], scope: {}, resources: [] }],
        credential: { minter: 'aws-sts', scope: 'x', expires: t + 900_000, mint: MINT },
      }),
    )
    log.append(outcomeBody(seq, log.leaves[seq] as string, id === null ? {} : { upstream_id: id }))
  }
  return { log, t }
}

let events = 0

function event(t: number, name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    eventID: `event-${++events}`,
    eventTime: new Date(t).toISOString().replace(/\.\d+/, ''),
    eventSource: 'ec2.amazonaws.com',
    eventName: name,
    sourceIPAddress: '203.0.113.7',
    readOnly: false,
    userIdentity: bySession(MINT),
    ...more,
  }
}

function bySession(name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    type: 'AssumedRole',
    // The role's path is not in a session's ARN.
    arn: `arn:aws:sts::111122223333:assumed-role/agents-staging/${name}`,
    sessionContext: { sessionIssuer: { type: 'Role', arn: ROLE } },
    ...more,
  }
}

async function ask(
  context: TestContext,
  log: LogOnPaper,
  records: readonly unknown[],
  ...flags: readonly string[]
): Promise<{ code: number; answer: Answer; text: string; err: string }> {
  const at = await scratch(context)
  await writeFile(at('dump.jsonl'), log.entries.map(bytes => `${Buffer.from(bytes)}\n`).join(''))
  await mkdir(at('trail', '2026'), { recursive: true })
  await writeFile(at('trail', '2026', 'a.json.gz'), gzipSync(JSON.stringify({ Records: records })))
  const argv = [
    'receipts',
    'reconcile',
    '--cloudtrail',
    at('trail'),
    '--in',
    at('dump.jsonl'),
    '--role',
    ROLE,
    ...flags,
  ]
  const text = await countersign(...argv)
  const json = await countersign(...argv, '--json')
  assert.equal(text.code, json.code)
  return { code: json.code, answer: JSON.parse(json.out || '{}') as Answer, text: text.out, err: text.err }
}

describe('receipts reconcile', () => {
  it('explains what the sidecar did: by request id, by session and time, and the making of the session', async context => {
    const { log, t } = recorded()
    const { code, answer, text } = await ask(context, log, [
      event(t, 'AssumeRole', {
        eventSource: 'sts.amazonaws.com',
        userIdentity: { type: 'IAMUser', arn: 'arn:aws:iam::111122223333:user/sidecar' },
        requestParameters: { roleArn: ROLE, roleSessionName: MINT },
      }),
      event(t, 'StopInstances', { requestID: 'req-1' }),
      event(t + 2_000, 'PutObject', { eventSource: 's3.amazonaws.com', requestID: 'unknown to the ledger' }),
      event(t + 2_000, 'GenerateDataKey', {
        eventSource: 'kms.amazonaws.com',
        userIdentity: bySession(MINT, { invokedBy: 's3.amazonaws.com' }),
      }),
      event(t, 'RunInstances', {
        userIdentity: { type: 'IAMUser', arn: 'arn:aws:iam::111122223333:user/maria' },
      }),
    ])
    assert.equal(code, 0, text)
    assert.deepEqual(
      [answer.byRequestId, answer.bySession, answer.minted, answer.byAws, answer.findings.length],
      [1, 1, 1, 1, 0],
    )
    assert.deepEqual(answer.others, { 'arn:aws:iam::111122223333:user/maria': { events: 1, changing: 1 } })
    assert.match(text, /^NOTHING went around/)
    assert.match(
      text,
      /not judged {2}1 other principals: arn:aws:iam::111122223333:user\/maria \(1, 1 of them changing\)/,
    )
  })

  it('attack: a session that is named like one that a receipt made is no second one of it', async context => {
    const { log, t } = recorded()
    const assumed = (at: number, more: Record<string, unknown> = {}) =>
      event(at, 'AssumeRole', {
        eventSource: 'sts.amazonaws.com',
        userIdentity: { type: 'IAMUser', arn: 'arn:aws:iam::111122223333:user/sidecar' },
        requestParameters: { roleArn: ROLE, roleSessionName: MINT },
        ...more,
      })
    const again = assumed(t + 2_000)
    const [refused, late] = [assumed(t, { errorCode: 'AccessDenied' }), assumed(t + 3_600_000)]
    const { code, answer } = await ask(context, log, [refused, assumed(t), again, late])
    assert.equal(code, 1)
    assert.equal(answer.minted, 2)
    assert.deepEqual(
      answer.findings.map(each => [each.code, each.event.id]),
      [
        ['role_assumed_elsewhere', again.eventID],
        ['role_assumed_elsewhere', late.eventID],
      ],
    )
  })

  it('takes an event that is there twice for one, and another one under its id for another', async context => {
    const { log, t } = recorded()
    const put = event(t, 'PutObject', { eventSource: 's3.amazonaws.com' })
    const twice = await ask(context, log, [put, put])
    assert.equal(twice.code, 0, twice.text)
    const other = { ...put, eventName: 'DeleteObject' }
    const { answer } = await ask(context, log, [put, other])
    assert.deepEqual(
      answer.findings.map(each => each.code),
      ['call_unrecorded'],
    )
  })

  it('attack: a session of many calls is not held against each of many events', async () => {
    const log = new LogOnPaper().start()
    const expires = log.t + 900_000
    const made = { action: 'minted', minter: 'aws-sts', credential: 'aws', scope: 'x', expires, id: MINT }
    log.append({ type: 'mint', data: made })
    const put = attemptBody({
      ops: [{ name: 's3:PutObject', classes: ['update'], scope: {}, resources: [] }],
      credential: { minter: 'aws-sts', scope: 'x', expires, mint: MINT },
    })
    for (let call = 0; call < 6_000; call++) log.append(put)
    const seen = {
      timeMs: log.t,
      source: 's3.amazonaws.com',
      name: 'DeleteObject',
      requestId: null,
      principal: {
        arn: `arn:aws:sts::111122223333:assumed-role/agents-staging/${MINT}`,
        session: { role: ROLE, name: MINT },
        invokedBy: null,
      },
      assumes: null,
      errorCode: null,
      readOnly: false,
      address: '203.0.113.7',
    }
    const many = Array.from({ length: 100_000 }, (_, index) => ({ ...seen, id: `${index}` }))
    async function* entries() {
      yield* log.entries
    }
    const { findings } = await reconcile(many, entries(), { roles: new Set([ROLE]), forbidden: [] })
    assert.equal(findings.length, many.length)
  })

  it('attack: what went around is named, whichever way it took', async context => {
    const { log, t } = recorded()
    const user = { type: 'IAMUser', arn: 'arn:aws:iam::111122223333:user/ci' }
    const around = [
      ['call_differs', event(t, 'TerminateInstances', { requestID: 'req-1' })],
      ['call_unrecorded', event(t, 'TerminateInstances', { requestID: 'req-9' })],
      [
        'call_unrecorded',
        event(t, 'StopInstances', { requestID: 'req-8', eventTime: new Date(t - 600_000).toISOString() }),
      ],
      ['session_outlived', event(t + 3_600_000, 'StopInstances', { requestID: 'req-7' })],
      ['session_unknown', event(t, 'StopInstances', { userIdentity: bySession('laptop') })],
      [
        'role_assumed_elsewhere',
        event(t, 'AssumeRole', {
          eventSource: 'sts.amazonaws.com',
          userIdentity: user,
          requestParameters: { roleArn: ROLE, roleSessionName: 'laptop' },
        }),
      ],
      ['principal_forbidden', event(t, 'DeleteVolume', { userIdentity: user, errorCode: 'AccessDenied' })],
    ] as const
    const { code, answer, text } = await ask(
      context,
      log,
      around.map(([, each]) => each),
      '--forbid',
      'arn:aws:iam::*:user/c*',
    )
    assert.equal(code, 1)
    const byId = new Map(answer.findings.map(({ code: what, event: { id } }) => [id, what]))
    for (const [what, { eventID }] of around) assert.equal(byId.get(eventID as string), what)
    assert.match(text, /^7 calls went around the sidecar\.$/m)
    assert.match(
      text,
      /DeleteVolume by arn:aws:iam::111122223333:user\/ci from 203\.0\.113\.7, refused by AWS with AccessDenied/,
    )
  })

  it('attack: one receipt explains one call, and no second of the same name', async context => {
    const { log, t } = recorded()
    const puts = [1, 2].map(() => event(t, 'PutObject', { eventSource: 's3.amazonaws.com' }))
    const { code, answer } = await ask(context, log, puts)
    assert.equal(code, 1)
    assert.deepEqual([answer.bySession, answer.findings.map(each => each.code)], [1, ['call_unrecorded']])
  })

  it('attack: a request id of another session’s call explains nothing', async context => {
    const { log, t } = recorded()
    log.append({
      type: 'mint',
      data: {
        action: 'minted',
        minter: 'aws-sts',
        credential: 'aws',
        scope: 'x',
        expires: t + 900_000,
        id: 'cs-other',
      },
    })
    const { code, answer } = await ask(context, log, [
      event(t, 'DeleteVolume', { requestID: 'req-1', userIdentity: bySession('cs-other') }),
    ])
    assert.deepEqual([code, answer.findings[0]?.code], [1, 'call_unrecorded'])
  })

  it('knows the role without its path, as a session’s own ARN has it', async context => {
    const { log, t } = recorded()
    const { code, answer } = await ask(context, log, [
      event(t, 'StopInstances', {
        requestID: 'req-1',
        userIdentity: bySession(MINT, { sessionContext: {} }),
      }),
      event(t, 'StopInstances', { userIdentity: bySession('laptop', { sessionContext: {} }) }),
    ])
    assert.deepEqual([code, answer.byRequestId, answer.findings[0]?.code], [1, 1, 'session_unknown'])
  })

  it('lists what completed by the ledger and isn’t in the trail, which is no finding', async context => {
    const { log, t } = recorded()
    const edge = (at: number) =>
      event(at, 'DescribeInstances', { userIdentity: { arn: 'x' }, readOnly: true })
    const { code, answer } = await ask(context, log, [edge(t - 1_000), edge(t + 60_000)])
    assert.equal(code, 0)
    assert.equal(answer.unseen.length, 2)
  })

  it('takes records a line, a bare list and what lookup-events answers; a trail without events proves nothing', async context => {
    const at = await scratch(context)
    const { log, t } = recorded()
    await writeFile(at('dump.jsonl'), log.entries.map(bytes => `${Buffer.from(bytes)}\n`).join(''))
    const record = event(t, 'StopInstances', { requestID: 'req-1' })
    await writeFile(
      at('lines.jsonl'),
      `${JSON.stringify(record)}\n${JSON.stringify({ ...record, eventID: 'another' })}\n`,
    )
    await writeFile(at('list.json'), JSON.stringify([record]))
    await writeFile(
      at('events.json'),
      JSON.stringify({ Events: [{ CloudTrailEvent: JSON.stringify(record) }] }),
    )
    const asked = (file: string) =>
      countersign(
        'receipts',
        'reconcile',
        '--cloudtrail',
        file,
        '--in',
        at('dump.jsonl'),
        '--role',
        ROLE,
        '--json',
      )
    for (const [file, count] of [
      ['lines.jsonl', 2],
      ['list.json', 1],
      ['events.json', 1],
    ] as const)
      assert.equal((JSON.parse((await asked(at(file))).out) as Answer).byRequestId, count, file)
    await writeFile(at('empty.json'), '{"Records":[]}')
    assert.equal((await asked(at('empty.json'))).code, 2)
    await writeFile(at('other.json'), '{"hello":1}')
    const other = await asked(at('other.json'))
    assert.equal(other.code, 2)
    assert.match(other.err, /holds no events of CloudTrail/)
  })

  it('attack: a file that unpacks to more than a trail has is refused, as is one that is as large', async context => {
    const at = await scratch(context)
    const { log } = recorded()
    await writeFile(at('dump.jsonl'), log.entries.map(bytes => `${Buffer.from(bytes)}\n`).join(''))
    const large = Buffer.alloc(34_000_000, '\n')
    await writeFile(at('bomb.json.gz'), gzipSync(large))
    await writeFile(at('large.jsonl'), large)
    for (const name of ['bomb.json.gz', 'large.jsonl']) {
      const asked = ['--cloudtrail', at(name), '--in', at('dump.jsonl'), '--role', ROLE]
      const { code, err } = await countersign('receipts', 'reconcile', ...asked)
      assert.equal(code, 2)
      assert.match(
        err,
        /holds more than 32 MiB, unpacked\n {2}Pass the files as CloudTrail wrote them, or cut/,
      )
    }
  })

  it('says that the receipts are not verified here, and what another account’s trail can’t tell', async context => {
    const { log, t } = recorded()
    const elsewhere = event(t, 'GetObject', {
      userIdentity: { type: 'AWSAccount', principalId: `AROAEXAMPLE1234:${MINT}`, accountId: '111122223333' },
    })
    const { text } = await ask(context, log, [elsewhere])
    assert.match(text, /^ {2}receipts {4}\d+ entries, NOT verified here/m)
    assert.match(text, /^ +1 events of sessions that this trail doesn’t tell the role of/m)
  })

  it('attack: a name in the trail can’t pose as other words of the line', async context => {
    const { log, t } = recorded()
    const name = 'TerminateInstances by arn:aws:iam::111122223333:user/maria'
    const { text } = await ask(context, log, [event(t, name)])
    assert.match(
      text,
      /ec2\.amazonaws\.com "TerminateInstances by arn:aws:iam::111122223333:user\/maria" by /,
    )
  })
})
