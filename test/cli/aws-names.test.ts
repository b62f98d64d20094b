import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { chooseAgent, explain, requestOfCurl } from '../../src/cli/explain.js'
import { consultPolicy } from '../../src/cli/policy-file.js'
import type { ActivePolicy } from '../../src/policy/index.js'

const KEY = '1234abcd-12ab-34cd-56ef-1234567890ab'

/** Everything is allowed but what a deny names by its ARN. */
const POLICY = `
apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: names, version: 1, expires: 2099-01-01T00:00:00Z, audience: [staging] }
apis:
  aws:
    catalog: aws
    services: [autoscaling, ecs, kms, lambda, rds, s3, secretsmanager, ssm]
    regions: [eu-west-1]
    credential: aws
credentials:
  aws: { minter: aws-sts, role: "arn:aws:iam::111122223333:role/agents", region: eu-west-1 }
agents: { coder: { environment: staging } }
rules:
  - id: everything
    allow: { api: aws, class: [read, sensitive_read, create, update, destructive, irreversible, privilege, opaque] }
    to: coder
  - id: not-these
    deny:
      api: aws
      resources:
        - "arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/db-*"
        - "arn:aws:kms:eu-west-1:111122223333:key/${KEY}"
        - "arn:aws:rds:*:cluster:prod*"
        - "arn:aws:ssm:*:parameter/prod/*"
        - "arn:aws:ssm:*:parameter/db-password"
        - "arn:aws:lambda:*:function:payments"
        - "arn:aws:ecs:*:task-definition/admin*"
        - "arn:aws:autoscaling:eu-west-1:111122223333:autoScalingGroup:${KEY}:autoScalingGroupName/prod"
    because: These are production's.
`

/** The same names, asked for by an allow that has to cover them. */
const NARROW = `${POLICY.slice(0, POLICY.indexOf('rules:'))}rules:
  - id: ours
    allow:
      api: aws
      class: [sensitive_read, update, create]
      resources: ["arn:aws:secretsmanager:*:secret:ours/*", "arn:aws:ssm:*:parameter/ours/*"]
    to: coder
  - id: own-account
    allow: { api: aws, operations: ["s3:PutObject"], scope: { account: "111122223333" } }
    to: coder
`

