import type { ArgumentRule } from '../../src/protocol/index.js'
import type { Place } from './aws-places.js'

export function rulesOf(_id: string, _name: string, _places: readonly Place[]): readonly ArgumentRule[] {
  return []
}
