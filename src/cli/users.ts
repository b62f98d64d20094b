import { readFileSync } from 'node:fs'
import { UsageError } from './io.js'

/** Who a child process runs as; undefined members mean "as we are". */
export interface Identity {
  readonly uid: number
  readonly gid: number
}

/** The ids behind `users` of the configuration: a name from /etc/passwd or /etc/group, or a number. Throws a UsageError for a name that isn't there. */
export function identityOf(user: string, group: string): Identity {
  return { uid: idOf('/etc/passwd', user, 'user'), gid: idOf('/etc/group', group, 'group') }
}

function idOf(database: string, name: string, kind: string): number {
  if (/^\d{1,9}$/.test(name)) return Number(name)
  const line = readFileSync(database, 'utf8')
    .split('\n')
    .find(each => each.startsWith(`${name}:`))
  const id = line?.split(':')[2]
  if (id === undefined)
    throw new UsageError(
      `no ${kind} ${name} on this machine`,
      `Create it, or write a number under \`users\`.`,
    )
  return Number(id)
}
