import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MAX_SESSION_POLICY_CHARS, sessionPolicy } from '../../src/credential/session-policy.js'
import type { Operation } from '../../src/protocol/index.js'
import { operation } from './scope.js'

const EC2 = 'arn:aws:ec2:eu-west-1:111122223333:'
const BUCKET = 'arn:aws:s3:::bucket'

function needing(actions: readonly string[], resources: readonly string[]): Operation {
  return operation(actions[0] ?? 'none', { permissions: { actions, resources } })
}

interface Statement {
  readonly Effect: string
  readonly Action: string | readonly string[]
  readonly Resource: string | readonly string[]
}

function statementsOf(operations: readonly Operation[]): readonly Statement[] {
  return JSON.parse(sessionPolicy(operations).text).Statement
}

/** IAM's own reading of a resource: a star is any text, a question mark any character, `${*}` and the like are themselves. */
function matches(pattern: string, resource: string): boolean {
  const parts = pattern.match(/\$\{[*?$]\}|[\s\S]/g) ?? []
  const source = parts.map(part => {
    if (part === '*') return '[\\s\\S]*'
    if (part === '?') return '[\\s\\S]'
    const literal = part.length > 1 ? (part[2] as string) : part
    return literal.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
  })
  return new RegExp(`^${source.join('')}$`).test(resource)
}

function allows(statements: readonly Statement[], action: string, resource: string): boolean {
  return statements.some(
    ({ Action, Resource }) =>
      [Action].flat().includes(action) &&
      [Resource].flat().some(pattern => matches(pattern as string, resource)),
  )
}

test('statements of the same resources share their actions, and of the same actions their resources', () => {
  assert.deepEqual(
    statementsOf([
      needing(['s3:PutObject'], [`${BUCKET}/a`]),
      needing(['s3:PutObjectTagging'], [`${BUCKET}/a`]),
      needing(['s3:PutObject', 's3:PutObjectTagging'], [`${BUCKET}/b`]),
      needing(['s3:ListBucket'], [BUCKET]),
    ]),
    [
      { Effect: 'Allow', Action: 's3:ListBucket', Resource: BUCKET },
      {
        Effect: 'Allow',
        Action: ['s3:PutObject', 's3:PutObjectTagging'],
        Resource: [`${BUCKET}/a`, `${BUCKET}/b`],
      },
    ],
  )
})

test('the order of operations makes no difference', () => {
  const operations = [
    needing(['ec2:StopInstances'], [`${EC2}instance/i-2`, `${EC2}instance/i-1`]),
    needing(['ec2:CreateTags'], [`${EC2}volume/vol-1`]),
    needing(['ec2:DescribeInstances'], ['*']),
  ]
  assert.equal(sessionPolicy(operations).text, sessionPolicy([...operations].reverse()).text)
})

/** As a catalog writes a name that may hold anything. */
function escaped(name: string): string {
  return name.replace(/[*?$]/g, character => `$\{${character}}`)
}

function unescaped(resource: string): string {
  return resource.replace(/\$\{([*?$])\}/g, '$1')
}

test('attack: stars, question marks and variables in a name stand for themselves', () => {
  const names = ['*', 'a?b', `$\{aws:username}`, 'costs$', `$\{*}`, `x/*/$\{$}`]
  const resources = names.map(name => `${BUCKET}/${escaped(name)}`)
  const statements = statementsOf([needing(['s3:DeleteObject'], resources)])
  for (const name of names) assert.ok(allows(statements, 's3:DeleteObject', `${BUCKET}/${name}`), name)
  for (const other of ['', 'other', 'axb', 'maria', 'x/y/$'])
    assert.equal(allows(statements, 's3:DeleteObject', `${BUCKET}/${other}`), false, other)
})

test('attack: a name whose stars, question marks and variables were not escaped is refused', () => {
  for (const name of ['a*', 'a*b', '*a', '?', '$', `$\{aws:username}`, `$\{*`, `$\{**}`, `a/$\{x}`])
    assert.throws(() => sessionPolicy([needing(['s3:GetObject'], [`${BUCKET}/${name}`])]), {
      code: 'credential_unbounded',
    })
  const keys = 'arn:aws:kms:eu-west-1:111122223333:key/*'
  assert.deepEqual(statementsOf([needing(['kms:Decrypt'], [keys])])[0]?.Resource, keys)
})

test('attack: what can’t be written narrowly is refused', () => {
  const wide: readonly Operation[] = [
    needing(['s3:*'], [BUCKET]),
    needing(['s3:Get?bject'], [BUCKET]),
    needing(['*'], [BUCKET]),
    needing(['s3:GetObject'], ['arn:aws:s3:*:*:bucket']),
    needing(['s3:GetObject'], ['arn:aws:*:::bucket']),
    needing(['s3:GetObject'], ['bucket']),
    needing(['s3:GetObject'], ['arn:aws:s3:::']),
    needing(['s3:GetObject'], ['**']),
  ]
  for (const one of wide)
    assert.throws(
      () => sessionPolicy([one]),
      { code: 'credential_unbounded' },
      JSON.stringify(one.permissions),
    )
  for (const none of [needing([], [BUCKET]), needing(['s3:GetObject'], []), operation('s3:GetObject')])
    assert.throws(() => sessionPolicy([none]), { code: 'credential_insufficient' })
})

