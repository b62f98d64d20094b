/** Whether a log, by its `chain`, begins with nothing: a later epoch goes on from one whose entries are elsewhere. */
export function isFirstEpoch(chain: string): boolean {
  return chain.endsWith('/1')
}
