import assert from 'node:assert/strict'
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import {
  addVaultKey,
  createVault,
  keepOnlyVaultKey,
  type Material,
  type NewVaultEntry,
  newVaultKeyText,
  openVault,
  putEntry,
  readVaultKey,
  removeEntry,
  type Secret,
  type VaultChange,
  type VaultLocation,
  vaultKey,
} from '../../src/credential/index.js'

const SECRET = 'planted-secret-8f1c2d'
const OLD_SECRET = 'planted-secret-before-2b7e'
const ENTRY: NewVaultEntry = {
  name: 'partner',
  kind: 'static',
  material: { secret: SECRET },
  origins: ['https://api.partner.example'],
  environment: 'staging',
}
const NOW = 1_790_000_000_000

async function place(t: TestContext, keyText = newVaultKeyText()): Promise<VaultLocation & { dir: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'countersign-vault-'))
  t.after(() => rm(dir, { recursive: true }))
  return { dir, file: join(dir, 'vault.jwe'), key: async () => vaultKey(Buffer.from(keyText)) }
}

async function filled(t: TestContext, keyText?: string) {
  const location = await place(t, keyText)
  await createVault(location, [ENTRY], NOW)
  return location
}

async function codeOf(action: Promise<unknown>): Promise<string> {
  try {
    await action
    return 'ok'
  } catch (error) {
    assert.doesNotMatch(`${inspect(error)}${(error as Error).stack}`, /planted-secret/)
    return (error as { code: string }).code
  }
}

interface StoredRecipient {
  encrypted_key: string
  readonly header: { alg: string; kid: string; readonly kdf: object }
}
type StoredJwe = Record<'ciphertext' | 'iv' | 'tag' | 'protected', string> & {
  readonly recipients: readonly [StoredRecipient]
}

/** Changes the JWE on disk. */
async function altered(file: string, change: (jwe: StoredJwe) => void): Promise<void> {
  const jwe: StoredJwe = JSON.parse(await readFile(file, 'utf8'))
  change(jwe)
  await writeFile(file, `${JSON.stringify(jwe)}\n`)
}

function secretIn(material: Secret<Material> | undefined): string | undefined {
  const fields = material?.reveal()
  return fields !== undefined && 'secret' in fields ? fields.secret : undefined
}

function flipped(text: string): string {
  const middle = text.length >> 1
  return `${text.slice(0, middle)}${text[middle] === 'A' ? 'B' : 'A'}${text.slice(middle + 1)}`
}

test('what was put is what is read, and it is nowhere on disk in clear', async t => {
  const location = await filled(t)
  const entry = (await openVault(location)).entry('partner')
  assert.equal(secretIn(entry?.material), SECRET)
  assert.deepEqual([entry?.origins, entry?.environment], [ENTRY.origins, 'staging'])
  const bytes = await readFile(location.file, 'utf8')
  assert.ok(!bytes.includes(SECRET) && !bytes.includes('partner'))
  assert.equal((await stat(location.file)).mode & 0o777, 0o600)
  assert.deepEqual(await readdir(location.dir), ['vault.jwe'])
})

test('a passphrase opens the vault as a key does', async t => {
  const location = await filled(t, 'correct horse battery staple')
  assert.ok((await openVault(location)).entry('partner'))
  const wrong = { ...location, key: async () => vaultKey(Buffer.from('correct horse battery stable')) }
  assert.equal(await codeOf(openVault(wrong)), 'vault_key')
})

test('attack: a vault or a key that others may read is not opened', async t => {
  const location = await filled(t)
  for (const mode of [0o640, 0o604, 0o620, 0o601]) {
    await chmod(location.file, mode)
    assert.equal(await codeOf(openVault(location)), 'vault_mode', mode.toString(8))
  }
  const file = join(location.dir, 'vault.key')
  await writeFile(file, newVaultKeyText(), { mode: 0o644 })
  assert.equal(await codeOf(readVaultKey({ file }, {})), 'vault_mode')
})

test('attack: something else than a file in the place of the vault', async t => {
  const location = await place(t)
  await symlink('/dev/zero', location.file)
  assert.equal(await codeOf(openVault(location)), 'vault_mode')
  assert.equal(await codeOf(openVault({ ...location, file: location.dir })), 'vault_mode')
})

test('attack: another key, also one of the other kind', async t => {
  const location = await filled(t)
  for (const text of [newVaultKeyText(), 'a passphrase that is long enough']) {
    const wrong = { ...location, key: async () => vaultKey(Buffer.from(text)) }
    assert.equal(await codeOf(openVault(wrong)), 'vault_key')
  }
})

