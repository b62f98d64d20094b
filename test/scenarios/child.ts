import process from 'node:process'

/*
 * The agent's side of `exec`: says what it was given and what it could do with it, as one line of JSON, and
 * ends as it is told: `exit CODE`, or `wait` for a signal.
 */
const [how, code] = process.argv.slice(2)
const { COUNTERSIGN_GRANT: grant, COUNTERSIGN_URL_BILLING: billing } = process.env
const answer = await fetch(`${billing}/invoices/in_1001`, { headers: { authorization: `Bearer ${grant}` } })
const said = JSON.stringify({ env: process.env, status: answer.status })
if (how === 'wait') {
  const pending = setInterval(() => undefined, 1_000)
  process.once('SIGTERM', () => {
    clearInterval(pending)
    process.exitCode = 43
  })
} else process.exitCode = Number(code)
console.log(said)
