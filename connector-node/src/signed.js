/** The headers of a signed request to the backend, by Standard Webhooks. */
import { Webhook } from 'standardwebhooks'

/**
 * @param {string} secret
 * @param {string} id names the request
 * @param {string} body as it is sent
 * @returns {Record<string, string>}
 */
export function signed (secret, id, body) {
  const now = new Date()
  const name = id.replace(/[^\x21-\x7e]/g, '_')
  return {
    'content-type': 'application/json',
    'webhook-id': name,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign(name, now, body)
  }
}
