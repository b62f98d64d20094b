import type { GateCode } from './error-table.js'

/** The body turned out not to be what was admitted: it is broken off, and the upstream never has the whole. */
export class BodyRefused extends Error {
  readonly code: GateCode

  constructor(code: GateCode) {
    super(code)
    this.code = code
  }
}

/** What a streamed body is held to, part by part. Both methods throw `BodyRefused`. */
export interface BodyCheck {
  /** Takes a part as it came, and emits what of it may go upstream: now, or with a later part. */
  take(part: Buffer, emit: (payload: Buffer) => void): void
  /** The body has ended. `payloadSha256` answers for all that was emitted, in lower-case hex. */
  end(payloadSha256: () => string): void
}

/** The whole body has one digest. */
export class DigestCheck implements BodyCheck {
  private readonly hex: string

  constructor(hex: string) {
    this.hex = hex
  }

  take(part: Buffer, emit: (payload: Buffer) => void): void {
    emit(part)
  }

  end(payloadSha256: () => string): void {
    if (payloadSha256() !== this.hex) throw new BodyRefused('payload_mismatch')
  }
}
