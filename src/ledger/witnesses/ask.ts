import { type CountersignError, utf8 } from '../../canon/index.js'
import { type NoteSignature, parseSignatures } from '../../receipt/index.js'
import { ledgerFault } from '../error-table.js'
import { beginningOf, type Exchange, type ExchangeAnswer } from '../ship/exchange.js'

/** What a witness says to a checkpoint (https://c2sp.org/tlog-witness, "add-checkpoint"). */
export type WitnessAnswer =
  /** None of the signatures is verified. */
  | { readonly kind: 'cosigned'; readonly signatures: readonly NoteSignature[] }
  /** It last cosigned another size. */
  | { readonly kind: 'conflict'; readonly size: number }
  | { readonly kind: 'failed'; readonly fault: CountersignError }

/** Asks one witness once; `prefix` is its submission prefix. Never throws. */
export type AskWitness = (prefix: string, body: string, signal: AbortSignal) => Promise<WitnessAnswer>

/** Room for the signatures of a witness with several keys, post-quantum ones among them. */
const MAX_ANSWER_BYTES = 65_536

export function askWitnesses(exchange: Exchange): AskWitness {
  return async (prefix, body, signal) => {
    let answer: ExchangeAnswer
    try {
      answer = await exchange.send(
        {
          method: 'POST',
          url: `${prefix.replace(/\/+$/, '')}/add-checkpoint`,
          headers: [['content-type', 'text/plain; charset=utf-8']],
          body: utf8(body),
        },
        signal,
      )
    } catch (error) {
      return failed('witness_unreachable', reasonOf(error as CountersignError))
    }
    return read(answer)
  }
}

async function read(answer: ExchangeAnswer): Promise<WitnessAnswer> {
  const { status, headers } = answer
  const text = await beginningOf(answer, MAX_ANSWER_BYTES)
  if (status === 200) return cosigned(text)
  if (status !== 409) return failed('witness_refused', `status ${status}`)
  const size = Number(/^(0|[1-9][0-9]{0,15})\n$/.exec(text)?.[1])
  const isSize = String(headers['content-type']).split(';')[0]?.trim() === 'text/x.tlog.size'
  if (!isSize || !Number.isSafeInteger(size)) return failed('witness_answer', 'a conflict without a size')
  return { kind: 'conflict', size }
}

function cosigned(text: string): WitnessAnswer {
  try {
    return { kind: 'cosigned', signatures: parseSignatures(text) }
  } catch {
    return failed('witness_answer', 'no signature lines')
  }
}

function failed(
  code: 'witness_unreachable' | 'witness_refused' | 'witness_answer',
  detail: string,
): WitnessAnswer {
  return { kind: 'failed', fault: ledgerFault(code, detail) }
}

/** Of the exchange's own codes and what the network says, never what was sent. */
function reasonOf({ code, detail }: CountersignError): string {
  switch (code) {
    case 'ship_timeout':
      return 'too slow'
    case 'ship_address':
      return 'an address that is not dialled'
    default:
      return detail
  }
}
