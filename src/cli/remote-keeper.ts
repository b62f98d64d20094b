import { Agent, request } from 'node:https'
import { createSecureContext } from 'node:tls'
import { type AdminClient, adminClient } from './admin-client.js'
import { UsageError } from './io.js'
import { readPrivateText } from './keyfile.js'
import { readNeeded } from './needed-file.js'

/** Files of a person's machine, PEM. */
export interface RemoteFlags {
  readonly clientCert?: string
  readonly clientKey?: string
  /** Vouches for the keeper's certificate instead of the system's. */
  readonly ca?: string
}

const ANSWER_MS = 30_000
/** Kept-alive connections that are older may be closed at the other end at any moment. */
const IDLE_MS = 30_000
const HTTPS = /^https:\/\/(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::[0-9]{1,5})?\/?$/

/** True for what names a keeper on another machine rather than a socket. */
export function isRemote(admin: string): boolean {
  return /^[a-z]+:\/\//i.test(admin)
}

/**
 * The part of the admin API that the keeper at `https://host:port` serves to other machines (`keeper.remote`), over mutual
 * TLS 1.3. Throws a UsageError, `file_unreachable` or `key_unusable` for files that can't be used.
 */
export function connectRemoteKeeper(address: string, flags: RemoteFlags): AdminClient {
  if (!HTTPS.test(address) || !URL.canParse(address))
    throw new UsageError(
      `--admin ${address} is neither a socket nor a keeper on another machine`,
      'Write --admin https://HOST:PORT with nothing behind it, or the path of a socket.',
    )
  const { hostname, port } = new URL(address)
  const agent = agentOf(flags)
  const host = hostname.replace(/^\[|\]$/g, '')
  return adminClient({
    agent,
    begin: (options, onAnswer) => {
      const asked = request({ ...options, host, port: port === '' ? 443 : Number(port) }, onAnswer)
      asked.setTimeout(ANSWER_MS, () => asked.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })))
      return asked
    },
    unreached: error => unreached(address, hostname, error),
  })
}

function agentOf({ clientCert, clientKey, ca }: RemoteFlags): Agent {
  if (clientCert === undefined || clientKey === undefined)
    throw new UsageError(
      'a keeper on another machine asks for a client certificate',
      'Pass --client-cert FILE and --client-key FILE, issued by the CA that `keeper.remote.clientCa` names there.',
    )
  const files = {
    cert: readNeeded(clientCert),
    key: readPrivateText(clientKey),
    ...(ca === undefined ? {} : { ca: readNeeded(ca) }),
  }
  try {
    createSecureContext(files)
  } catch {
    // What OpenSSL says may be about a part of the key.
    throw new UsageError(
      `${clientKey} is not the key of ${clientCert}`,
      'Pass PEM files: the certificate, its own key without a passphrase, and with --ca the CA of the keeper’s certificate.',
    )
  }
  return new Agent({ ...files, minVersion: 'TLSv1.3', keepAlive: true, timeout: IDLE_MS })
}

function unreached(
  address: string,
  hostname: string,
  { code = '', message }: NodeJS.ErrnoException,
): UsageError {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return new UsageError(
      `the certificate at ${address} is not for ${hostname}`,
      'Reach it under a name that its certificate has, or have one issued with this name.',
    )
  if (UNTRUSTED.has(code))
    return new UsageError(
      `the certificate at ${address} is not to be trusted (${code})`,
      'Pass the CA that issued the keeper’s certificate with --ca FILE. If you did, somebody else may be answering.',
    )
  // Node's server lets the handshake end and then hangs up on a certificate that it doesn't believe.
  if (/^ERR_SSL_.*ALERT/.test(code) || code === 'ECONNRESET')
    return new UsageError(
      `the keeper at ${address} hung up (${code})`,
      'It does so with a client certificate that isn’t in date, or wasn’t issued for clients by the CA that `keeper.remote.clientCa` names there. Pass another with --client-cert and --client-key.',
    )
  return new UsageError(
    `cannot reach the keeper at ${address} (${code || message})`,
    'Look whether it runs with `keeper.remote` there, whether the port is open to this machine, and whether it takes your client certificate.',
  )
}

/** Codes of OpenSSL's verification, as Node names them. */
const UNTRUSTED: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])
