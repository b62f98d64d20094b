import { spawnSync } from 'node:child_process'
import { keyIdOf, type SigningKey } from '../../canon/index.js'
import { nativeCrypto } from '../../native/index.js'
import { cliFault } from '../error-table.js'
import {
  readAnswer,
  requestLine,
  type SignerAnswer,
  type SignerRequest,
  type SignerSpec,
} from './protocol.js'

/** A person may have to touch a token, or type its PIN at the terminal. */
const PATIENCE_MS = 120_000

/**
 * A signing key behind a signer, for a command that signs once or twice: the program runs once for each question. It
 * inherits the standard error and the terminal. Throws `signer_failed` where it doesn't answer, and where what it
 * signed doesn't verify.
 */
export function signerCommand(spec: SignerSpec): SigningKey {
  const { publicKey } = asked(spec, { op: 'public-key' }, 'public-key')
  return {
    keyid: keyIdOf(publicKey),
    publicKey,
    sign: message => {
      const { signatures } = asked(spec, { op: 'sign', messages: [message] }, 'signatures')
      const [signature] = signatures
      if (
        signature === undefined ||
        signatures.length > 1 ||
        !nativeCrypto.verify(publicKey, message, signature)
      )
        throw cliFault('signer_failed', `${spec.command[0]}: its signature does not verify`)
      return signature
    },
  }
}

function asked<K extends SignerAnswer['kind']>(
  { command, env, folder }: SignerSpec,
  request: SignerRequest,
  kind: K,
): Extract<SignerAnswer, { kind: K }> {
  const [program = '', ...args] = command
  const done = spawnSync(program, args, {
    input: requestLine(1, request),
    stdio: ['pipe', 'pipe', 'inherit'],
    cwd: folder,
    env,
    timeout: PATIENCE_MS,
    encoding: 'utf8',
  })
  if (done.error !== undefined)
    throw cliFault('signer_failed', `${program}: ${(done.error as NodeJS.ErrnoException).code}`)
  const answer = readAnswer((done.stdout.split('\n')[0] ?? '').trim())
  if (answer?.kind === kind && answer.id === 1) return answer as Extract<SignerAnswer, { kind: K }>
  const why = answer?.kind === 'error' ? answer.error : `exit ${done.status ?? done.signal}, and no answer`
  throw cliFault('signer_failed', `${program}: ${why}`)
}
