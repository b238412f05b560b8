/** Traces: one message's way begins here and goes on in the backend. Without an endpoint only the ids are made. */
import { randomBytes } from 'node:crypto'
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'

/**
 * Send spans to a collector.
 * @param {string} url OTLP over HTTP, without a path
 * @param {string} account
 * @returns {Promise<() => Promise<void>>} sends what is left, and stops
 */
export async function startTracing (url, account) {
  // A third of the connector's own memory: loaded only where somebody wants traces.
  const [{ BatchSpanProcessor, NodeTracerProvider }, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/exporter-trace-otlp-proto'),
    import('@opentelemetry/resources')
  ])
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'frontdesk-connector', 'frontdesk.account': account }),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `${url.replace(/\/$/, '')}/v1/traces` }))]
  })
  provider.register()
  return () => provider.shutdown()
}

/**
 * Run a step of a message's way as a span.
 * @template T
 * @param {string} name
 * @param {(headers: Record<string, string>) => Promise<T>} step gets the headers that carry the trace on
 * @param {Record<string, string | undefined>} [carrier] headers of the request that asked for it
 * @returns {Promise<T>}
 */
export async function traced (name, step, carrier = {}) {
  const parent = propagation.extract(context.active(), carrier)
  const span = trace.getTracer('frontdesk').startSpan(name, { kind: SpanKind.CLIENT }, parent)
  /** @type {Record<string, string>} */
  const headers = {}
  propagation.inject(trace.setSpan(parent, span), headers)
  if (!headers.traceparent) headers.traceparent = `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`
  try {
    return await step(headers)
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.name : undefined })
    throw error
  } finally {
    span.end()
  }
}