describe('what an AWS request names', () => {
  let folder = ''
  let policy: ActivePolicy
  let narrow: ActivePolicy
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'countersign-names-'))
    const consulted = (name: string, text: string) => {
      const file = join(folder, name)
      writeFileSync(file, text)
      return consultPolicy(file).active
    }
    policy = consulted('policy.yaml', POLICY)
    narrow = consulted('narrow.yaml', NARROW)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  function effectOf(
    asked: ActivePolicy,
    service: string,
    flags: Parameters<typeof requestOfCurl>[2],
    path = '/',
  ) {
    const url = `https://${service}.eu-west-1.amazonaws.com${path}`
    const answer = explain(
      asked,
      chooseAgent(asked, 'coder'),
      requestOfCurl(asked, url, flags, 'aws'),
      Date.now(),
    )
    assert.ok('decision' in answer, JSON.stringify(answer))
    return answer.decision.effect
  }
  const json = (target: string, body: object) => ({
    header: [`x-amz-target: ${target}`, 'content-type: application/x-amz-json-1.1'],
    data: [JSON.stringify(body)],
  })
  const secret = (SecretId: string) => json('secretsmanager.GetSecretValue', { SecretId })
  const decrypt = (KeyId: string) => json('TrentService.Decrypt', { KeyId, CiphertextBlob: 'AA==' })
  const parameters = (Path: string) => json('AmazonSSM.GetParametersByPath', { Path, Recursive: true })
  const SECRET = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret'

  it('attack: a secret by its name, or by its ARN without the suffix, is the secret', () => {
    for (const id of [`${SECRET}:prod/db-AbCdEf`, `${SECRET}:prod/db`, 'prod/db'])
      assert.equal(effectOf(policy, 'secretsmanager', secret(id)), 'deny', id)
    assert.equal(effectOf(policy, 'secretsmanager', secret('staging/db')), 'allow')
  })

  it('attack: a key by an alias may be any key, and by its id in capitals is that key', () => {
    for (const id of [KEY, KEY.toUpperCase(), 'alias/prod', `arn:aws:kms:eu-west-1:111122223333:alias/prod`])
      assert.equal(effectOf(policy, 'kms', decrypt(id)), 'deny', id)
    assert.equal(effectOf(policy, 'kms', decrypt('99999999-12ab-34cd-56ef-1234567890ab')), 'allow')
  })

  it('attack: an identifier in capitals is the one that RDS folds it to', () => {
    const cluster = (id: string) => ({
      data: [`Action=DeleteDBCluster&Version=2014-10-31&DBClusterIdentifier=${id}&SkipFinalSnapshot=true`],
    })
    assert.equal(effectOf(policy, 'rds', cluster('prod')), 'deny')
    assert.equal(effectOf(policy, 'rds', cluster('PROD')), 'deny')
    assert.equal(effectOf(policy, 'rds', cluster('staging')), 'allow')
  })

  it('attack: a group by its name is the one whose ARN has an id before the name', () => {
    const group = (name: string) => ({
      data: [
        `Action=DeleteAutoScalingGroup&Version=2011-01-01&AutoScalingGroupName=${name}&ForceDelete=true`,
      ],
    })
    assert.equal(effectOf(policy, 'autoscaling', group('prod')), 'deny')
    assert.equal(effectOf(policy, 'autoscaling', group('staging')), 'allow')
  })

  it('attack: a path of parameters is all that lies below it', () => {
    for (const path of ['/prod/', '/prod', '/', '/prod/db'])
      assert.equal(effectOf(policy, 'ssm', parameters(path)), 'deny', path)
    assert.equal(effectOf(policy, 'ssm', parameters('/staging')), 'allow')
    const one = (Name: string) => json('AmazonSSM.GetParameter', { Name })
    assert.equal(effectOf(policy, 'ssm', one('db-password')), 'deny')
    assert.equal(effectOf(policy, 'ssm', one('db-password:1')), 'deny')
  })

  it('attack: a function with a qualifier is the function', () => {
    const path = (name: string) => `/2015-03-31/functions/${encodeURIComponent(name)}/invocations`
    const call = { request: 'POST', data: ['{}'], header: ['content-type: application/json'] }
    for (const name of ['payments', 'payments:$LATEST', '111122223333:function:payments:prod'])
      assert.equal(effectOf(policy, 'lambda', call, path(name)), 'deny', name)
    assert.equal(effectOf(policy, 'lambda', call, path('mailer:$LATEST')), 'allow')
  })

  it('attack: a task definition without its revision is any of them', () => {
    const run = (taskDefinition: string) =>
      json('AmazonEC2ContainerServiceV20141113.RunTask', { taskDefinition, cluster: 'c' })
    assert.equal(effectOf(policy, 'ecs', run('admin')), 'deny')
    assert.equal(effectOf(policy, 'ecs', run('admin:7')), 'deny')
    assert.equal(effectOf(policy, 'ecs', run('web')), 'allow')
  })

  it('has to be covered whole by an allow', () => {
    assert.equal(effectOf(narrow, 'secretsmanager', secret('ours/db')), 'allow')
    assert.equal(effectOf(narrow, 'secretsmanager', secret('prod/db')), 'deny')
    assert.equal(effectOf(narrow, 'ssm', parameters('/ours/db')), 'allow')
    assert.equal(effectOf(narrow, 'ssm', parameters('/')), 'deny')
  })

  it('attack: a bucket of somebody else’s is not the own account’s because nobody said whose it is', () => {
    const put = (...header: string[]) => ({ request: 'PUT', header })
    assert.equal(effectOf(narrow, 's3', put(), '/attacker-bucket/loot'), 'deny')
    const owned = put('x-amz-expected-bucket-owner: 111122223333')
    assert.equal(effectOf(narrow, 's3', owned, '/our-bucket/page'), 'allow')
  })

  it('is in the words of ARNs, not in those of the command line', () => {
    const named = (...arns: readonly string[]) => {
      const file = join(folder, 'words.yaml')
      const text = POLICY.slice(0, POLICY.indexOf('      resources:')).replace(
        '[autoscaling, ',
        '[autoscaling, efs, opensearch, ',
      )
      writeFileSync(file, `${text}      resources: ${JSON.stringify(arns)}\n`)
      return () => consultPolicy(file)
    }
    assert.throws(named('arn:aws:efs:*:*:file-system/fs-0123456789abcdef0'), /write "elasticfilesystem"/)
    assert.throws(named('arn:aws:opensearch:eu-west-1:*:domain/prod'), /write "es"/)
    assert.doesNotThrow(
      named(
        'arn:aws:elasticfilesystem:*:*:file-system/fs-0123456789abcdef0',
        'arn:aws:es:eu-west-1:*:domain/prod',
      ),
    )
    assert.doesNotThrow(named('arn:aws:ecr:*:*:repository/web', '*:file-system/*'))
  })
})
