/** An answer that says no, in AWS's own terms; the protocol of the request gives it its form. */
export class AwsRefusal extends Error {
  /** `InvalidInstanceID.NotFound` */
  readonly code: string
  readonly status: number
  /** The older code that SQS sends beside its own, for clients made for its query protocol. */
  readonly queryCode: string | null

  constructor(code: string, message: string, status = 400, queryCode: string | null = null) {
    super(message)
    this.code = code
    this.status = status
    this.queryCode = queryCode
  }
}
