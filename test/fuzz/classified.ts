import type { Catalog, Classification, Recognised } from '../../src/protocol/index.js'
import { holds } from './target.js'

/**
 * The operations of a classification, null where it was refused. That describing them throws, that one has no class, or that
 * something happened which nobody foresaw is a finding.
 */
export function operationsOf(catalog: Catalog, classification: Classification): readonly Recognised[] | null {
  if (classification.kind === 'unclassifiable') {
    holds(classification.code !== 'classifier_fault', 'every refusal was foreseen', classification)
    return null
  }
  holds(classification.operations.length > 0, 'what is accepted asks for something')
  for (const recognised of classification.operations) {
    const operation = catalog.describe('api', recognised)
    holds(operation.classes.length > 0, 'every operation has a class', operation)
    const missing = operation.baseClasses.filter(each => !operation.classes.includes(each))
    holds(missing.length === 0, 'arguments take no class away', operation)
    catalog.lastingArgs(operation)
  }
  return classification.operations
}

/** Texts, numbers and truth values anywhere in a value, as text, sorted. */
export function leavesOf(value: unknown): readonly string[] {
  const leaves: string[] = []
  const gather = (each: unknown): void => {
    if (typeof each === 'object' && each !== null) for (const member of Object.values(each)) gather(member)
    else leaves.push(String(each))
  }
  gather(value)
  return leaves.sort()
}
