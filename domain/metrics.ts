/**
 * Every metric this house tells, once: its name, kind, help and labels. Names and units follow the Prometheus conventions. What counts a
 * tenant's things says whose; histograms do not, each would be a dozen series for each tenant.
 */
type Kind = "counter" | "gauge" | "histogram";
type MetricShape = { readonly kind: Kind; readonly help: string; readonly labels: readonly string[] };

export const metrics = {
  tallywire_frames_total: { kind: "counter", help: "Frames taken in.", labels: ["tenant"] },
  tallywire_objects_total: { kind: "counter", help: "Objects in the frames taken in.", labels: ["tenant"] },
  tallywire_unusable_objects_total: {
    kind: "counter",
    help: "Objects without a confirmed track: stored and projected, not seen by rules.",
    labels: ["tenant"],
  },
  tallywire_duplicates_total: { kind: "counter", help: "Frames recognised at the door as sent before.", labels: ["tenant"] },
  tallywire_rejected_total: { kind: "counter", help: "Frames refused, by reason.", labels: ["tenant", "reason"] },
  tallywire_throttled_total: {
    kind: "counter",
    help: "Requests answered 429; without a tenant where nobody was known yet.",
    labels: ["tenant"],
  },
  tallywire_source_records_total: { kind: "counter", help: "Records read from topics of others.", labels: ["topic"] },
  tallywire_source_refused_total: {
    kind: "counter",
    help: "Records of topics of others of which not all could be taken in, by reason.",
    labels: ["topic", "reason"],
  },
  tallywire_source_lag_records: { kind: "gauge", help: "Records that wait in topics of others, at the last look.", labels: ["topic"] },
  tallywire_late_frames_total: {
    kind: "counter",
    help: "Frames older than their sensor's time: stored, not fed to the live rules.",
    labels: ["tenant"],
  },
  tallywire_clock_resets_total: { kind: "counter", help: "Sensors whose time was started again.", labels: ["tenant"] },
  tallywire_alerts_total: { kind: "counter", help: "Alerts raised (revision 0), by rule type.", labels: ["tenant", "rule_type"] },
  tallywire_crossings_total: { kind: "counter", help: "Crossings confirmed.", labels: ["tenant"] },
  tallywire_stopped_cameras: {
    kind: "gauge",
    help: "Cameras whose machines were stopped by a defect and wait to be redefined.",
    labels: [],
  },
  tallywire_sealed_with_older_keys: {
    kind: "gauge",
    help: "Addresses of cameras that are not sealed with the key that seals now.",
    labels: [],
  },
  tallywire_partitions: { kind: "gauge", help: "Partitions this process has, by role.", labels: ["role"] },
  tallywire_lag_frames: {
    kind: "gauge",
    help: "Facts (stage engine) or events (stage projector) waiting, at the last look.",
    labels: ["stage"],
  },
  tallywire_append_seconds: { kind: "histogram", help: "From append to durable.", labels: ["log"] },
  tallywire_alert_latency_seconds: {
    kind: "histogram",
    help: "From a fact's arrival to its alert being handed to subscribers.",
    labels: [],
  },
  tallywire_query_seconds: { kind: "histogram", help: "Questions to the warehouse.", labels: ["question"] },
  tallywire_http_seconds: { kind: "histogram", help: "HTTP requests.", labels: ["method", "route", "status"] },
  tallywire_dropped_connections_total: {
    kind: "counter",
    help: "Connections closed at once, since there were too many.",
    labels: [],
  },
  tallywire_sockets: { kind: "gauge", help: "Open WebSocket connections.", labels: ["tenant"] },
  tallywire_deliveries_total: { kind: "counter", help: "Alerts handed to sockets.", labels: ["tenant"] },
  tallywire_slow_sockets_total: { kind: "counter", help: "Sockets closed with 4008.", labels: ["tenant"] },
  tallywire_replays: { kind: "gauge", help: "Replays under way.", labels: ["tenant"] },
  tallywire_playbacks: { kind: "gauge", help: "Playbacks that go on, by kind.", labels: ["tenant", "kind"] },
  tallywire_recordings: { kind: "gauge", help: "Cameras that are to be recorded, by how it goes.", labels: ["state"] },
  tallywire_jobs_total: { kind: "counter", help: "Jobs that have ended, by kind and how.", labels: ["tenant", "kind", "state"] },
  tallywire_jobs: { kind: "gauge", help: "Jobs that are this process's to run, by state: queued, running.", labels: ["state"] },
  tallywire_job_seconds: { kind: "histogram", help: "Runs of jobs, from the start to the end.", labels: ["kind"] },
  tallywire_warehouse_restarts_total: { kind: "counter", help: "Times the embedded warehouse's process was started again.", labels: [] },
  tallywire_warehouse_rebuilds_total: { kind: "counter", help: "Times a part of the warehouse was rebuilt from the log.", labels: [] },
} as const satisfies Record<string, MetricShape>;

export type Metric = keyof typeof metrics;
type OfKind<K extends Kind> = { [M in Metric]: (typeof metrics)[M]["kind"] extends K ? M : never }[Metric];
export type Counter = OfKind<"counter">;
export type Gauge = OfKind<"gauge">;
export type Histogram = OfKind<"histogram">;
export type Labels = Readonly<Record<string, string>>;
