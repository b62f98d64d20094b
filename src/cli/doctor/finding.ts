/** One way around the sidecar, one that the doctor could not rule out, or what keeps agents from being served. */
export interface Finding {
  readonly code:
    | 'readable_credential'
    | 'environment_credential'
    | 'direct_egress'
    | 'shared_user'
    | 'readable_secret'
    | 'fixed_client'
    | 'open_listener'
    | 'open_folder'
    | 'credential_unserved'
    | 'policy_missing'
    | 'policy_expires'
  /** What was found: a path, a variable's name, a host; never a value. */
  readonly subject: string
  readonly message: string
  readonly mend: string
}
