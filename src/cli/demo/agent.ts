/** What the agent of the demo got back from one call. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly decision: string | null
  readonly receipt: string | null
  /** What an agent would read: the reason in the API's own dialect, or an excerpt of the data. */
  readonly words: string
  readonly body: unknown
}

/** One HTTP call as an agent makes it: with nothing but a base URL and what it holds as a credential. */
export async function call(
  url: string,
  headers: Readonly<Record<string, string>>,
  body?: unknown,
  method?: string,
): Promise<Answer> {
  const response = await fetch(url, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  const parsed = parse(text)
  return {
    status: response.status,
    headers: response.headers,
    decision: response.headers.get('countersign-decision'),
    receipt: response.headers.get('countersign-receipt'),
    words: wordsOf(parsed, text),
    body: parsed,
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

interface Refusal {
  readonly errors?: readonly { readonly message?: string }[]
  readonly error?: { readonly message?: string }
  readonly message?: string
}

function wordsOf(body: unknown, text: string): string {
  const refusal = (body ?? {}) as Refusal
  const xml = /<Message>([^<]*)<\/Message>/.exec(text)?.[1]
  return (
    refusal.errors?.[0]?.message ?? refusal.error?.message ?? refusal.message ?? xml ?? text.slice(0, 160)
  )
}
