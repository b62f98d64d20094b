import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AWS_IDS } from '../../src/sandbox/index.js'
import { AWS_CLI, account, allowing, PYTHON, run, withAwsCli, withBoto3 } from './aws-account.js'

const { stagingInstance, stagingDatabase, releasesBucket, stack } = AWS_IDS

describe('awscli at the AWS stand-in', withAwsCli, () => {
  test('reads, deletes a stack with its database and empties a bucket', async t => {
    const aws = await account(t)
    const credentials = await aws.assume()
    const cli = async (...args: string[]) => {
      const ran = await run(AWS_CLI, ['--endpoint-url', aws.url, '--output', 'json', ...args], credentials)
      assert.equal(ran.code, 0, `${args.join(' ')}: ${ran.stderr}`)
      return ran.stdout
    }
    const { Reservations } = JSON.parse(
      await cli('ec2', 'describe-instances', '--instance-ids', stagingInstance),
    )
    assert.equal(Reservations[0].Instances[0].Tags[0].Value, 'orders-staging')
    await cli('cloudformation', 'delete-stack', '--stack-name', stack)
    assert.deepEqual([...aws.world.databases.keys()], [stagingDatabase])
    await cli('s3', 'rm', '--recursive', `s3://${releasesBucket}`)
    assert.equal(aws.world.buckets.get(releasesBucket)?.objects.size, 0)
  })

  test('shows what IAM said about a call that the session policy doesn’t allow', async t => {
    const aws = await account(t)
    const credentials = await aws.assume(allowing('ec2:DescribeInstances'))
    const args = ['ec2', 'terminate-instances', '--instance-ids', stagingInstance]
    const ran = await run(AWS_CLI, ['--endpoint-url', aws.url, ...args], credentials)
    assert.equal(ran.code, 254)
    assert.match(ran.stderr, /An error occurred \(UnauthorizedOperation\).*ec2:TerminateInstances/)
    assert.equal(aws.world.instances.get(stagingInstance)?.state, 'running')
  })
})

/** Debian's boto3 speaks to SQS and CloudWatch in the form protocol. */
const BOTO3 = `
import sys, boto3
from botocore.config import Config
from botocore.exceptions import ClientError
url = sys.argv[1]
def client(name):
    return boto3.client(name, endpoint_url=url, config=Config(s3={'addressing_style': 'path'}))
sqs = client('sqs')
queue = sqs.get_queue_url(QueueName='orders-events')['QueueUrl']
assert sqs.list_queues()['QueueUrls'] == [queue], queue
sqs.send_message(QueueUrl=queue, MessageBody='a & b')
received = sqs.receive_message(QueueUrl=queue)['Messages']
assert [m['Body'] for m in received] == ['a & b'], received
sqs.delete_message(QueueUrl=queue, ReceiptHandle=received[0]['ReceiptHandle'])
other = sqs.create_queue(QueueName='other', Attributes={'VisibilityTimeout': '9'})['QueueUrl']
assert sqs.get_queue_attributes(QueueUrl=other, AttributeNames=['All'])['Attributes']['VisibilityTimeout'] == '9'
sqs.delete_queue(QueueUrl=queue)
try:
    sqs.purge_queue(QueueUrl=queue)
    raise SystemExit('the queue was purged')
except sqs.exceptions.QueueDoesNotExist:
    pass
cloudwatch = client('cloudwatch')
dimensions = [{'Name': 'environment', 'Value': 'staging'}]
cloudwatch.put_metric_data(Namespace='orders', MetricData=[{'MetricName': 'latency', 'Value': 1.5, 'Dimensions': dimensions}])
assert cloudwatch.list_metrics(Namespace='orders')['Metrics'] == [{'Namespace': 'orders', 'MetricName': 'latency', 'Dimensions': dimensions}]
s3 = client('s3')
s3.put_object(Bucket='acme-releases', Key='a//../ü', Body=b'body')
assert s3.get_object(Bucket='acme-releases', Key='a//../ü')['Body'].read() == b'body'
listed = s3.list_objects_v2(Bucket='acme-releases', Prefix='a/')
assert [o['Key'] for o in listed['Contents']] == ['a//../ü'], listed
s3.delete_objects(Bucket='acme-releases', Delete={'Objects': [{'Key': 'a//../ü'}]})
kms = client('kms')
blob = kms.encrypt(KeyId='alias/orders', Plaintext=b'card')['CiphertextBlob']
assert kms.decrypt(CiphertextBlob=blob)['Plaintext'] == b'card'
function = client('lambda')
assert function.invoke(FunctionName='orders-mailer', Payload=b'{"a":1}')['Payload'].read() == b'{"a":1}'
ec2 = client('ec2')
tagged = ec2.describe_instances(Filters=[{'Name': 'tag:environment', 'Values': ['production']}])
assert [i['InstanceId'] for r in tagged['Reservations'] for i in r['Instances']] == ['i-0prod1'], tagged
rds = client('rds')
assert len(rds.describe_db_snapshots(DBInstanceIdentifier='orders-staging')['DBSnapshots']) == 3
deleted = rds.delete_db_instance(DBInstanceIdentifier='orders-staging', SkipFinalSnapshot=True)['DBInstance']
assert deleted['DBInstanceStatus'] == 'deleting', deleted
stacks = client('cloudformation').describe_stacks()['Stacks']
assert [s['Tags'] for s in stacks] == [[{'Key': 'environment', 'Value': 'production'}]], stacks
assert len(client('iam').list_users()['Users']) == 3
assert client('sts').get_caller_identity()['Arn'].endswith('assumed-role/agents-staging/test-session')
try:
    ec2.describe_regions()
    raise SystemExit('an unknown operation was answered')
except ClientError as error:
    assert error.response['Error']['Code'] == 'InvalidAction', error
print('done')
`

describe('boto3 at the AWS stand-in', withBoto3, () => {
  test('speaks to it in the protocols of its age', async t => {
    const aws = await account(t)
    const ran = await run(PYTHON, ['-c', BOTO3, aws.url], await aws.assume())
    assert.equal(ran.stdout, 'done\n', ran.stderr)
    assert.deepEqual([...aws.world.queues.keys()], ['other'])
    assert.equal(aws.world.metrics.size, 1)
    assert.deepEqual([...aws.world.databases.keys()], [AWS_IDS.productionDatabase])
  })
})
