import type { ArchiveRequest } from '../../src/ledger/index.js'

/** An order to archive, with the entry that a keeper would write for it. */
export function archiveRequest(folder: string, size: number): ArchiveRequest {
  return {
    folder,
    size,
    receipt: root => ({
      body: {
        type: 'archive',
        data: { size, root, by: 'maria', because: 'retention', order: `sha256:${'ab'.repeat(32)}` },
      },
      state: [{ key: 'operate-nonce/1', value: '1' }],
    }),
  }
}
