import type { Command } from 'commander'
import { type RenderedObject, refusalSentence, renderManifests } from '../../injector/index.js'
import { configDigestOf } from '../config.js'
import type { ServeOptions } from '../inject/serve.js'
import { ignoreInspectorSignal } from '../inspector.js'
import { AnswerNo, type Io, printJson, printLine } from '../io.js'
import { readNeeded } from '../needed-file.js'
import { group } from '../program-group.js'
import { repeatable } from '../repeatable.js'
import { wholeNumber } from '../whole-number.js'

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

export function registerInject(program: Command, io: Io): void {
  const inject = group(program, 'inject', 'put the sidecar into pods of Kubernetes')
  inject
    .command('serve')
    .summary('run the admission webhook')
    .description(
      'Serves AdmissionReviews at /inject and /validate over HTTPS, /livez and /readyz. Pods get the sidecar of their profile, or are refused with every reason.',
    )
    .requiredOption('--profiles <file>', 'profiles, YAML; read again when it changes')
    .option('--listen <host:port>', 'where the API server reaches it', '0.0.0.0:8443')
    .option('--tls-cert <file>', 'certificate chain, PEM, that something else renews')
    .option('--tls-key <file>', 'its private key, PEM')
    .option('--service <name.namespace>', 'its service: makes a CA of its own, in memory, and renews it')
    .option('--webhook-configuration <name>', 'configurations that are given this CA', 'countersign')
    .option('--api-server <url>', 'the API server; that of the cluster it runs in unless told')
    .option('--api-token-file <file>', 'token of its service account', `${SERVICE_ACCOUNT}/token`)
    .option('--api-ca-file <file>', 'CA of the API server', `${SERVICE_ACCOUNT}/ca.crt`)
    .addHelpText(
      'after',
      `
SIGTERM stops it when the open reviews are answered.

Examples:
  countersign inject serve --profiles profiles.yaml --service countersign-injector.countersign
  countersign inject serve --profiles profiles.yaml --tls-cert tls.crt --tls-key tls.key
`,
    )
    .action(async (options: ServeOptions) => {
      ignoreInspectorSignal()
      await (await import('../inject/serve.js')).serveInjector(options, io)
    })
  inject
    .command('render')
    .summary('put the sidecar into manifests')
    .description(
      'Reads manifests (YAML or JSON, several documents, Lists) and prints them with the sidecar in every pod and pod template: the same code as the webhook, with the same refusals.',
    )
    .argument('[file]', 'manifests; standard input unless told')
    .requiredOption('--profiles <file>', 'profiles, YAML')
    .option('--namespace <name>', 'namespace of objects that name none')
    .option('--pass-others', 'leave objects without a pod as they are')
    .option('--json', 'one JSON document: what became of each object, and the manifests')
    .addHelpText(
      'after',
      `
Exit code 1 where a pod is refused, and then nothing is printed but the reasons. Comments don't survive.

Examples:
  countersign inject render deployment.yaml --profiles profiles.yaml | kubectl apply -f -
  kustomize build . | countersign inject render --profiles profiles.yaml --pass-others
`,
    )
    .action((file: string | undefined, options: RenderOptions) => render(file, options, io))
  inject
    .command('digest')
    .summary('print what a profile has as `configDigest`')
    .description('Prints the digest of a countersign.yaml, which must be a good one.')
    .argument('<file>', 'countersign.yaml')
    .addHelpText('after', '\nExample:\n  countersign inject digest countersign.yaml\n')
    .action((file: string) => printLine(io, configDigestOf(file)))
  inject
    .command('unpack')
    .summary('copy a mounted Secret for the keeper’s user alone; the sidecar’s own first step')
    .requiredOption('--from <folder>', 'where the Secret is mounted')
    .requiredOption('--to <folder>', 'folder in memory')
    .addHelpText(
      'after',
      '\nExample:\n  countersign inject unpack --from /etc/countersign-secret --to /run/keeper\n',
    )
    .action(async ({ from, to }: { readonly from: string; readonly to: string }) => {
      const { unpackSecret } = await import('../inject/unpack.js')
      printLine(io, `Unpacked ${unpackSecret(from, to).length} file(s).`)
    })
  inject
    .command('blocked')
    .summary('fail where this user reaches an address past the sidecar; the sidecar’s own last step')
    .option(
      '--address <host:port>',
      'what must not be reached; repeatable, 1.1.1.1:443 and the API server unless told',
      repeatable,
    )
    .option(
      '--patience <seconds>',
      'tries again for so long, for networks that apply their policies late',
      wholeNumber,
      30,
    )
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  countersign inject blocked --address 1.1.1.1:443\n')
    .action((options: BlockedOptions) => blocked(options, io))
}

interface RenderOptions {
  readonly profiles: string
  readonly namespace?: string
  readonly passOthers?: true
  readonly json?: true
}

async function render(file: string | undefined, options: RenderOptions, io: Io): Promise<void> {
  const { injectorParts, readProfiles } = await import('../inject/parts.js')
  const parts = injectorParts(readProfiles(options.profiles))
  const text = file === undefined ? await textOf(io) : readNeeded(file).toString('utf8')
  const { objects, yaml } = renderManifests(
    text,
    { passOthers: options.passOthers === true, namespace: options.namespace ?? null },
    parts,
  )
  if (options.json === true) printJson(io, { objects, manifests: yaml })
  else {
    for (const object of objects) sayRefusal(object, io)
    if (yaml !== null) io.stdout.write(yaml)
  }
  if (yaml === null) throw new AnswerNo()
}

function sayRefusal({ kind, name, outcome }: RenderedObject, io: Io): void {
  if (outcome.kind === 'refused')
    io.stderr.write(`${kind} ${JSON.stringify(name)}: ${refusalSentence(outcome.refusals)}\n`)
}

async function textOf({ stdin }: Io): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8')
}

interface BlockedOptions {
  readonly address?: readonly string[]
  readonly patience: number
  readonly json?: true
}

async function blocked({ address, patience, json }: BlockedOptions, io: Io): Promise<void> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = io.env
  const apiServer = host === undefined ? [] : [`${host.includes(':') ? `[${host}]` : host}:${port}`]
  const { tryUntilBlocked } = await import('../inject/blocked.js')
  const tried = await tryUntilBlocked(address ?? ['1.1.1.1:443', ...apiServer], patience * 1_000)
  const reached = tried.filter(each => each.reached)
  if (json === true) printJson(io, { tried })
  else if (reached.length === 0)
    printLine(io, `Nothing was reached: ${tried.map(each => each.address).join(', ')}.`)
  else
    io.stderr.write(
      `The agent could get around the sidecar: ${reached.map(each => each.address).join(', ')} was reached.\n`,
    )
  if (reached.length > 0) throw new AnswerNo()
}
