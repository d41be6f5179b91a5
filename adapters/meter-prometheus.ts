import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { type Metric, metrics } from "../domain/metrics.ts";
import type { Meter } from "../domain/ports.ts";

/** Seconds: a fsync is a fraction of a millisecond, a question may take seconds. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** The house's metrics in Prometheus' registry; `text` is the exposition. One registry a meter, so that tests do not share figures. */
export const openMeter = (): Meter & { text(): Promise<string> } => {
  const registry = new Registry();
  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  const histograms = new Map<string, Histogram>();
  for (const name of Object.keys(metrics) as Metric[]) {
    const { kind, help, labels } = metrics[name];
    const shape = { name, help, labelNames: [...labels], registers: [registry] };
    if (kind === "counter") counters.set(name, new Counter(shape));
    else if (kind === "gauge") gauges.set(name, new Gauge(shape));
    else histograms.set(name, new Histogram({ ...shape, buckets: BUCKETS }));
  }
  return {
    count: (name, n = 1, labels = {}) => counters.get(name)?.inc(labels, n),
    set: (name, value, labels = {}) => gauges.get(name)?.set(labels, value),
    observe: (name, value, labels = {}) => histograms.get(name)?.observe(labels, value),
    text: () => registry.metrics(),
  };
};
