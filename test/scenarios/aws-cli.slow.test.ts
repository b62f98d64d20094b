import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { AWS_IDS } from '../../src/sandbox/index.js'
import { type AwsSurroundings, startAwsSurroundings } from './aws-surroundings.js'
import { type Attempt, type Ended, runCountersign, single } from './sidecar.js'

/** Debian's own; another on PATH may be another version. */
const AWS = '/usr/bin/aws'
const PYTHON = '/usr/bin/python3'
const hasAws = spawnSync(AWS, ['--version']).status === 0
/** The CLI and `exec` are two programs for each call; `npm run test:aws` makes those as well that add no protocol. */
const ALL = process.env.COUNTERSIGN_AWS_ALL === '1'
const hasBoto = spawnSync(PYTHON, ['-c', 'import boto3']).status === 0

/** The AWS CLI and boto3 as an agent runs them: by `countersign exec`, which gives them nothing but a place to ask. */
describe('AWS’s Python clients behind the sidecar', () => {
  let aws: AwsSurroundings
  before(async () => {
    aws = await startAwsSurroundings()
  })
  after(() => aws?.close())

  function exec(command: readonly string[]): Promise<{ value: Ended; attempts: readonly Attempt[] }> {
    const env = { AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE', AWS_SECRET_ACCESS_KEY: 'of-the-operator' }
    const { folder, loaded } = aws.sidecar
    const argv = ['exec', '--config', loaded.file, '--agent', 'coder', '--task', 'fix', '--', ...command]
    return aws.sidecar.during(() => runCountersign(argv, folder, env))
  }

  const cli = (...argv: readonly string[]) =>
    exec([AWS, '--endpoint-url', `${aws.sidecar.gate}/aws`, '--output', 'json', ...argv])

  async function denied(operation: string, ...argv: readonly string[]): Promise<void> {
    const { value, attempts } = await cli(...argv)
    assert.notEqual(value.code, 0)
    const attempt = attempts.at(-1) as Attempt
    assert.equal(attempt.ops[0]?.name, operation)
    assert.match(value.err, /AccessDenied/)
    assert.match(value.err, /DENIED by policy, nothing was executed\./)
    assert.ok(value.err.includes(`Receipt ${attempt.seq}.`), value.err)
    assert.equal(attempts.filter(each => each.decision.effect === 'deny').length, 1, 'it does not try again')
  }

  describe('the AWS CLI', { skip: !hasAws && `${AWS} is not there: install the package awscli` }, () => {
    it('describes what is there, with credentials that it fetched by itself', async () => {
      const { value, attempts } = await cli('ec2', 'describe-instances')
      assert.equal(value.code, 0, value.err)
      assert.ok(value.out.includes(AWS_IDS.stagingInstance))
      assert.equal(single(attempts).agent.task, 'fix')
      assert.match(value.err, /kept from the command: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY/)
    })

    it('prints why it may not terminate, delete or force', async () => {
      await denied('ec2:TerminateInstances', 'ec2', 'terminate-instances', '--instance-ids', 'i-0staging1')
      if (!ALL) return
      await denied(
        'rds:DeleteDBInstance',
        ...['rds', 'delete-db-instance', '--skip-final-snapshot'],
        ...['--db-instance-identifier', AWS_IDS.stagingDatabase],
      )
      await denied('s3:DeleteBucket', 's3api', 'delete-bucket', '--bucket', 'acme-backups')
      await denied(
        'dynamodb:ExecuteStatement',
        ...['dynamodb', 'execute-statement', '--statement', 'DELETE FROM "orders" WHERE id = \'7\''],
      )
    })

    if (!ALL) return

    it('prints why it may not delete a snapshot or a stack', async () => {
      await denied(
        'rds:DeleteDBSnapshot',
        ...['rds', 'delete-db-snapshot', '--db-snapshot-identifier', AWS_IDS.stagingDatabaseSnapshot],
      )
      await denied(
        'cloudformation:DeleteStack',
        ...['cloudformation', 'delete-stack', '--stack-name', AWS_IDS.stack],
      )
    })

    it('empties no bucket by force, and every try is recorded', async () => {
      const { value, attempts } = await cli('s3', 'rb', '--force', 's3://acme-backups')
      assert.notEqual(value.code, 0)
      assert.match(`${value.out}${value.err}`, /DENIED by policy, nothing was executed\./)
      const refused = attempts.filter(({ decision }) => decision.effect === 'deny')
      assert.ok(refused.length > 0)
      for (const { ops } of refused) assert.match(ops[0]?.name ?? '', /^s3:Delete/)
    })

    it('copies files up, a large one in parts, and down again', async () => {
      const file = join(aws.sidecar.folder, 'large.bin')
      writeFileSync(file, Buffer.alloc(20 << 20, 'countersign'))
      const up = await cli('s3', 'cp', file, 's3://acme-releases/web/large.bin')
      assert.equal(up.value.code, 0, up.value.err)
      assert.ok(up.attempts.some(({ ops }) => ops[0]?.name === 's3:UploadPart'))
      const back = join(aws.sidecar.folder, 'back.bin')
      const down = await cli('s3', 'cp', 's3://acme-releases/web/large.bin', back)
      assert.equal(down.value.code, 0, down.value.err)
      assert.equal(spawnSync('cmp', [file, back]).status, 0)
    })

    it('sends a message over the query protocol that newer clients have left', async () => {
      const url = `https://sqs.eu-west-1.amazonaws.com/111122223333/${AWS_IDS.queue}`
      const { value, attempts } = await cli(
        ...['sqs', 'send-message', '--queue-url', url, '--message-body', 'from the CLI'],
      )
      assert.equal(value.code, 0, value.err)
      assert.deepEqual(single(attempts).ops[0]?.resources, [
        { type: 'queue', id: `arn:aws:sqs:eu-west-1:111122223333:${AWS_IDS.queue}` },
      ])
    })
  })

  describe('boto3', { skip: !hasBoto && 'boto3 is not there: install the package python3-boto3' }, () => {
    it('reads, is refused in words, and stores an object under its exact key', async () => {
      const script = join(aws.sidecar.folder, 'agent.py')
      writeFileSync(
        script,
        `
import boto3, json, os, sys
from botocore.exceptions import ClientError
url = os.environ['AWS_ENDPOINT_URL']
make = lambda name: boto3.client(name, endpoint_url=url)
said = {}
said['instances'] = [i['InstanceId'] for r in make('ec2').describe_instances()['Reservations'] for i in r['Instances']]
try:
    make('rds').delete_db_instance(DBInstanceIdentifier='${AWS_IDS.stagingDatabase}', SkipFinalSnapshot=True)
except ClientError as error:
    said['error'] = error.response['Error']
    said['status'] = error.response['ResponseMetadata']['HTTPStatusCode']
s3 = make('s3')
key = 'web/böto//../3 + x.txt'
s3.put_object(Bucket='acme-releases', Key=key, Body=b'from boto')
said['body'] = s3.get_object(Bucket='acme-releases', Key=key)['Body'].read().decode()
try:
    make('dynamodb').execute_statement(Statement='SELECT * FROM orders')
except ClientError as error:
    said['partiql'] = error.response['Error']['Code']
said['signed'] = s3.generate_presigned_url('get_object', Params={'Bucket': 'acme-releases', 'Key': key}, ExpiresIn=60)
json.dump(said, sys.stdout)
`,
      )
      const { value } = await exec([PYTHON, script])
      assert.equal(value.code, 0, value.err)
      const said = JSON.parse(value.out)
      assert.ok(said.instances.includes(AWS_IDS.stagingInstance))
      assert.equal(said.status, 403)
      assert.equal(said.error.Code, 'AccessDenied')
      assert.match(said.error.Message, /^DENIED by policy, nothing was executed\. rds:DeleteDBInstance/)
      assert.equal(said.body, 'from boto')
      assert.equal(said.partiql, 'AccessDeniedException')
      // exec has ended and revoked its grants: a URL that was signed under one is good no more.
      assert.equal((await fetch(said.signed)).status, 403)
    })
  })
})
