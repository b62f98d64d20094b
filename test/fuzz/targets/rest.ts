import { Response } from 'undici'
import { type Catalog, classify, type RawRequest, type Recognised } from '../../../src/protocol/index.js'
import { catalogOf } from '../../protocol/requests.js'
import { leavesOf, operationsOf } from '../classified.js'
import { equal, type FuzzTarget, holds } from '../target.js'
import { valuesOf, wireRequest, written } from '../wire-request.js'

type Classify = typeof classify

/** Name of each route, and what its path looks like to anybody. */
const ROUTES: Readonly<Record<string, RegExp>> = {
  'GET /things/{id}': /^\/things\/([^/]+)$/,
  'DELETE /things/{id}': /^\/things\/([^/]+)$/,
  'GET /things/search': /^\/things\/search$/,
  'POST /forms/{id}': /^\/forms\/([^/]+)$/,
  'POST /json/{id}': /^\/json\/([^/]+)$/,
  'POST /parts': /^\/parts$/,
  'PUT /files/{path+}': /^\/files\/(.+)$/,
}

function catalog(): Catalog {
  return catalogOf([
    { route: 'GET /things/{id}', classes: ['read'] },
    { route: 'DELETE /things/{id}', classes: ['irreversible'] },
    { route: 'GET /things/search', classes: ['read'] },
    { route: 'POST /forms/{id}', classes: ['update'], body: ['form'] },
    { route: 'POST /json/{id}', classes: ['update'], body: ['json'] },
    { route: 'POST /parts', classes: ['create'], body: ['multipart'] },
    { route: 'PUT /files/{path+}', classes: ['update'], body: ['json'] },
  ])
}

/** What passes is the route that anybody would see, with the arguments that others read out of it. */
export function restWith(classifier: Classify): FuzzTarget['run'] {
  const own = catalog()
  return async bytes => {
    const request = wireRequest(bytes)
    const operations = operationsOf(own, classifier(own, request))
    if (operations === null) return 'refused'
    const [operation, second] = operations
    holds(operation !== undefined && second === undefined, 'a request is one operation', operations)
    const path = request.target.split('?', 1)[0] as string
    const route = ROUTES[operation.name]
    if (route === undefined) {
      const fitting = Object.entries(ROUTES).filter(
        ([name, each]) => name.startsWith(`${request.method} `) && each.test(path),
      )
      holds(fitting.length === 0, 'a request that has a route is not unknown', operation.name)
      return 'accepted'
    }
    const match = route.exec(path)
    holds(
      operation.name.startsWith(`${request.method} `) && match !== null,
      'the route is that of method and path',
      operation.name,
    )
    await sameArguments(request, operation, match[1] === undefined ? [] : [decodeURIComponent(match[1])])
    return 'accepted'
  }
}

/** URL Standard, Fetch and `JSON.parse` are the others. */
async function sameArguments(
  request: RawRequest,
  { args }: Recognised,
  captured: readonly string[],
): Promise<void> {
  const question = request.target.indexOf('?')
  // A tail that octokit writes, see `withoutTail`.
  const query = new URLSearchParams(question < 0 ? '' : request.target.slice(question + 1))
  const values = [...captured, ...query.values()]
  const type = (valuesOf(request, 'content-type')[0] ?? '').toLowerCase()
  if (request.body !== null && type.startsWith('application/json')) {
    const given = JSON.parse(new TextDecoder().decode(request.body)) as object
    for (const [name, value] of Object.entries(given))
      equal(args[name], value, `the member ${name} is the one in the body`)
    equal(leavesOf(args), [...values, ...leavesOf(given)].sort(), 'arguments are path, query and body')
    return
  }
  if (request.body !== null && type.startsWith('multipart/')) {
    const parts = await partsOf(request.body, request)
    if (parts === null) return
    values.push(...parts)
  } else if (request.body !== null)
    values.push(...new URLSearchParams(new TextDecoder().decode(request.body)).values())
  equal(leavesOf(args), values.sort(), 'arguments are path, query and body')
  for (const [name, value] of query) {
    if (name.includes('[')) continue
    const said = args[name]
    holds(
      said === value || (Array.isArray(said) && said.includes(value)),
      `the parameter ${name} is the one in the query`,
    )
  }
}

/** Null where Fetch's own reader gives up, as undici's does on a part that holds the bare boundary: it reads nothing else then. */
async function partsOf(body: Uint8Array, request: RawRequest): Promise<readonly string[] | null> {
  const type = valuesOf(request, 'content-type')[0] as string
  const form = await new Response(body, { headers: { 'content-type': type } }).formData().catch(() => null)
  if (form === null) return null
  return [...form.values()].flatMap(value =>
    typeof value === 'string' ? [value] : [value.name, String(value.size)],
  )
}

const FORM = ['content-type', 'application/x-www-form-urlencoded'] as const
const JSON_TYPE = ['content-type', 'application/json'] as const
const PARTS = ['content-type', 'multipart/form-data; boundary=xyz'] as const
const part = (name: string, value: string): string =>
  `--xyz\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`

export const target: FuzzTarget = {
  about: 'routes, forms, JSON and parts: the operation and the arguments that anybody would read',
  words: [
    'GET ',
    'POST ',
    'PUT ',
    'DELETE ',
    '/things/',
    '/things/search',
    '/forms/',
    '/json/',
    '/parts',
    '/files/',
    '?',
    '&',
    '=',
    'a=1',
    'a[b]=',
    'a[]=',
    'a[0]=',
    '%20',
    '+',
    '%2F',
    '%00',
    '_method=DELETE',
    'content-type: ',
    'application/json',
    'application/x-www-form-urlencoded',
    '; charset=utf-8',
    'multipart/form-data; boundary=xyz',
    '--xyz\r\n',
    '--xyz--\r\n',
    'content-disposition: form-data; name="a"',
    '; filename="f"',
    'content-type: text/plain\r\n',
    '\r\n\r\n',
    '\n\n',
    '{"a":1}',
    'content-encoding: gzip',
    'x-http-method-override: DELETE',
  ],
  maxBytes: 1_024,
  run: restWith(classify),
  seeds: () => ({
    read: written('GET', '/things/7?expand=a&expand=b', []),
    search: written('GET', '/things/search?q=a%20b&', []),
    delete: written('DELETE', '/things/a%20b', []),
    form: written(
      'POST',
      '/forms/7?dry=1',
      [FORM],
      'amount=3&lines%5B0%5D%5Bsku%5D=a&tags[]=x&tags[]=y&note=a+b',
    ),
    json: written('POST', '/json/7', [JSON_TYPE], '{"amount":3.5,"lines":[{"sku":"a"}],"note":null}'),
    parts: written(
      'POST',
      '/parts',
      [PARTS],
      `${part('a', '1')}--xyz\r\ncontent-disposition: form-data; name="f"; filename="f.txt"\r\ncontent-type: text/plain\r\n\r\nhello\r\n--xyz--\r\n`,
    ),
    file: written('PUT', '/files/docs%2Fa/b.md', [JSON_TYPE], '{}'),
    unknown: written('PATCH', '/things/7', []),
    'two-places': written('POST', '/forms/7?amount=1', [FORM], 'amount=9'),
    'two-types': written('POST', '/forms/7', [FORM, JSON_TYPE], 'a=1'),
    override: written('POST', '/forms/7', [FORM], '_method=DELETE'),
    semicolon: written('POST', '/forms/7', [FORM], 'a=1;amount=9'),
  }),
}
