import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { type ConsoleFile, serveConsole } from '../../console/index.js'
import { isRpId } from '../../policy/index.js'
import { packageRoot } from '../catalogs.js'
import { ignoreInspectorSignal } from '../inspector.js'
import { type Io, printJson, printLine, UsageError } from '../io.js'
import { parseListenAddress } from '../listen-address.js'
import { defaultOwner } from '../session-options.js'
import { serveUntilStopped } from '../supervise.js'
import { type AdminOptions, addAdminOptions, adminOf } from './approvals.js'

interface ConsoleFlags extends AdminOptions {
  readonly listen: string
  readonly behind?: string
  readonly by: string
  readonly register?: true
  readonly json?: true
}

/** The same each time: the policy names it in the `origins` of passkeys. */
const USUAL = '127.0.0.1:8467'

export function registerConsole(program: Command, io: Io): void {
  addAdminOptions(program.command('console'))
    .summary(
      'serve the operator’s page on this machine: what waits, what is decided, approving by passkey, halting',
    )
    .option('--listen <host:port>', 'a port of loopback; the passkeys of the policy know it', USUAL)
    .option('--behind <origin>', 'https origin of a proxy in front of it, whose host the passkeys are for')
    .option('--by <person>', 'who halts; stands in the receipt', defaultOwner())
    .option('--register', 'only make passkeys and the lines that name them in a policy; asks no keeper')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `
Prints a link that opens the page once, in one tab, within ten minutes. The page is served on loopback alone and never by
the gate; it shows what the keeper's admin socket shows. Reaching it is enough to read and to halt. To approve takes a passkey
that the sealed policy names, and the keeper verifies it; to resume, \`countersign resume\`. SIGTERM or Ctrl-C ends it.

A passkey signs in pages of exactly the origins that the policy names for it, so that the port stays the same:
http://localhost:8467 unless told, and whatever \`--behind\` says. A proxy has to keep the Host header, and to let nobody else in.

Examples:
  countersign console
  countersign console --register
  ssh -N -o ExitOnForwardFailure=yes -L "$XDG_RUNTIME_DIR/keeper.sock:/etc/countersign/run/admin.sock" host &
  countersign console --admin "$XDG_RUNTIME_DIR/keeper.sock"
  countersign console --admin https://keeper.acme.example:7443 --client-cert maria.crt --client-key maria.key --ca acme-ca.crt
  countersign console --listen 127.0.0.1:7443 --behind https://console.example.org
`,
    )
    .action((flags: ConsoleFlags) => serve(flags, io))
}

async function serve(flags: ConsoleFlags, io: Io): Promise<void> {
  ignoreInspectorSignal()
  const { host, port } = parseListenAddress(flags.listen)
  if (host !== '127.0.0.1' && host !== 'localhost')
    throw new UsageError(
      `--listen ${flags.listen} is not loopback`,
      'Write --listen 127.0.0.1:PORT. For another machine, run the console there, with --admin.',
    )
  const files = pageFiles()
  const keeper = flags.register === true ? null : adminOf(flags)
  // Says at once where the keeper isn't there, instead of in the page.
  await keeper?.get('/v1/status')
  const server = await serveConsole({
    keeper,
    port,
    behind: flags.behind === undefined ? null : httpsOrigin(flags.behind),
    by: flags.by,
    files,
    random: randomBytes,
    nowMs: Date.now,
  })
  const { link, origin } = server
  if (flags.json === true) printJson(io, { link, origin })
  else {
    printLine(io, `The console: ${link}`)
    printLine(io, 'The link opens it once, within ten minutes. Ctrl-C ends it.')
  }
  await serveUntilStopped({ origin }, async () => {
    await server.close()
    await keeper?.close()
  })
}

function httpsOrigin(text: string): string {
  const found = /^https:\/\/([a-z0-9.-]+)(?::[0-9]{1,5})?$/.exec(text)
  if (found === null || !isRpId(found[1] as string))
    throw new UsageError(
      `--behind ${text} is no origin that passkeys know`,
      'Write https://HOST or https://HOST:PORT, in lower case, with no path behind it.',
    )
  return text
}

/** Made with the program, so that the page is of its version. */
function pageFiles(): ReadonlyMap<string, ConsoleFile> {
  const folder = join(packageRoot(), 'dist/bin/console')
  const file = (name: string, type: string): ConsoleFile => {
    const path = join(folder, name)
    if (!existsSync(path)) throw new UsageError(`${path} is missing`, 'Build the program: npm run build.')
    return { type: `${type}; charset=utf-8`, bytes: readFileSync(path) }
  }
  return new Map([
    ['/', file('page.html', 'text/html')],
    ['/page.js', file('page.js', 'text/javascript')],
    ['/style.css', file('style.css', 'text/css')],
  ])
}
