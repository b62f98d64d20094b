import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { AwsCall, Need } from './aws-call.js'
import type { AwsInput } from './aws-input.js'
import { AwsRefusal } from './aws-refusal.js'
import { type RpcOperation, rpcService } from './aws-rpc.js'
import { type AwsWorld, arnOf, type Message, type Queue } from './aws-world.js'
import type { XmlValue } from './aws-xml.js'

const MAX_MESSAGE_BYTES = 262_144

interface Received {
  readonly Messages?: readonly Readonly<Record<string, string>>[]
}

const operations: Readonly<Record<string, RpcOperation>> = {
  ListQueues: {
    needs: (_input, { world }) => [{ action: 'sqs:ListQueues', resources: [arnOf(world, 'sqs', '*')] }],
    run: (input, { world }) => {
      const prefix = input.text('QueueNamePrefix') ?? ''
      const names = [...world.queues.keys()].filter(name => name.startsWith(prefix))
      return { QueueUrls: names.map(name => urlOf(world, name)) }
    },
    xml: ({ QueueUrls }: { QueueUrls: readonly string[] }) => ({ QueueUrl: QueueUrls }),
  },
  GetQueueUrl: {
    needs: byName('sqs:GetQueueUrl'),
    run: (input, { world }) => ({
      QueueUrl: urlOf(world, existing(world, input.required('QueueName')).name),
    }),
  },
  CreateQueue: {
    needs: byName('sqs:CreateQueue'),
    run: createQueue,
  },
  DeleteQueue: {
    needs: byUrl('sqs:DeleteQueue'),
    run: (input, call) => {
      call.world.queues.delete(queueOf(input, call).name)
      return null
    },
  },
  PurgeQueue: {
    needs: byUrl('sqs:PurgeQueue'),
    run: (input, call) => {
      queueOf(input, call).messages = []
      return null
    },
  },
  SendMessage: { needs: byUrl('sqs:SendMessage'), run: sendMessage },
  ReceiveMessage: {
    needs: byUrl('sqs:ReceiveMessage'),
    run: receiveMessages,
    xml: ({ Messages = [] }: Received): XmlValue => ({ Message: Messages }),
  },
  DeleteMessage: {
    needs: byUrl('sqs:DeleteMessage'),
    run: (input, call) => {
      const queue = queueOf(input, call)
      const receipt = input.required('ReceiptHandle')
      queue.messages = queue.messages.filter(message => message.receipt !== receipt)
      return null
    },
  },
  GetQueueAttributes: {
    needs: byUrl('sqs:GetQueueAttributes'),
    run: (input, call) => ({ Attributes: attributesOf(queueOf(input, call), call) }),
    xml: ({ Attributes }: { Attributes: Readonly<Record<string, string>> }) => ({
      Attribute: Object.entries(Attributes).map(([Name, Value]) => ({ Name, Value })),
    }),
  },
}

/** Queues, over JSON and over the form protocol that older clients use. */
export const sqsService = rpcService({
  name: 'sqs',
  regional: true,
  form: { dialect: 'query', xmlns: 'http://queue.amazonaws.com/doc/2012-11-05/', version: '2012-11-05' },
  target: 'AmazonSQS',
  operations,
})

function createQueue(input: AwsInput, { world, now }: AwsCall) {
  const name = input.required('QueueName')
  if (!/^[A-Za-z0-9_-]{1,80}$/.test(name))
    throw new AwsRefusal(
      'InvalidParameterValue',
      'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length',
    )
  if (!world.queues.has(name)) {
    const listed = input.list('Attribute').map(each => [each.required('Name'), each.required('Value')])
    const attributes = { ...input.map('Attributes'), ...Object.fromEntries(listed) }
    world.queues.set(name, { name, createdAt: now(), attributes, messages: [] })
  }
  return { QueueUrl: urlOf(world, name) }
}

