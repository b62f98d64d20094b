import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { needlesOf, scanProcess } from './process-memory.js'
import { cloudAddresses, samplePolicy, secretsOf, useEveryApi } from './secrets.js'
import { eventually, type Sidecar, startSidecar } from './supervised-sidecar.js'

test('the gate has nothing to steal: no secret is in its memory, its environment or its command line', async t => {
  const sidecar = await startSidecar(t, { policy: samplePolicy(), clouds: await cloudAddresses() })
  const signer = await sidecar.order({ slot: 'aws-sigv4' })
  const secrets = [
    ...(await secretsOf(sidecar)),
    ...needlesOf('what the agent signs AWS requests with', signer.secret ?? ''),
  ]
  await useEveryApi(sidecar, signer)

  const marker = `planted-${randomUUID()}`
  const held = await holdInTheGate(t, sidecar, marker)
  const refusal = refusalToRead(sidecar.pid('gate'))
  if (refusal !== null) return t.skip(`another process's memory can't be read here (${refusal})`)

  // The control: what the gate must be holding at this moment is found, so that finding nothing means something.
  await eventually('the planted marker', () =>
    scanProcess(sidecar.pid('gate'), needlesOf('marker', marker)).found.length > 0 ? true : undefined,
  )
  const keeper = scanProcess(sidecar.pid('keeper'), secrets)
  assert.ok(
    keeper.found.some(name => name.startsWith('railway account token')),
    'the keeper holds its vault',
  )

  const { found, scannedBytes } = scanProcess(sidecar.pid('gate'), secrets)
  assert.deepEqual(found, [])
  assert.ok(scannedBytes > 50_000_000, `only ${scannedBytes} bytes were read`)
  held.destroy()
})

/** A request whose body never ends: the gate has to keep its beginning. */
async function holdInTheGate(t: TestContext, sidecar: Sidecar, marker: string) {
  const { hostname, port } = new URL(sidecar.url)
  const socket = connect(Number(port), hostname)
  t.after(() => socket.destroy())
  const grant = await sidecar.grant()
  socket.write(
    `POST /railway/graphql/v2 HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer ${grant}\r\nContent-Type: application/json\r\nContent-Length: 4096\r\n\r\n{"query":"${marker}`,
  )
  socket.write(randomBytes(64).toString('hex'))
  return socket
}

function refusalToRead(pid: number): string | null {
  try {
    scanProcess(pid, [{ name: 'anything', bytes: Buffer.from('anything') }])
    return null
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (['EACCES', 'EPERM', 'ENOENT'].includes(code)) return code
    throw error
  }
}
