// What is measured: a load for the generator, the servers it is put on, and the figures that are read off it.

const ms = (value) => value.toPrecision(3);
function rate(value) {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)}M`;
  return value >= 1e4 ? `${(value / 1e3).toPrecision(3)}k` : value.toFixed(0);
}
const micro = (value) => value.toPrecision(3);
const bytes = (value) => (value >= 10_000 ? `${(value / 1000).toPrecision(3)} kB` : `${value.toFixed(0)} B`);

// A figure: where it stands in the generator's report, and how it is shown. `ratio`: shown against the ceiling's.
const figure = {
  last: { title: "last subscriber has it, p50 ms", of: (report) => report.lastArrivalMs.p50, show: ms, ratio: true },
  lastP99: { title: "p99 ms", of: (report) => report.lastArrivalMs.p99, show: ms },
  p50: { title: "latency p50 ms", of: (report) => report.latencyMs.p50, show: ms },
  p99: { title: "latency p99 ms", of: (report) => report.latencyMs.p99, show: ms, ratio: true },
  p999: { title: "p99.9 ms", of: (report) => report.latencyMs.p999, show: ms },
  max: { title: "max ms", of: (report) => report.latencyMs.max, show: ms },
  cpu: { title: "CPU a delivery, µs", of: (report) => report.cpuMicrosecondsPerDelivery, show: micro, ratio: true },
  deliveries: { title: "deliveries/s", of: (report) => report.deliveriesPerSecond, show: rate, ratio: true },
  connects: { title: "connections/s", of: (report) => report.connectsPerSecond, show: rate, ratio: true },
  connectCpu: { title: "CPU a connection, µs", of: (report) => report.cpuMicrosecondsPerConnect, show: micro },
  memory: { title: "memory a subscriber", of: (report) => report.memoryBytesPerSubscriber, show: bytes },
  memoryMB: { title: "memory MB", of: (report) => report.memoryBytes / 1e6, show: (value) => value.toFixed(0) },
  threads: { title: "threads", of: (report) => report.threads, show: String },
  publishP50: { title: "publish p50 ms", of: (report) => report.publishMs.p50, show: ms },
  publishP99: { title: "publish p99 ms", of: (report) => report.publishMs.p99, show: ms, ratio: true },
  seconds: { title: "seconds until all have all", of: (report) => report.seconds, show: ms, ratio: true },
};

// Over the wire, with what frames it.
const bytesEach = {
  title: "bytes a delivery",
  of: (report) => (report.megabytesReceived * 1e6) / report.deliveries,
  show: bytes,
};

const memoryEach = { ...figure.memory, ratio: true };
const megabytes = { title: "MB", of: (report) => report.megabytesReceived, show: (value) => value.toPrecision(3) };
const cpuSeconds = { title: "CPU s", of: (report) => report.cpuSeconds, show: (value) => value.toPrecision(3) };
const handshakes = {
  title: "handshakes/s",
  of: (report) => report.handshakesPerSecond ?? 0,
  show: (value) => (value > 0 ? rate(value) : "–"),
};

const peers = ["ceiling", "millrace", "nchan", "better_sse"];
// Without the one that, at some 30,000 deliveries a second, is far from keeping up with 500 events/s: no figures.
const fastPeers = peers.filter((name) => name !== "better_sse");

function fanout(subscribers, rate_, seconds) {
  return {
    name: `fanout-${subscribers}`,
    title: `Fan-out to ${subscribers.toLocaleString("en")} subscribers, ${rate_} events/s`,
    subscribers,
    load: ["--subscribers", subscribers, "--rate", rate_, "--seconds", seconds],
    servers: subscribers <= 1000 ? [...peers, "thread_per_stream"] : peers,
    figures: [figure.last, figure.lastP99, figure.p50, figure.p99, figure.cpu],
    chart: figure.last,
  };
}

function compressed(dataBytes) {
  return {
    name: `gzip-${dataBytes}`,
    title: `Fan-out to 1,000 subscribers, 20 events/s of ${dataBytes.toLocaleString("en")} bytes`,
    subscribers: 1000,
    load: ["--subscribers", 1000, "--rate", 20, "--seconds", 2, "--data-bytes", dataBytes],
    servers: ["ceiling", "millrace", "millrace_gzip"],
    // Not when all have it: the one process that reads for all would be decompressing.
    figures: [bytesEach, figure.cpu],
    chart: bytesEach,
  };
}

function throughput(name, title, load, servers = peers) {
  return {
    name: `throughput-${name}`,
    title: `1,000 subscribers, ${title}`,
    subscribers: 1000,
    load: ["--subscribers", 1000, "--seconds", 2.5, ...load],
    servers,
    figures: [figure.deliveries, figure.p50, figure.p99, figure.cpu],
    chart: figure.deliveries,
  };
}

function addressed(name, title, load, servers) {
  return {
    name: `addressed-${name}`,
    title: `10,000 topics of one subscriber each, ${title}`,
    subscribers: 10_000,
    load: ["--subscribers", 10_000, "--topics", 10_000, "--rate", 0, "--seconds", 2.5, ...load],
    servers,
    figures: [figure.deliveries, figure.p50, figure.p99, figure.cpu],
    chart: figure.deliveries,
  };
}

// A topic for each publisher, since a topic's events come one after the other.
function acknowledged(name, title, load) {
  return {
    name: `acknowledged-${name}`,
    title: `Publishing over HTTP with a store, ${title}`,
    subscribers: 256,
    load: ["--subscribers", 256, "--topics", 256, "--rate", 0, "--seconds", 4, "--window", 10_000_000, ...load],
    servers: ["millrace", "millrace_files", "millrace_sqlite"],
    base: "millrace",
    figures: [figure.deliveries, figure.p50, figure.p99, figure.cpu],
    chart: figure.deliveries,
  };
}

// Strangers with patterns that take in all of a topic's segments but the last, in every combination of wildcards; and
// those that have the whole log, of as many events as it holds, looked through for such patterns, anew every second.
function wildcards(seconds) {
  return {
    name: "wildcards",
    title: "100 subscribers, 200 events/s, and strangers with 64 patterns each",
    subscribers: 5000,
    load: ["--subscribers", 100, "--rate", 200, "--seconds", seconds, "--topic-prefix", "a/b/c/", "--fill", 100_000],
    servers: ["millrace", "millrace_strangers", "millrace_replays"],
    base: "millrace",
    figures: [figure.publishP50, figure.publishP99, figure.p50, figure.p99, figure.memoryMB],
    chart: figure.p99,
  };
}

// Beside Millrace whose loops answer, one in which a worker answers each request, as with a logger or an authorizer.
const peersAndWorkers = ["ceiling", "millrace", "millrace_by_workers", "nchan", "better_sse"];

const fast = ["--rate", 0, "--window", 256, "--pipeline", 32];
const posts = ["--window", 10_000_000, "--publishers", 8, "--pipeline", 8];
const inside = ["--publishers", 0, "--trigger", "/inside?topics=10000&events=100000", "--expect", 100_000];

/** 10,000 subscribers that get no events; the first figure is drawn. */
const unpublished = (name, title, figures, load = []) => ({
  name,
  title,
  subscribers: 10_000,
  load: ["--subscribers", 10_000, "--publishers", 0, ...load],
  servers: peers,
  figures,
  chart: figures[0],
});

// One process that connects is slower than a server on two cores that accepts. With few on their way at a time, what is
// measured is how long a sleeping processor takes to wake up.
function connecting(atATime) {
  return unpublished(
    `connect-${atATime}`,
    `Connecting 10,000 subscribers, ${atATime.toLocaleString("en")} at a time`,
    [figure.connects, figure.connectCpu],
    ["--processes", 2, "--connect-window", atATime / 2],
  );
}

/** By the name that `./run bench` takes. */
export const scenarios = {
  fanout: [fanout(1000, 10, 3), fanout(10_000, 3, 4), fanout(18_000, 2, 4)],
  gzip: [compressed(120), compressed(1000), compressed(8000)],
  throughput: [
    throughput("100", "100 events/s", ["--rate", 100]),
    throughput("500", "500 events/s", ["--rate", 500], fastPeers),
    throughput("fast", "as fast as it goes", fast),
  ],
  idle: [unpublished("idle", "10,000 idle subscribers", [figure.memory, figure.threads])],
  connect: [connecting(1024), connecting(256)],
  addressed: [
    addressed("post", "one HTTP POST an event", posts, peersAndWorkers),
    addressed("batch", "NDJSON batches of 100 events", [...posts, "--batch", 100], ["millrace"]),
    addressed("inside", "published from inside the program", inside, ["ceiling", "millrace"]),
  ],
  acknowledged: [
    acknowledged("post", "256 publishers with one event a request", ["--publishers", 256]),
    acknowledged("batch", "64 publishers with 64 events a request", ["--publishers", 64, "--batch", 64]),
  ],
  tls: [
    {
      ...fanout(10_000, 3, 4),
      name: "tls-fanout",
      title: "Fan-out to 10,000 subscribers, 3 events/s, in the clear and over TLS",
      servers: ["millrace", "millrace_tls", "millrace_tls_handshakes"],
      base: "millrace",
      figures: [figure.last, figure.p50, figure.p99, figure.cpu, handshakes],
      chart: figure.cpu,
    },
    {
      ...unpublished("tls-idle", "10,000 idle subscribers and their handshakes, in the clear and over TLS", [
        figure.memory,
        figure.connects,
        figure.connectCpu,
      ]),
      servers: ["millrace", "millrace_tls", "millrace_tls_resumed"],
      base: "millrace",
    },
    {
      ...fanout(10_000, 3, 4),
      name: "tls-http2-fanout",
      title: "Fan-out to 10,000 subscribers over HTTP/2 and TLS, 100 on a connection, 3 events/s",
      servers: ["millrace_http2", "nchan_http2"],
      base: "millrace_http2",
      chart: figure.cpu,
    },
    {
      ...unpublished("tls-http2-idle", "10,000 idle subscribers over HTTP/2 and TLS, 100 on a connection", [
        memoryEach,
      ]),
      servers: ["millrace_http2", "nchan_http2"],
      base: "millrace_http2",
    },
  ],
  wildcards: [wildcards(4)],
  conflate: [
    {
      name: "conflate",
      title: "1,000 subscribers of 10 topics each, 100,000 updates/s of 10,000 topics",
      subscribers: 1000,
      load: ["--subscribers", 1000, "--topics", 10_000, "--topics-each", 10, "--seconds", 4, "--rate", 100_000].concat([
        "--publishers",
        8,
        "--batch",
        100,
      ]),
      servers: ["millrace", "millrace_conflated"],
      base: "millrace",
      figures: [figure.deliveries, megabytes, figure.p50, figure.p99, cpuSeconds],
      chart: figure.p99,
    },
  ],
  streams: [
    {
      name: "streams",
      title: "1,000 request-scoped streams, 50 tokens/s each",
      subscribers: 1000,
      load: ["--subscribers", 1000, "--topics", 1000, "--subscribe-path", "/tokens", "--publishers", 0].concat([
        "--trigger",
        "/start?rate=50&events=200",
        "--expect",
        200_000,
      ]),
      servers: ["ceiling", "millrace"],
      figures: [figure.p50, figure.p99, figure.p999, figure.max, figure.cpu],
      chart: figure.p99,
    },
  ],
  resume: [
    {
      name: "resume",
      title: "5,000 subscribers come back at once, 1,000 events behind",
      subscribers: 5000,
      load: ["--subscribers", 5000, "--behind", 1000],
      servers: ["ceiling", "millrace"],
      figures: [figure.seconds, figure.deliveries, figure.cpu],
      chart: figure.seconds,
    },
  ],
};
