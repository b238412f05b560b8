// The connector's API as it is, in front of a page that sends at once, or, a text that begins with “slow”, after a while.
import { setTimeout } from 'node:timers/promises'
import { createApi } from '../../connector-node/src/api.js'
import { Metrics } from '../../connector-node/src/metrics.js'
import { Sender } from '../../connector-node/src/sender.js'
import { Sends } from '../../connector-node/src/sends.js'

const [directory, token] = process.argv.slice(2)
let count = 0
const client = {
  getNumberId: async () => ({}),
  sendMessage: async (chat, text) => {
    if (text.startsWith('slow')) await setTimeout(600)
    return { id: { _serialized: `true_${chat}_${++count}` } }
  },
  pupPage: { evaluate: async () => { throw new Error('this page shows no chats') } }
}
const log = { info () {}, debug () {}, warn () {}, error: console.error }
const settings = { account: 'main', token, sendPerMinute: 100, callTimeoutMs: 1000, maxMediaBytes: 2 ** 20, typing: false }
const session = { state: 'WORKING', client, since: new Date(0) }
const metrics = new Metrics({ waiting: () => 0, refused: () => 0, media: () => 0 })
const sends = new Sends(directory, 200)
await sends.tidy()
const sender = new Sender(settings, { session, sends, metrics, log })
const server = createApi(settings, { session, sender, status: () => ({}), metrics, log })
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