test('too many resources become what they begin with, kind by kind; single ones stay', () => {
  const many = Array.from({ length: 60 }, (_, i) => `${EC2}instance/i-0abc${String(i).padStart(13, '0')}`)
  const { text, scope } = sessionPolicy([needing(['ec2:CreateTags'], [...many, `${EC2}volume/vol-1`])])
  assert.deepEqual(JSON.parse(text).Statement, [
    {
      Effect: 'Allow',
      Action: 'ec2:CreateTags',
      Resource: [`${EC2}instance/i-0abc00000000000*`, `${EC2}volume/vol-1`],
    },
  ])
  assert.match(scope, /instance\/i-0abc00000000000\*, .*vol-1 \(61 resources were too many or too long/)
})

test('one name that is too long becomes its beginning', () => {
  const { text, scope } = sessionPolicy([needing(['s3:PutObject'], [`${BUCKET}/${'ü'.repeat(600)}`])])
  const [statement] = JSON.parse(text).Statement
  assert.match(statement.Resource, /^arn:aws:s3:::bucket\/ü+\*$/)
  assert.match(scope, /\(its resource was too many or too long for a session policy\)$/)
})

test('resources of too many kinds become all of them', () => {
  const many = Array.from({ length: 80 }, (_, i) => `arn:aws:s3:::bucket-${i}-${'x'.repeat(20)}/key`)
  const { text, scope } = sessionPolicy([needing(['s3:GetObject'], many)])
  assert.deepEqual(JSON.parse(text).Statement, [{ Effect: 'Allow', Action: 's3:GetObject', Resource: '*' }])
  assert.equal(scope, 's3:GetObject on * (80 resources were too many or too long for a session policy)')
})

test('actions are never widened: where they don’t fit there is no policy', () => {
  const actions = Array.from({ length: 60 }, (_, i) => `ec2:${'Describe'.repeat(5)}${i}`)
  assert.throws(() => sessionPolicy([needing(actions, ['*'])]), { code: 'credential_insufficient' })
})

test('a scope is bounded, and shows nothing that a terminal would obey', () => {
  const actions = ['ec2:A', 'ec2:B', 'ec2:C', 'ec2:D']
  const resources = ['\u001b[2J', 'x'.repeat(1_000), '\ud800', 'y'].map(name => `${BUCKET}/${name}`)
  const { scope } = sessionPolicy([needing(actions, resources)])
  assert.match(scope, /^ec2:A, ec2:B, ec2:C and 1 more on /)
  assert.ok(scope.length < 500)
  assert.doesNotMatch(scope, /\p{C}/u)
})

const name = fc.string({ unit: fc.constantFrom(...'ab/*?$', ...'{}ü😀:-'), minLength: 1, maxLength: 40 })
interface Needs {
  readonly actions: readonly string[]
  readonly resources: readonly string[]
}
const operations: fc.Arbitrary<readonly Needs[]> = fc.array(
  fc.record({
    actions: fc.uniqueArray(
      fc.constantFrom('s3:GetObject', 's3:PutObject', 's3:DeleteObject', 'ec2:RunInstances'),
      {
        minLength: 1,
      },
    ),
    resources: fc.oneof(
      fc.uniqueArray(
        name.map(each => `${BUCKET}/${escaped(each)}`),
        { minLength: 1, maxLength: 80 },
      ),
      fc.constant(['*']),
    ),
  }),
  { minLength: 1, maxLength: 6 },
)

test('property: a policy fits, is ASCII, and lets through all that the operations need', () => {
  fc.assert(
    fc.property(operations, needs => {
      const { text } = sessionPolicy(needs.map(({ actions, resources }) => needing(actions, resources)))
      assert.ok(text.length <= MAX_SESSION_POLICY_CHARS)
      assert.match(text, /^[\x20-\x7e]+$/)
      const statements: readonly Statement[] = JSON.parse(text).Statement
      for (const { actions, resources } of needs)
        for (const action of actions)
          for (const resource of resources)
            assert.ok(allows(statements, action, unescaped(resource)), `${action} ${resource}`)
    }),
    { numRuns: 300 },
  )
})

test('property: a policy that was not widened lets through nothing else, and no policy another action', () => {
  fc.assert(
    fc.property(operations, name, (needs, other) => {
      const { text, scope } = sessionPolicy(
        needs.map(({ actions, resources }) => needing(actions, resources)),
      )
      const statements: readonly Statement[] = JSON.parse(text).Statement
      const stranger = `${BUCKET}/${other}`
      for (const action of ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 'ec2:RunInstances']) {
        const wanted = needs.filter(({ actions }) => actions.includes(action))
        if (wanted.length === 0) assert.equal(allows(statements, action, stranger), false)
        if (scope.includes('session policy')) continue
        const needed = wanted.some(
          ({ resources }) => resources.includes('*') || resources.includes(`${BUCKET}/${escaped(other)}`),
        )
        assert.equal(allows(statements, action, stranger), needed, `${action} ${stranger}`)
      }
    }),
    { numRuns: 300 },
  )
})
