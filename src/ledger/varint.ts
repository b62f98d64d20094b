/** Where to go on reading. */
export interface Place {
  at: number
}

/** Seven bits a byte, the lowest first; a safe integer has at most eight of them. Throws where the bytes end before it does. */
export function readVarint(bytes: Buffer, place: Place): number {
  let value = 0
  for (let shift = 0; shift < 53; shift += 7) {
    const byte = bytes[place.at++]
    if (byte === undefined) break
    value += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) return value
  }
  throw new Error('a number in it is malformed')
}
