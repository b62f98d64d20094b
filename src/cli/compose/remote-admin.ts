import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { RemoteAdminOptions, RemoteTls } from '../../keeper/index.js'
import { watchFiles } from '../../native/index.js'
import type { LoadedConfig } from '../config.js'
import { cliFault } from '../error-table.js'
import { readPrivateText } from '../keyfile.js'
import { parseListenAddress } from '../listen-address.js'
import { readNeeded } from '../needed-file.js'

const POLL_MS = 10_000
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/**
 * How people on other machines reach the keeper; null where the configuration doesn't let them. Reads its files once:
 * throws `file_unreachable`, `key_unusable` or `remote_tls_unusable`, so that a keeper doesn't start half.
 */
export function remoteAdmin(loaded: LoadedConfig): RemoteAdminOptions | null {
  const { remote } = loaded.config.keeper
  if (remote === undefined) return null
  const files = {
    certificate: loaded.path(remote.certificate),
    key: loaded.path(remote.key),
    clientCa: loaded.path(remote.clientCa),
  }
  const tls = () => readTls(files)
  tls()
  return {
    ...parseListenAddress(remote.listen),
    tls,
    watch: onChange => watchFiles(Object.values(files), POLL_MS, onChange),
  }
}

interface TlsFiles {
  readonly certificate: string
  readonly key: string
  readonly clientCa: string
}

function readTls({ certificate, key, clientCa }: TlsFiles): RemoteTls {
  const cert = readNeeded(certificate).toString('utf8')
  const ca = readNeeded(clientCa).toString('utf8')
  const [own] = certificatesOf(cert, certificate)
  if (certificatesOf(ca, clientCa).some(each => !each.ca))
    throw cliFault('remote_tls_unusable', `${clientCa} has a certificate that is no CA’s`)
  const secret = readPrivateText(key)
  if (own?.checkPrivateKey(privateKeyOf(secret, key)) !== true)
    throw cliFault('remote_tls_unusable', `${key} is not the key of ${certificate}`)
  return { cert, key: secret, ca }
}

/** TLS itself would take a file without any certificate, and then believe nobody. */
function certificatesOf(pem: string, file: string): readonly X509Certificate[] {
  try {
    const found = (pem.match(CERTIFICATE) ?? []).map(each => new X509Certificate(each))
    if (found.length > 0) return found
  } catch {
    // What OpenSSL says of it helps nobody.
  }
  throw cliFault('remote_tls_unusable', `${file} has no certificate, PEM`)
}

function privateKeyOf(pem: string, file: string) {
  try {
    return createPrivateKey(pem)
  } catch {
    // The file's content must not reach the message.
    throw cliFault('remote_tls_unusable', `${file} is no private key without a passphrase, PEM`)
  }
}
