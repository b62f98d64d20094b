export { consoleErrors } from './error-table.js'
export { type ConsoleFile, type ConsoleServer, serveConsole } from './server.js'