function sendMessage(input: AwsInput, call: AwsCall) {
  const queue = queueOf(input, call)
  const body = input.required('MessageBody')
  if (Buffer.byteLength(body) > MAX_MESSAGE_BYTES)
    throw new AwsRefusal(
      'InvalidParameterValue',
      `One or more parameters are invalid. Reason: Message must be shorter than ${MAX_MESSAGE_BYTES} bytes.`,
    )
  if (input.has('MessageAttributes') || input.has('MessageAttribute'))
    throw new AwsRefusal('InvalidParameterValue', 'This stand-in keeps no message attributes.')
  const delayMs = (input.integer('DelaySeconds') ?? 0) * 1000
  const message: Message = {
    id: randomUUID(),
    body,
    sentAt: call.now(),
    receipt: null,
    visibleAt: new Date(call.now().getTime() + delayMs),
    received: 0,
  }
  queue.messages.push(message)
  return { MessageId: message.id, MD5OfMessageBody: md5(body) }
}

/** A message that was received stays hidden until its visibility times out or it is deleted. */
function receiveMessages(input: AwsInput, call: AwsCall) {
  const queue = queueOf(input, call)
  const most = input.integer('MaxNumberOfMessages') ?? 1
  if (most < 1 || most > 10)
    throw new AwsRefusal(
      'InvalidParameterValue',
      'MaxNumberOfMessages must be between 1 and 10, if provided.',
    )
  const hiddenSeconds = input.integer('VisibilityTimeout') ?? Number(queue.attributes.VisibilityTimeout ?? 30)
  const nowMs = call.now().getTime()
  const taken = queue.messages.filter(message => message.visibleAt.getTime() <= nowMs).slice(0, most)
  for (const message of taken) {
    message.receipt = randomBytes(48).toString('base64')
    message.visibleAt = new Date(nowMs + hiddenSeconds * 1000)
    message.received += 1
  }
  if (taken.length === 0) return {}
  return {
    Messages: taken.map(({ id, body, receipt }) => ({
      MessageId: id,
      ReceiptHandle: receipt ?? '',
      MD5OfBody: md5(body),
      Body: body,
    })),
  }
}

function attributesOf(queue: Queue, { world, now }: AwsCall): Record<string, string> {
  const visible = queue.messages.filter(message => message.visibleAt <= now()).length
  return {
    VisibilityTimeout: '30',
    ...queue.attributes,
    QueueArn: arnOf(world, 'sqs', queue.name),
    CreatedTimestamp: String(Math.floor(queue.createdAt.getTime() / 1000)),
    ApproximateNumberOfMessages: String(visible),
    ApproximateNumberOfMessagesNotVisible: String(queue.messages.length - visible),
  }
}

function byName(action: string): RpcOperation['needs'] {
  return (input, { world }): Need[] => [
    { action, resources: [arnOf(world, 'sqs', input.required('QueueName'))] },
  ]
}

function byUrl(action: string): RpcOperation['needs'] {
  return (input, call): Need[] => [{ action, resources: [arnOf(call.world, 'sqs', nameIn(input, call))] }]
}

function queueOf(input: AwsInput, call: AwsCall): Queue {
  return existing(call.world, nameIn(input, call))
}

/** The queue's name in its URL: whose host it is doesn't count, the account does. Old clients post to that path. */
function nameIn(input: AwsInput, { world, request }: AwsCall): string {
  const url = input.text('QueueUrl') ?? request.path
  const match = /^(?:https?:\/\/[^/?#]+)?\/(\d{12})\/([A-Za-z0-9_-]{1,80}(?:\.fifo)?)$/.exec(url)
  if (match === null) throw new AwsRefusal('InvalidAddress', 'The address of the queue is not valid.', 404)
  if (match[1] !== world.account) throw missingQueue()
  return match[2] as string
}

function existing(world: AwsWorld, name: string): Queue {
  const queue = world.queues.get(name)
  if (queue === undefined) throw missingQueue()
  return queue
}

function missingQueue(): AwsRefusal {
  return new AwsRefusal(
    'QueueDoesNotExist',
    'The specified queue does not exist.',
    400,
    'AWS.SimpleQueueService.NonExistentQueue',
  )
}

function urlOf(world: AwsWorld, name: string): string {
  return `https://sqs.${world.region}.amazonaws.com/${world.account}/${name}`
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex')
}
