/** Sample messages for `--test`: the whole way to the backend without WhatsApp. Numbers are reserved for examples. */
import { randomUUID } from 'node:crypto'

/** @returns {import('./capture.js').Payload[]} */
export function sampleMessages () {
  const run = randomUUID().slice(0, 8)
  const now = Date.now()
  const at = (/** @type {number} */ seconds) => new Date(now - seconds * 1000).toISOString()
  const base = { history: [], message_type: 'chat', is_group: false }
  return [
    {
      ...base,
      message_id: `sample_${run}_1`,
      chat_time: at(30),
      chat_name: 'Ada Example',
      phone_number: '+15550100101',
      current_message: 'Hi, how much is a full service, and could I bring the bike tomorrow morning?'
    },
    {
      ...base,
      message_id: `sample_${run}_2`,
      chat_time: at(20),
      chat_name: 'Deniz Örnek',
      phone_number: '+15550100102',
      current_message: 'Siparişim hâlâ gelmedi, üçüncü kez yazıyorum! Kimse cevap vermiyor 😡',
      history: [{ sender: 'me', content: 'Yarın elinizde olur.', timestamp: at(86_400), type: 'chat', from_me: true }]
    },
    {
      ...base,
      message_id: `sample_${run}_3`,
      chat_time: at(10),
      chat_name: 'Sam Example',
      phone_number: '+15550100103',
      current_message: 'The booking page shows error 500 and I need to pay within the hour, please help'
    },
    {
      ...base,
      message_id: `sample_${run}_4`,
      chat_time: at(5),
      chat_name: 'Ada Example',
      phone_number: '+15550100101',
      current_message: 'thanks 👍'
    }
  ]
}
