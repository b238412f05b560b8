/** Messages as the library makes them of what the page gives, and of what it cannot make one. */
import wwebjs from 'whatsapp-web.js'
import { widText } from './identity.js'

const { Message } = /** @type {any} */ (wwebjs)

/**
 * @param {any} client a whatsapp-web.js Client
 * @param {any} model as the page gives it
 * @returns {import('whatsapp-web.js').Message}
 */
export function messageOf (client, model) {
  try {
    return new Message(client, model)
  } catch {
    // The library takes parts for granted that some messages do not have.
    const hasMedia = Boolean(model.directPath)
    return /** @type {any} */ ({
      client,
      rawData: model,
      id: model.id,
      type: model.type,
      body: (hasMedia ? model.caption : model.body) ?? '',
      timestamp: model.t,
      from: widText(model.from),
      to: widText(model.to),
      author: widText(model.author),
      fromMe: Boolean(model.id.fromMe),
      ack: model.ack,
      hasMedia,
      isForwarded: Boolean(model.isForwarded),
      vCards: []
    })
  }
}
