// The floor under the connector: whatsapp-web.js alone, which counts what it hears.
import { createServer } from 'node:http'
import { createRequire } from 'node:module'

const require = createRequire(new URL('../connector-node/package.json', import.meta.url))
const { Client, LocalAuth } = require('whatsapp-web.js')
const [port, dataPath, executablePath, ...args] = process.argv.slice(2)
let state = 'STARTING'
let count = 0
process.on('unhandledRejection', () => {})
const client = new Client({
  authStrategy: new LocalAuth({ dataPath }),
  webVersionCache: { type: 'none' },
  puppeteer: { headless: true, executablePath, pipe: true, args: [...args, '--no-sandbox', '--disable-gpu'] }
})
client.on('qr', () => { state = 'SCAN_QR_CODE' })
client.on('ready', () => { state = 'WORKING' })
client.on('message', () => { count += 1 })
createServer((_, response) => response.end(JSON.stringify({ state, count }))).listen(Number(port), '127.0.0.1')
client.initialize()
