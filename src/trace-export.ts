// Sends spans to a collector, in batches and in the background. A collector that is away costs spans only.
import { ExportResultCode, type ExportResult } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace';
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions';
import type { Logger } from 'pino';
import { atMost } from './at-most.ts';

const serviceName = 'refold';
/** What waits to be sent; spans beyond it are dropped. */
const queueMax = 4_096;
const batchMax = 512;
const batchMs = 1_000;
/** Of one batch, with what is tried again. */
const exportMsMax = 5_000;
/** Batches on their way at once: a whole queue at the end, and those that nobody answers. */
const exportsMax = 16;
/** Of a graceful stop, which has others to wait for. */
const flushMsMax = 2_000;
const warnMs = 60 * 60 * 1_000;

export type ExportParts = {
  readonly url: string;
  readonly version: string;
  readonly logger: Logger;
};

export function openExport({ url, version, logger }: ExportParts) {
  const exporter = new OTLPTraceExporter({
    url,
    timeoutMillis: exportMsMax,
    concurrencyLimit: exportsMax,
  });
  const processor = new BatchSpanProcessor({
    exporter: reporting(exporter, logger),
    maxQueueSize: queueMax,
    maxExportBatchSize: batchMax,
    scheduledDelayMillis: batchMs,
    exportTimeoutMillis: exportMsMax + batchMs,
  });
  const provider = new TracerProvider({
    resource: resourceOf(version),
    spanProcessors: [processor],
  });
  return {
    tracer: provider.getTracer(serviceName, version),
    close: () => atMost(flush(), flushMsMax),
  };

  /** One batch that is lost makes the provider give up on the others, which are on their way. */
  async function flush(): Promise<void> {
    await provider.shutdown().catch(() => {});
    await exporter.forceFlush();
  }
}

/** `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` count more than what stands here. */
function resourceOf(version: string) {
  const own = { [ATTR_SERVICE_NAME]: serviceName, [ATTR_SERVICE_VERSION]: version };
  const instance = { 'service.instance.id': crypto.randomUUID() };
  return defaultResource()
    .merge(resourceFromAttributes({ ...own, ...instance }))
    .merge(detectResources({ detectors: [envDetector] }));
}

/** Tells once when spans begin to be lost, at most once an hour, and when they arrive again. */
function reporting(exporter: SpanExporter, logger: Logger): SpanExporter {
  let warnedAt = -Infinity;
  let isToldAway = false;

  function note({ code, error }: ExportResult): void {
    if (code === ExportResultCode.SUCCESS) {
      if (isToldAway) logger.info('traces are collected again');
      isToldAway = false;
    } else if (performance.now() - warnedAt > warnMs) {
      warnedAt = performance.now();
      isToldAway = true;
      // The error itself may hold what a collector has answered, whole.
      const reason = error?.message || 'no answer';
      logger.warn({ reason }, 'traces are not collected; spans are lost until they are');
    }
  }

  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        note(result);
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
  };
}
