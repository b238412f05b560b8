/** Metrics for Prometheus. Nothing of a message or a person is in them; labels are few. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'

export class Metrics {
  #registry = new Registry()
  #delivered = new Counter({ name: 'frontdesk_connector_delivered_total', help: 'Entries that the backend has taken', labelNames: ['kind'], registers: [this.#registry] })
  #refused = new Counter({ name: 'frontdesk_connector_refused_total', help: 'Entries that the backend refused for good', labelNames: ['kind'], registers: [this.#registry] })
  #delivery = new Histogram({
    name: 'frontdesk_connector_delivery_seconds',
    help: 'From asking the backend to its commit',
    labelNames: ['kind'],
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 30, 300, 3600],
    registers: [this.#registry]
  })

  #captured = new Counter({ name: 'frontdesk_connector_captured_total', help: 'Messages taken in, by how they came', labelNames: ['by'], registers: [this.#registry] })
  #sent = new Counter({ name: 'frontdesk_connector_sent_total', help: 'Messages sent', registers: [this.#registry] })
  #media = new Counter({ name: 'frontdesk_connector_media_total', help: 'Attachments, by what became of them', labelNames: ['outcome'], registers: [this.#registry] })
  #recoveries = new Counter({ name: 'frontdesk_connector_recoveries_total', help: 'What was done to mend the session', labelNames: ['step'], registers: [this.#registry] })
  #state = new Gauge({ name: 'frontdesk_connector_state', help: '1 for the state that the session is in', labelNames: ['state'], registers: [this.#registry] })
  #memory = new Gauge({ name: 'frontdesk_connector_memory_bytes', help: 'Resident memory of this process and of its browser', labelNames: ['of'], registers: [this.#registry] })

  /** @param {{ waiting: () => number, refused: () => number, media: () => number }} now what is looked up when somebody asks */
  constructor (now) {
    const wait = new Gauge({
      name: 'frontdesk_connector_waiting',
      help: 'What waits on disk',
      labelNames: ['what'],
      registers: [this.#registry],
      collect: () => {
        wait.set({ what: 'delivery' }, now.waiting())
        wait.set({ what: 'refused' }, now.refused())
        wait.set({ what: 'media' }, now.media())
      }
    })
  }

  /**
   * @param {string} kind
   * @param {number} seconds
   */
  delivered (kind, seconds) {
    this.#delivered.inc({ kind })
    this.#delivery.observe({ kind }, seconds)
  }

  /** @param {string} kind */
  refused (kind) { this.#refused.inc({ kind }) }

  /** @param {'event' | 'backfill'} by */
  captured (by) { this.#captured.inc({ by }) }

  sent () { this.#sent.inc() }

  /** @param {string} outcome */
  media (outcome) { this.#media.inc({ outcome }) }

  /** @param {string} step */
  recovery (step) { this.#recoveries.inc({ step }) }

  /**
   * @param {string} state
   * @param {readonly string[]} all
   */
  state (state, all) {
    for (const one of all) this.#state.set({ state: one }, Number(one === state))
  }

  /** @param {{ node: number, browser: number }} bytes */
  memory ({ node, browser }) {
    this.#memory.set({ of: 'node' }, node)
    this.#memory.set({ of: 'browser' }, browser)
  }

  /** @returns {Promise<string>} in the text format */
  async text () {
    return this.#registry.metrics()
  }
}
