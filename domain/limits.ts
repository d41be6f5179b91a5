/** Every limit: its name and its default. docs/limits.md lists them; a test compares the two. */
export const limits = {
  /** Bytes of an ingest body after unpacking. */
  bodyBytes: 8 * 1024 * 1024,
  framesPerBody: 10_000,
  objectsPerFrame: 10_000,
  /** Bytes of a configuration body. */
  configBytes: 1024 * 1024,
  /** Lists and objects within each other in a configuration body or a filter. */
  jsonDepth: 64,
  /** UTF-16 code units of a sensor, place, rule or object id, and of a type. */
  idLength: 256,
  /** UTF-16 code units of an attribute's value, a name, a reason. */
  textLength: 4096,
  attributesPerObject: 64,
  pointsPerPlace: 256,
  placesPerCamera: 256,
  rulesPerCamera: 1024,
  objectTypesPerRule: 64,
  /** Sensors of a tenant, created or not, that a process takes frames of. */
  sensorsPerTenant: 10_000,
  /** Cameras of a tenant whose own limit nobody set. */
  camerasPerTenant: 1000,
  /** The largest number of a channel: as many cameras can a tenant ever have had. */
  channels: 32_767,
  featuresPerCamera: 64,
  /** The largest `fps` of a camera, which is informative. */
  framesPerSecond: 1000,
  windowsPerSchedule: 64,
  /** The largest `countThreshold`: as many sightings does an increment keep. */
  countThreshold: 10_000,
  /** The longest time a definition may name, in seconds: a year and a day, longer than anything a rule waits for. */
  ruleSeconds: 366 * 86_400,
  /** Pixels from 0 to the farthest point of a wire or a region: beyond, products of coordinates lose the last pixel. */
  pointPx: 1_000_000,
  /** The largest `minFrames`: a side or a stay that needs more is never confirmed. */
  confirmingFrames: 1000,
  /** Milliseconds frames may be held back to be sorted. */
  reorderMs: 60_000,
  /** Milliseconds a frame may be ahead of its arrival. */
  aheadMs: 10_000,
  /** Unacknowledged ingest bytes before requests are answered 429. */
  pendingBytes: 64 * 1024 * 1024,
  /** Bytes of a record in Kafka; a frame that needs more is refused. A topic's own limit is 64 KiB above. */
  recordBytes: 16 * 1024 * 1024 - 64 * 1024,
  /** Bytes a compressed batch from Kafka may unpack to: more is an attack. */
  unpackedBytes: 512 * 1024 * 1024,
  /** Frame ids remembered a partition to recognise repeats at the door. */
  rememberedFrames: 65_536,
  /** Rows of a page. */
  pageRows: 1000,
  /** Rows of a page of events or of the audit. */
  eventRows: 100,
  /** Buckets of a histogram. */
  buckets: 1000,
  bucketSeconds: 86_400,
  /** Milliseconds it may take to learn what addresses the name of a camera's host stands for. */
  cameraLookupMs: 5000,
  /** Names of cameras' hosts that are looked up at once, one of a tenant: each takes a thread that files are written with, too. */
  cameraLookups: 2,
  /** Such names that wait for their turn, which goes round between tenants. */
  waitingCameraLookups: 100,
  /** Milliseconds a tenant's name that took longer than `cameraLookupMs` to look up is not looked up again. */
  slowNameMs: 30_000,
  /** Milliseconds without a frame after which a camera is called offline. */
  silentMs: 60_000,
  /** Milliseconds a query waits for `after=`. */
  afterMs: 5000,
  /** Milliseconds `/readyz` waits for the log and for the store. */
  readyMs: 1500,
  /** Seconds a question may compute. */
  querySeconds: 30,
  /** Questions that wait for the warehouse, none longer than `querySeconds`; turns go round between tenants. More are answered 503. */
  waitingQuestions: 100,
  /** Connections to a ClickHouse server for questions, as many for inserts and as many for definitions. */
  warehouseConnections: 16,
  /** Times a statement is sent to a ClickHouse server that does not answer or says that it cannot now. */
  warehouseTries: 5,
  /** Bytes of a request's head, its address with a `?filter=` included. */
  headBytes: 64 * 1024,
  /** Milliseconds a client may take to send the head, and the whole of a request: then 408. */
  headMs: 10_000,
  requestMs: 60_000,
  /** Milliseconds a kept connection may stay idle. */
  idleMs: 65_000,
  /** Milliseconds between looks at connections that are past their time. */
  connectionLookMs: 1000,
  /** Milliseconds that open requests and sockets are given when the server stops. */
  drainMs: 5000,
  /** HTTP connections and sockets together: one more is not accepted. */
  connections: 30_000,
  /** Tokens that are no good from one remote address in a minute: then what is not known is verified one at a time, whoever shows it. */
  failedLogins: 600,
  /** Remote addresses that are told apart among those whose tokens were no good in a minute. */
  failingAddresses: 20_000,
  /** Tokens from such addresses that wait to be verified: more are answered 429. */
  slowLogins: 64,
  sockets: 20_000,
  /** While tokens are on. */
  socketsPerTenant: 5000,
  socketsPerSubject: 500,
  /** Bytes of one message from a socket. */
  socketMessageBytes: 64 * 1024,
  /** Entries, places and rule types in one socket's filter, together. */
  filterEntries: 1000,
  /** Milliseconds a socket may stay without a filter. */
  filterWaitMs: 5000,
  /** Bytes waiting for a slow socket before it is closed with 4008. */
  socketBufferBytes: 1024 * 1024,
  /** Milliseconds between pings. */
  pingMs: 25_000,
  /** The newest alerts a socket of ivms is told first. */
  notificationAlerts: 20,
  /** Alerts replayed to a resuming socket before it is told of a gap. */
  resumeAlerts: 100_000,
  /** Replays at once that a client asked for (a resume is none), of one tenant and of all. */
  replaysPerTenant: 16,
  replays: 64,
  /** Milliseconds a replay at a pace waits at most from one alert or frame to the next: a longer gap is shortened. */
  replayGapMs: 60_000,
  /** Milliseconds a client may take nothing of a stream before it is broken off. */
  replayStallMs: 300_000,
  /** Bytes of a token: a longer one is refused unread. */
  tokenBytes: 8192,
  /** Seconds by which the clock of whoever issues tokens may differ from ours. */
  tokenToleranceSeconds: 30,
  /** Verified tokens that are remembered until they expire; the oldest goes first. */
  tokensKept: 10_000,
  /** Seconds a token from `tallywire token` may last. */
  mintedTokenSeconds: 30 * 86_400,
  /** Keys of one JWK Set. */
  tokenKeys: 64,
  /** Bytes of a JWK Set, and of a file of keys. */
  keysBytes: 256 * 1024,
  /** Milliseconds a server of keys may take to answer. */
  keysMs: 5000,
  /** Milliseconds between looks at where the keys of tokens come from. */
  keysLookMs: 60_000,
  /** The same while they cannot be had; and no token makes us look sooner than so long after the last look. */
  keysPauseMs: 10_000,
  /** Milliseconds the last keys stay in use while they cannot be had. */
  keysKeptMs: 3_600_000,
  /** ffmpeg processes at once, whatever they are for; one more is refused. */
  ffmpegProcesses: 200,
  /** How much of that one tenant's cameras may take. */
  ffmpegTenantShare: 0.5,
  /** Bytes of address space of one ffmpeg process: beyond, it is refused memory and ends. */
  ffmpegMemoryBytes: 4 * 1024 * 1024 * 1024,
  /** Milliseconds an ffmpeg process that is told to end may take, before it is killed. */
  ffmpegStopMs: 3000,
  /** Lines of what an ffmpeg process says that are kept; the oldest go first. */
  ffmpegLogLines: 200,
  /** Bytes of one such line; the rest of a longer one is dropped. */
  ffmpegLogLineBytes: 1024,
  /** Bytes an ffmpeg process may hand back (a picture, what a probe found): with more it is ended. */
  ffmpegOutputBytes: 32 * 1024 * 1024,
  /** Milliseconds ffmpeg may take to say its version. */
  ffmpegFindMs: 10_000,
  /** Milliseconds looking at what a camera sends may take. */
  probeMs: 15_000,
  /** Milliseconds a connection to a camera may take to be made. */
  cameraConnectMs: 5000,
  /** Milliseconds a camera may owe an answer, or send nothing while it should. */
  cameraSilenceMs: 5000,
  /** Requests a camera may owe answers to. */
  rtspOpenRequests: 16,
  /** Bytes of the head of an RTSP request or answer, and of its body. */
  rtspHeadBytes: 64 * 1024,
  rtspBodyBytes: 256 * 1024,
  /** Connections to a relay of which none has shown yet that it may have it. */
  relayConnections: 4,
  /** Milliseconds a relay waits for whoever it is for. */
  relayWaitMs: 10_000,
  /** Live films at once, each shared by whoever watches the same camera at the same size. */
  liveStreams: 50,
  liveStreamsPerTenant: 20,
  /** Those of them at another size than the camera's own, which are encoded: each takes a good part of a core. */
  liveEncoded: 8,
  liveEncodedPerTenant: 4,
  /** Pixels a picture may be made wide or high. */
  livePicturePx: 3840,
  /** Pixels a picture may be made narrow or low: fewer no encoder takes. */
  livePictureLeastPx: 16,
  /** Pieces in a live playlist; the older ones stay as long again for those who have just been told of them. */
  liveSegments: 6,
  /** Milliseconds a film may take to begin, and the longest its pieces may be. */
  liveStartMs: 20_000,
  /** Milliseconds between looks at what ffmpeg has made. */
  liveLookMs: 100,
  /** Times in a row nothing may come of a live film before it is given up. */
  liveTries: 5,
  /** Milliseconds until a film is tried again, at most. */
  liveBackoffMs: 30_000,
  /** Milliseconds it is remembered what a camera sends. */
  probeKeptMs: 600_000,
  /** Milliseconds recordings are kept. */
  recordKeptMs: 7 * 86_400_000,
  /** Bytes of recordings of one tenant: beyond, the oldest hours go. */
  recordBytesPerTenant: 50 * 1024 * 1024 * 1024,
  /** Bytes that stay free on the disk recordings are on: with fewer, the oldest hours go, and then nothing is recorded. */
  recordFloorBytes: 1024 * 1024 * 1024,
  /** Playbacks at once, live and archive, of one tenant and of all. */
  playbacksPerTenant: 50,
  playbacks: 200,
  /** Milliseconds a playback goes on that is not kept alive. */
  playbackKeptMs: 60_000,
  /** Milliseconds the answer to a start waits for something to play. */
  playbackReadyMs: 15_000,
  /** Playbacks that have ended of which a tenant can still be told so; of older ones it is said that there never were any. */
  playbacksEnded: 1000,
  /** Milliseconds from where an archive playback begins to where it ends. */
  archiveMs: 86_400_000,
  /** Milliseconds that an address of a segment or a snap, given out by us, opens it, and up to an hour more (heldUntil). */
  grantMs: 86_400_000,
  /** Milliseconds a snap of an instant just past waits for its recording. */
  snapWaitMs: 15_000,
  /** What films tell of cameras, online or offline, and waits to be written. */
  cameraStatesWaiting: 10_000,
  /** Milliseconds between looks whether frames come of a camera whose film is lost, and how old a frame may be that says so. */
  filmJudgeMs: 5000,
  frameSpeaksMs: 30_000,
  /** Pieces in one playlist of a recording: it ends there where more were recorded. */
  archiveSegments: 50_000,
  /** Milliseconds and bytes of one clip. */
  clipMs: 600_000,
  clipBytes: 256 * 1024 * 1024,
  /** Pictures, clips and pieces at another size that are cut at once, and those that wait for it; turns go round between tenants. */
  cuts: 2,
  cutsWaiting: 64,
  /** Milliseconds one may wait for its turn: then it is refused. */
  cutWaitMs: 30_000,
  /** Milliseconds cutting one may take. */
  cutMs: 30_000,
  /** Bytes of pictures and clips that are kept; those that were not asked for longest go first. */
  cutBytes: 1024 * 1024 * 1024,
  /** Jobs of a tenant that wait or run. */
  jobsPerTenant: 100,
  /** Jobs of a tenant that have ended and are remembered; the oldest go first. */
  jobsRemembered: 200,
  /** Bytes a tenant's jobs may take up as JSON, all that is remembered of them; and of one of them its wish, what its run keeps, its result. */
  jobsBytes: 768 * 1024,
  jobWishBytes: 128 * 1024,
  jobKeptBytes: 64 * 1024,
  jobResultBytes: 64 * 1024,
  /** Times a job may lose the process that runs it without having come any further: then it fails. */
  jobStarts: 3,
  /** Milliseconds a job is tried again for what may pass (a server that is away, a full disk) without having come any further: then it fails. */
  jobPatienceMs: 3_600_000,
  /** Milliseconds between two tries, at most. */
  jobBackoffMs: 60_000,
  /** Sensors of one backtest. */
  backtestSensors: 1000,
  /** Milliseconds of event time that a backtest or a recomputation looks at. */
  jobRangeMs: 366 * 86_400_000,
  /** What somebody wrote down, to be found again by one backtest. */
  backtestLabels: 1000,
  /** Seconds by which a label and a crossing may be apart. */
  labelSeconds: 60,
  /** Rows of a result that are looked through for one page: one of few that are wanted may be short. */
  jobScanRows: 20_000,
  /** Rows of a job's result. */
  jobRows: 1_000_000,
  /** Milliseconds they are kept. */
  jobRowsKeptMs: 30 * 86_400_000,
  /** Objects and frames that came late and are taken into the past of a partition at once: with more a backtest or a recomputation fails. */
  lateObjects: 500_000,
  /** Days of cameras that a verification remembers at once: with more it reads the log more than once. */
  verifyDays: 100_000,
  /** Days of cameras that a verification looks at row by row, where they differ; of others it tells the counts. */
  verifyNarrowed: 500,
  /** What a verification found that stands in its result; the rest is counted there and stands among its rows. */
  verifyFindings: 100,
  /** Alerts, crossings, entries and leavings that a recomputation compares, as they were told or as they are found again. */
  recomputeEvents: 200_000,
  /** Events that a recomputation tells in its one commit, which stands still for so long: with more it fails. */
  recomputeCorrections: 20_000,
  /** Ids of alerts of a camera that recomputations told and that are remembered, should live come to them: the oldest go. */
  rememberedCorrections: 1000,
  /** Alerts and objects of them, and objects that are counted, that a backtest holds at once: with more it fails. */
  backtestHeld: 1_000_000,
  /** Milliseconds of event time a backtest goes on beyond its range for the end of what was raised in it. */
  backtestTailMs: 3_600_000,
} as const;

export type Limits = { readonly [L in keyof typeof limits]: number };
