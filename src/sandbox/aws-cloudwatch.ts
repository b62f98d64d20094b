import type { AwsCall } from './aws-call.js'
import type { AwsInput } from './aws-input.js'
import { AwsRefusal } from './aws-refusal.js'
import { type RpcOperation, rpcService } from './aws-rpc.js'
import type { Metric } from './aws-world.js'

type Dimension = Metric['dimensions'][number]

type Listed = {
  readonly Metrics: readonly {
    readonly Namespace: string
    readonly MetricName: string
    readonly Dimensions: readonly { readonly Name: string; readonly Value: string }[]
  }[]
}

const operations: Readonly<Record<string, RpcOperation>> = {
  PutMetricData: {
    needs: input => [
      {
        action: 'cloudwatch:PutMetricData',
        resources: ['*'],
        context: { 'cloudwatch:namespace': input.required('Namespace') },
      },
    ],
    run: putMetricData,
  },
  ListMetrics: {
    needs: () => [{ action: 'cloudwatch:ListMetrics', resources: ['*'] }],
    run: listMetrics,
    xml: ({ Metrics }: Listed) => ({
      Metrics: {
        member: Metrics.map(({ Dimensions, ...rest }) => ({ ...rest, Dimensions: { member: Dimensions } })),
      },
    }),
  },
}

/** Metrics over the form protocol, JSON, and CBOR (Smithy's RPC v2). */
export const cloudwatchService = rpcService({
  name: 'monitoring',
  regional: true,
  form: { dialect: 'query', xmlns: 'http://monitoring.amazonaws.com/doc/2010-08-01/', version: '2010-08-01' },
  target: 'GraniteServiceVersion20100801',
  operations,
})

function putMetricData(input: AwsInput, { world, now }: AwsCall) {
  const namespace = input.required('Namespace')
  const data = input.list('MetricData')
  if (data.length === 0) throw new AwsRefusal('MissingParameter', 'The parameter MetricData is required.')
  // Read all of it first: a datum that is refused leaves nothing of the others behind.
  const read = data.map(datum => ({
    name: datum.required('MetricName'),
    dimensions: dimensionsOf(datum),
    at: datum.date('Timestamp') ?? now(),
    value: datum.number('Value'),
  }))
  for (const { name, dimensions, at, value } of read) {
    const id = JSON.stringify([namespace, name, dimensions])
    const metric: Metric = world.metrics.get(id) ?? { namespace, name, dimensions, data: [] }
    world.metrics.set(id, metric)
    if (value !== undefined) metric.data.push({ at, value })
  }
  return null
}

function listMetrics(input: AwsInput, { world }: AwsCall): Listed {
  const [namespace, name] = [input.text('Namespace'), input.text('MetricName')]
  const wanted = input.list('Dimensions').map(each => [each.required('Name'), each.text('Value')] as const)
  const found = [...world.metrics.values()].filter(
    metric =>
      (namespace === undefined || metric.namespace === namespace) &&
      (name === undefined || metric.name === name) &&
      wanted.every(([key, value]) =>
        metric.dimensions.some(each => each.name === key && (value === undefined || each.value === value)),
      ),
  )
  return {
    Metrics: found.map(metric => ({
      Namespace: metric.namespace,
      MetricName: metric.name,
      Dimensions: metric.dimensions.map(({ name, value }) => ({ Name: name, Value: value })),
    })),
  }
}

function dimensionsOf(datum: AwsInput): Dimension[] {
  return datum
    .list('Dimensions')
    .map(each => ({ name: each.required('Name'), value: each.required('Value') }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}
