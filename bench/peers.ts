import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { start } from './processes.js'

/** Another proxy, running. */
export interface Peer {
  readonly origin: string
  /** What its policy takes, where it has one. */
  readonly token: string
  readonly version: string
  /** Processes that were started; their children are its own as well. */
  readonly roots: readonly number[]
  stop(): Promise<void>
}

const TOKEN = 'bench-token-6f1d2c'
const START_MS = 30_000
const MITM_SCRIPT = fileURLToPath(new URL('../../bench/mitm_policy.py', import.meta.url))

export async function startNginx(upstreamPort: number): Promise<Peer> {
  const port = await freePort()
  return nginx(port, nginxConfig(port, upstreamPort, ''))
}

/** As an operator would build it: nginx asks a service of his own whether the request may pass. */
export async function startNginxWithPolicy(upstreamPort: number): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-bench-policy-'))
  const service = await start('./policy-service.js', join(folder, 'decisions.log'), TOKEN)
  const port = await freePort()
  const asked = `
    location = /decide {
      internal;
      proxy_pass http://policy;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header X-Original-Method $request_method;
      proxy_set_header X-Original-Uri $request_uri;
    }`
  const peer = await nginx(port, nginxConfig(port, upstreamPort, asked, service.port))
  return {
    ...peer,
    roots: [...peer.roots, service.pid],
    stop: async () => {
      await peer.stop()
      service.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export async function startHaproxy(upstreamPort: number): Promise<Peer> {
  const port = await freePort()
  const config = `
global
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend agents
  bind 127.0.0.1:${port}
  default_backend upstream
backend upstream
  http-reuse always
  server upstream 127.0.0.1:${upstreamPort}
`
  return running('haproxy', ['-db', '-f'], port, config, /version (\S+)/, ['-v'])
}

export async function startMitmproxy(upstreamPort: number): Promise<Peer> {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'countersign-bench-mitm-'))
  const mode = `reverse:http://127.0.0.1:${upstreamPort}`
  const child = spawn(
    'mitmdump',
    [
      ...['--mode', mode, '--listen-host', '127.0.0.1', '--listen-port', String(port), '--quiet'],
      ...['--set', `confdir=${folder}`, '--set', `decisions=${join(folder, 'decisions.log')}`],
      ...['--set', `grant=${TOKEN}`, '--script', MITM_SCRIPT],
    ],
    { stdio: 'ignore' },
  )
  return peerOf(child, port, folder, version('mitmdump', ['--version'], /Mitmproxy: (\S+)/))
}

function nginx(port: number, config: string): Promise<Peer> {
  return running('nginx', ['-e', 'stderr', '-c'], port, config, /nginx\/(\S+)/, ['-v'])
}

function nginxConfig(port: number, upstreamPort: number, locations: string, policyPort?: number): string {
  return `
daemon off;
pid FOLDER/nginx.pid;
worker_processes auto;
${process.getuid?.() === 0 ? 'user root;' : ''}
events { worker_connections 4096; }
http {
  access_log off;
  client_max_body_size 0;
  client_body_temp_path FOLDER/bodies;
  proxy_temp_path FOLDER/answers;
  fastcgi_temp_path FOLDER/fastcgi;
  uwsgi_temp_path FOLDER/uwsgi;
  scgi_temp_path FOLDER/scgi;
  keepalive_requests 1000000000;
  upstream upstream { server 127.0.0.1:${upstreamPort}; keepalive 256; keepalive_requests 1000000000; }
  ${policyPort === undefined ? '' : `upstream policy { server 127.0.0.1:${policyPort}; keepalive 256; keepalive_requests 1000000000; }`}
  server {
    listen 127.0.0.1:${port};${locations}
    location / {
      ${policyPort === undefined ? '' : 'auth_request /decide;'}
      proxy_pass http://upstream;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`
}

/** Starts a program that takes a configuration file; FOLDER in it becomes its own folder. */
async function running(
  program: string,
  argv: readonly string[],
  port: number,
  config: string,
  versionIn: RegExp,
  versionArgv: readonly string[],
): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), `countersign-bench-${program}-`))
  const file = join(folder, 'config')
  writeFileSync(file, config.replaceAll('FOLDER', folder))
  const child = spawn(program, [...argv, file], { stdio: ['ignore', 'ignore', 'inherit'] })
  return peerOf(child, port, folder, version(program, versionArgv, versionIn))
}

async function peerOf(child: ChildProcess, port: number, folder: string, versionText: string): Promise<Peer> {
  const gone = new Promise<void>(resolve => child.once('close', () => resolve()))
  const stop = async () => {
    child.kill('SIGTERM')
    await gone
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await listening(port, child)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    ...{ origin: `http://127.0.0.1:${port}`, token: TOKEN, version: versionText },
    ...{ roots: [child.pid as number], stop },
  }
}

function version(program: string, argv: readonly string[], within: RegExp): string {
  const { stdout, stderr } = spawnSync(program, argv, { encoding: 'utf8' })
  return within.exec(`${stdout}${stderr}`)?.[1] ?? 'unknown'
}

/** Port 0 would have to be read back from each program in its own way. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_MS
  while (!(await answers(port))) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${child.spawnfile} did not start`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('close', () => socket.destroy())
    socket.once('connect', () => socket.end())
  })
}