test('attack: a vault cut off at any of its bytes', async t => {
  const location = await filled(t)
  const whole = await readFile(location.file)
  // All but the newline at the end, which carries nothing.
  for (let length = 0; length < whole.length - 1; length++) {
    await writeFile(location.file, whole.subarray(0, length))
    const code = await codeOf(openVault(location))
    assert.ok(code === 'vault_truncated' || code === 'vault_malformed', `${code} at ${length}`)
    if (whole[length - 1] !== 0x7d) assert.equal(code, 'vault_truncated', `at ${length}`)
  }
})

test('attack: any part of the vault changed by one letter', async t => {
  const location = await filled(t)
  const whole = await readFile(location.file)
  const changes = [
    ['ciphertext', 'vault_tampered'],
    ['iv', 'vault_tampered'],
    ['tag', 'vault_tampered'],
    ['protected', 'vault_malformed'],
  ] as const
  for (const [member, code] of changes) {
    await altered(location.file, jwe => {
      jwe[member] = flipped(jwe[member])
    })
    assert.equal(await codeOf(openVault(location)), code, member)
    await writeFile(location.file, whole)
  }
  const inRecipient: Readonly<Record<string, (recipient: StoredRecipient) => void>> = {
    vault_tampered: each => {
      each.encrypted_key = flipped(each.encrypted_key)
    },
    vault_key: ({ header }) => {
      header.kid = flipped(header.kid)
    },
    vault_malformed: ({ header }) => {
      header.alg = 'dir'
    },
  }
  for (const [code, change] of Object.entries(inRecipient)) {
    await altered(location.file, jwe => change(jwe.recipients[0]))
    assert.equal(await codeOf(openVault(location)), code)
    await writeFile(location.file, whole)
  }
  assert.equal(await codeOf(openVault(location)), 'ok')
})

test('attack: scrypt costs from a changed file that would eat the memory', async t => {
  const location = await filled(t, 'correct horse battery staple')
  for (const cost of [{ N: 2 ** 30 }, { r: 1_024 }, { p: 64 }, { N: 2 }, { extra: 1 }]) {
    await altered(location.file, jwe => {
      Object.assign(jwe.recipients[0].header.kdf, { N: 131_072, r: 8, p: 1 }, cost)
    })
    assert.equal(await codeOf(openVault(location)), 'vault_malformed', JSON.stringify(cost))
  }
})

test('attack: secrets through printing, serialising or an error', async t => {
  const location = await filled(t)
  await putEntry(location, { ...ENTRY, material: { secret: 'planted-secret-next' }, overlapSeconds: 60 }, NOW)
  const vault = await openVault(location)
  const entry = vault.entry('partner')
  const shown = [entry, vault, vault.entries(), { ...entry }, await location.key()]
    .map(each => `${inspect(each, { depth: 20, showHidden: true, getters: true })}${JSON.stringify(each)}`)
    .join()
  assert.doesNotMatch(shown, /planted-secret/)
  assert.match(shown, /\[secret\]/)
  assert.equal(`${entry?.material}`, '[secret]')
  const refused = putEntry(location, { ...ENTRY, material: { secret: `planted-secret ${'\n'}` } }, NOW)
  assert.equal(await codeOf(refused), 'vault_entry_invalid')
  const misspelt = putEntry(location, { ...ENTRY, kind: 'oauth2', material: { secret: SECRET } }, NOW)
  assert.equal(await codeOf(misspelt), 'vault_entry_invalid')
})

test('an entry without a usable name, origin, environment or kind is refused and the vault keeps', async t => {
  const location = await filled(t)
  const before = await readFile(location.file)
  const wrong: Partial<NewVaultEntry>[] = [
    { name: '../x' },
    { name: '' },
    { origins: [] },
    { origins: ['https://api.partner.example/'] },
    { origins: ['https://user:pw@api.partner.example'] },
    { origins: ['api.partner.example'] },
    { origins: ['file://'] },
    { environment: '' },
    {
      kind: 'aws-sts',
      material: { accessKeyId: 'AKIA', secretAccessKey: SECRET, role: 'x' },
    } as Partial<NewVaultEntry>,
    { kind: '__proto__' },
  ]
  for (const change of wrong) {
    assert.equal(
      await codeOf(putEntry(location, { ...ENTRY, ...change }, NOW)),
      'vault_entry_invalid',
      JSON.stringify(change),
    )
  }
  assert.deepEqual(await readFile(location.file), before)
  assert.deepEqual(await readdir(location.dir), ['vault.jwe'])
})

test('a vault that is there is not made again, and one that is not is said to be missing', async t => {
  const location = await place(t)
  assert.equal(await codeOf(openVault(location)), 'vault_missing')
  assert.equal(await codeOf(putEntry(location, ENTRY, NOW)), 'vault_missing')
  await createVault(location)
  assert.equal(await codeOf(createVault(location, [ENTRY])), 'vault_exists')
  assert.deepEqual((await openVault(location)).entries(), [])
})

