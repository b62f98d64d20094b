import type { Dialect } from '../protocol/index.js'

type Variables = Readonly<Record<string, string>>

/** One API as an agent's clients reach it through the gate. */
export interface ReachableApi {
  readonly name: string
  readonly catalog: string
  readonly dialect: Dialect
  /** `http://127.0.0.1:7070/railway`. */
  readonly url: string
  /** Listener of its own, for SDKs that can't take a path: `http://127.0.0.1:7071`; null where there is none. */
  readonly ownUrl: string | null
  /** Region that AWS clients use unless told; null for other APIs. */
  readonly region: string | null
}

/** As far as its clients' variables need it. */
type NamedApi = Omit<ReachableApi, 'dialect'>

/** What an agent's clients present: a grant, and for AWS where credentials made of one come from. */
export interface Presented {
  readonly grant: string
  readonly aws: Variables
}

/** What each catalog's own clients read, beside COUNTERSIGN_URL_<API>. One entry per client convention. */
const CLIENTS: Readonly<Record<string, (api: NamedApi, presented: Presented) => Variables>> = {
  railway: (api, { grant }) => ({
    RAILWAY_GRAPHQL_ENDPOINT: `${api.url}/graphql/v2`,
    RAILWAY_API_TOKEN: grant,
  }),
  stripe: (api, { grant }) => {
    const own = new URL(api.ownUrl ?? api.url)
    return {
      STRIPE_API_KEY: grant,
      STRIPE_API_BASE: own.origin,
      STRIPE_HOST: own.hostname,
      STRIPE_PORT: own.port,
    }
  },
  github: (api, { grant }) => ({ GITHUB_API_URL: api.url, GITHUB_TOKEN: grant }),
  aws: (api, { aws }) => ({
    AWS_ENDPOINT_URL: api.url,
    ...(api.region === null ? {} : { AWS_REGION: api.region, AWS_DEFAULT_REGION: api.region }),
    // Else a client without credentials would ask the host for the machine's own.
    AWS_EC2_METADATA_DISABLED: 'true',
    ...aws,
  }),
}

/** Base URLs and the grant for every API of the policy, in the names that the APIs' own clients read. */
export function clientEnvironment(apis: readonly NamedApi[], presented: Presented): Variables {
  const variables: Record<string, string> = { COUNTERSIGN_GRANT: presented.grant }
  for (const api of apis) {
    variables[`COUNTERSIGN_URL_${api.name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`] = api.url
    // Of two APIs with one catalog, the clients' own variables lead to the first.
    Object.assign(variables, { ...CLIENTS[api.catalog]?.(api, presented), ...variables })
  }
  return variables
}

/** How `env` writes the variables. */
export const ENVIRONMENT_FORMATS: Readonly<Record<string, (variables: Variables) => string>> = {
  sh: variables => lines(variables, (name, value) => `export ${name}='${value.replaceAll("'", `'\\''`)}'`),
  dotenv: variables => lines(variables, (name, value) => `${name}=${JSON.stringify(value)}`),
  mcp: variables => JSON.stringify({ env: variables }, null, 2),
  k8s: variables => lines(variables, (name, value) => `- name: ${name}\n  value: ${JSON.stringify(value)}`),
}

function lines(variables: Variables, line: (name: string, value: string) => string): string {
  return Object.entries(variables)
    .map(([name, value]) => line(name, value))
    .join('\n')
}
