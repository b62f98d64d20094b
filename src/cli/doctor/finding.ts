/** One way around the sidecar, or one that the doctor could not rule out. */
export interface Finding {
  readonly code:
    | 'readable_credential'
    | 'environment_credential'
    | 'direct_egress'
    | 'shared_user'
    | 'readable_secret'
    | 'fixed_client'
  /** What was found: a path, a variable's name, a host; never a value. */
  readonly subject: string
  readonly message: string
  readonly mend: string
}
