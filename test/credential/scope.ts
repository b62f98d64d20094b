import { type MintScope, Secret, type Vault } from '../../src/credential/index.js'
import type { Operation } from '../../src/protocol/index.js'

export const ORIGIN = 'acme.example/countersign/web'
export const NOW = 1_790_000_000_000

export function operation(name: string, changes: Partial<Operation> = {}): Operation {
  return {
    api: 'partner',
    name,
    baseClasses: ['read'],
    classes: ['read'],
    scope: {},
    resources: [],
    args: {},
    effects: [],
    ...changes,
  }
}

export function mintScope(changes: Partial<MintScope> = {}): MintScope {
  return {
    agent: { id: 'coder', environment: 'staging', task: 't-17', owner: 'maria' },
    api: 'partner',
    account: null,
    credential: 'partner',
    spec: { minter: 'static', header: 'X-Api-Key', prefix: '' },
    operations: [operation('GET /v1/things')],
    origin: 'https://api.partner.example',
    privateUpstream: false,
    policyCid: `sha256:${'0'.repeat(64)}`,
    nowMs: NOW,
    ...changes,
  }
}

type Entry = NonNullable<ReturnType<Vault['entry']>>
type EntryParts = Partial<Omit<Entry, 'material' | 'previous'>> & {
  readonly material: object
  readonly previous?: { readonly material: object; readonly untilMs: number }
}

/** An open vault with one entry that may be changed while it is in use. */
export function vaultOf(
  parts: EntryParts,
): Pick<Vault, 'entry' | 'entries'> & { put(parts: EntryParts): void } {
  let entry = entryOf(parts)
  return {
    entry: name => (name === entry.name ? entry : undefined),
    entries: () => [entry],
    put: next => {
      entry = entryOf(next)
    },
  }
}

function entryOf({ material, previous, ...parts }: EntryParts): Entry {
  return {
    name: 'partner',
    kind: 'static',
    origins: ['https://api.partner.example'],
    environment: 'staging',
    createdAtMs: NOW,
    revision: '00000000-0000-4000-8000-000000000001',
    ...parts,
    material: new Secret(material) as Entry['material'],
    previous:
      previous === undefined
        ? null
        : { untilMs: previous.untilMs, material: new Secret(previous.material) as Entry['material'] },
  }
}
