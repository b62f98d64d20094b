import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

/** A certificate and its key, PEM, and where they lie. */
export interface Issued {
  readonly cert: string
  readonly key: string
  readonly certFile: string
  readonly keyFile: string
}

export interface IssueChoices {
  /** As OpenSSL writes them: `IP:127.0.0.1`. */
  readonly names?: string
  readonly usage?: 'clientAuth' | 'serverAuth'
  /** Two unless told; it has ended where they are negative. */
  readonly days?: number
}

/** A CA of the test's own, made by OpenSSL as an operator would; gone after the test. */
export class TestCa {
  readonly certFile: string
  readonly cert: string
  private readonly folder: string
  private issued = 0

  constructor(t: TestContext) {
    this.folder = mkdtempSync(join(tmpdir(), 'countersign-ca-'))
    t.after(() => rmSync(this.folder, { recursive: true, force: true }))
    const subject = ['-subj', '/CN=a CA of the test']
    this.openssl('req', '-x509', ...NEW_KEY, '-days', '2', '-keyout', 'ca.key', '-out', 'ca.crt', ...subject)
    this.certFile = join(this.folder, 'ca.crt')
    this.cert = readFileSync(this.certFile, 'utf8')
  }

  issue(name: string, { names, usage, days = 2 }: IssueChoices = {}): Issued {
    const stem = `issued-${++this.issued}`
    const [certFile, keyFile] = [join(this.folder, `${stem}.crt`), join(this.folder, `${stem}.key`)]
    this.openssl(
      ...[
        'req',
        '-new',
        ...NEW_KEY,
        '-keyout',
        keyFile,
        '-out',
        `${stem}.csr`,
        '-utf8',
        '-subj',
        `/CN=${name}`,
      ],
      ...['-addext', 'basicConstraints=critical,CA:FALSE'],
      ...(names === undefined ? [] : ['-addext', `subjectAltName=${names}`]),
      ...(usage === undefined ? [] : ['-addext', `extendedKeyUsage=${usage}`]),
    )
    this.openssl(
      ...['x509', '-req', '-in', `${stem}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'],
      ...['-copy_extensions', 'copyall', '-days', String(days), '-out', certFile],
    )
    chmodSync(keyFile, 0o600)
    return { certFile, keyFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
  }

  private openssl(...args: string[]): void {
    const { status, stderr } = spawnSync('openssl', args, { cwd: this.folder, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  }
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