test('two writers never lose a change: the second is told to wait', async t => {
  const location = await filled(t)
  const puts = ['a', 'b', 'c', 'd'].map(name => codeOf(putEntry(location, { ...ENTRY, name }, NOW)))
  const codes = await Promise.all(puts)
  const stored = (await openVault(location)).entries().length
  assert.equal(stored, 1 + codes.filter(code => code === 'ok').length)
  assert.ok(codes.every(code => code === 'ok' || code === 'vault_busy'))
})

test('a rotation keeps the secret before for its overlap', async t => {
  const location = await place(t)
  await createVault(location, [{ ...ENTRY, material: { secret: OLD_SECRET } }], NOW)
  await putEntry(location, { ...ENTRY, overlapSeconds: 60 }, NOW)
  const previous = (await openVault(location)).entry('partner')?.previous
  assert.equal(secretIn(previous?.material), OLD_SECRET)
  assert.equal(previous?.untilMs, NOW + 60_000)
  await putEntry(location, ENTRY, NOW)
  assert.equal((await openVault(location)).entry('partner')?.previous, null)
})

test('an open vault takes over a change, and keeps what it has when the file is broken', async t => {
  const location = await filled(t)
  const vault = await openVault(location)
  assert.deepEqual(await vault.reload(), { kind: 'unchanged' })
  await putEntry(location, { ...ENTRY, name: 'second' }, NOW)
  assert.deepEqual(await vault.reload(), { kind: 'changed', names: ['second'] })
  await removeEntry(location, 'partner')
  assert.deepEqual(await vault.reload(), { kind: 'changed', names: ['partner'] })
  assert.equal(vault.entry('partner'), undefined)
  assert.equal(await codeOf(removeEntry(location, 'partner')), 'vault_entry_missing')
  await writeFile(location.file, '{')
  assert.deepEqual(await vault.reload(), { kind: 'kept', code: 'vault_truncated' })
  assert.ok(vault.entry('second'))
})

test('a watched vault finds the change by itself', async t => {
  const location = await filled(t)
  const vault = await openVault(location)
  const changed = new Promise<VaultChange>(found => {
    const end = vault.watch(change => {
      end()
      found(change)
    }, 10)
  })
  const keepAlive = setInterval(() => undefined, 1_000)
  await putEntry(location, { ...ENTRY, name: 'second' }, NOW)
  assert.deepEqual(await changed, { kind: 'changed', names: ['second'] })
  clearInterval(keepAlive)
})

test('a rekey leaves no moment in which neither key opens the vault', async t => {
  const oldKey = newVaultKeyText()
  const location = await filled(t, oldKey)
  const next = vaultKey(Buffer.from(newVaultKeyText()))
  const relocated = { ...location, key: async () => next }
  await addVaultKey(location, next)
  assert.ok((await openVault(location)).entry('partner'))
  assert.ok((await openVault(relocated)).entry('partner'))
  assert.equal(await codeOf(putEntry(location, ENTRY, NOW)), 'vault_rekeying')
  await keepOnlyVaultKey(relocated)
  assert.equal(await codeOf(openVault(location)), 'vault_key')
  assert.equal(secretIn((await openVault(relocated)).entry('partner')?.material), SECRET)
})

test('the key is read from a file, an environment variable or systemd, in any of its forms', async t => {
  const { dir } = await place(t)
  const raw = Buffer.from(Array.from({ length: 32 }, (_, i) => i * 8))
  const forms = [raw, raw.toString('hex'), `${raw.toString('base64')}\n`, raw.toString('base64url')]
  for (const form of forms) {
    const key = vaultKey(Buffer.from(form))
    assert.deepEqual(key.kind === 'raw' && Buffer.from(key.key.reveal()), raw)
  }
  const file = join(dir, 'vault-key')
  await writeFile(file, raw, { mode: 0o400 })
  const sources = [
    readVaultKey({ file }, {}),
    readVaultKey({ env: 'VAULT_KEY' }, { VAULT_KEY: raw.toString('hex') }),
    readVaultKey({ systemd: 'vault-key' }, { CREDENTIALS_DIRECTORY: dir }),
  ]
  for (const key of await Promise.all(sources)) assert.equal(key.kind, 'raw')
  const missing = [
    [{ file: join(dir, 'none') }, {}],
    [{ env: 'NONE' }, {}],
    [{ systemd: '../vault-key' }, { CREDENTIALS_DIRECTORY: dir }],
    [{ systemd: 'vault-key' }, {}],
  ] as const
  for (const [source, env] of missing)
    assert.equal(await codeOf(readVaultKey(source, env)), 'vault_key_missing')
  assert.throws(() => vaultKey(Buffer.from('short')), { code: 'vault_key_weak' })
})
