import { type InjectorParts, type Profiles, parseProfiles } from '../../injector/index.js'
import { clientEnvironment } from '../client-environment.js'
import { readNeeded } from '../needed-file.js'
import { isRealCredential } from '../real-credentials.js'

/** Throws `file_unreachable` or `profiles_malformed`. */
export function readProfiles(file: string): Profiles {
  return parseProfiles(readNeeded(file).toString('utf8'), file)
}

/** What `inject serve` and `inject render` judge with: the lists of `exec`, so that a pod gets what a command gets. */
export function injectorParts(profiles: Profiles): InjectorParts {
  return {
    profiles,
    clientVariables: (apis, grant) =>
      clientEnvironment(apis, {
        grant,
        aws: { AWS_ACCESS_KEY_ID: grant, AWS_SECRET_ACCESS_KEY: grant, AWS_SESSION_TOKEN: grant },
      }),
    isRealCredential,
  }
}
