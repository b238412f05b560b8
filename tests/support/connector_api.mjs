// The connector's API as it is, in front of a page that sends at once, or, a text that begins with “slow”, after a while.
import { setTimeout } from 'node:timers/promises'
import { createApi } from '../../connector-node/src/api.js'
import { Sends } from '../../connector-node/src/sends.js'

const [directory, token] = process.argv.slice(2)
let count = 0
const client = {
  getNumberId: async () => ({}),
  sendMessage: async (chat, text) => {
    if (text.startsWith('slow')) await setTimeout(600)
    return { id: { _serialized: `true_${chat}_${++count}` } }
  }
}
const log = { info () {}, warn () {}, error: console.error }
const server = createApi(
  { token, sendPerMinute: 100, callTimeoutMs: 1000 },
  { session: { state: 'ready', client }, delivery: { waiting: 0 }, spool: { refused: 0 }, sends: new Sends(directory, 200), log }
)
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
