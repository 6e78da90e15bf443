// Runs inside a network namespace of the lab, started by test/full/traffic.ts. Modes:
//   load ADDRESS PORT RATE   opens RATE new TCP connections a second, asks each for /ip; prints { total, failed, unserved }
//                            and, by the clock, when the first and the last that failed were begun (firstFailed,
//                            lastFailed). One that lost a single packet has failed; of these, unserved are those that
//                            a patient client did not get an answer by either
//   hold ADDRESS PORT        holds one TCP connection, ten bytes a second; prints { answers, longestGapMs, alive }
//   answer PORT              the other end of `hold`
// Each ends at SIGTERM, and prints its line of JSON then.
import net from 'node:net';

/** Shorter than the first retransmission of a SYN (1 s, RFC 6298): one that is lost counts. */
const HANDSHAKE_MS = 900;
/** The services behind share a busy machine; a slow answer is no lost packet. */
const ANSWER_MS = 5000;

const [mode = '', ...rest] = process.argv.slice(2);
let result = () => ({});
process.on('SIGTERM', () => void stop());
let stop = async () => {
  process.stdout.write(`${JSON.stringify(result())}\n`, () => process.exit(0));
};

/** A client that waits for the retransmissions after 1 and 3 s. */
const PATIENT_MS = 5000;

/** Judges only after all that has arrived meanwhile was seen: this process may have been kept waiting itself. */
const after = (ms, judge) => setTimeout(() => setImmediate(() => setImmediate(judge)), ms);

/** `done(failed, unserved)` */
function connection(host, port, done) {
  const socket = net.connect({ host, port });
  let open = false;
  let late = false;
  let settled = false;
  const end = (ok) => {
    if (settled) return;
    settled = true;
    [handshake, patience, answer].forEach(clearTimeout);
    // Reset, so that no TIME_WAIT is left at the other end: the gateway draws source ports at random, and would meet
    // one of thousands, which answers a new SYN by an ACK instead (RFC 9293, 3.6.1).
    socket.resetAndDestroy();
    done(!ok || late, !ok);
  };
  const handshake = after(HANDSHAKE_MS, () => (late = !open));
  const patience = after(PATIENT_MS, () => open || end(false));
  const answer = after(PATIENT_MS + ANSWER_MS, () => end(false));
  socket.on('connect', () => {
    open = true;
    socket.write('GET /ip HTTP/1.0\r\n\r\n');
  });
  socket.on('data', () => end(true));
  socket.on('error', () => end(false));
  socket.on('close', () => end(false));
}

function load(host, port, rate) {
  const seen = { total: 0, failed: 0, unserved: 0, firstFailed: null, lastFailed: null };
  let open = 0;
  const began = performance.now();
  let started = 0;
  const timer = setInterval(() => {
    // What was due while this process was kept waiting is not made up for: that would be a burst.
    const due = Math.floor(((performance.now() - began) * rate) / 1000);
    for (let n = 0; n < Math.min(due - started, 3); n += 1) {
      open += 1;
      const begun = Date.now();
      connection(host, port, (failed, unserved) => {
        open -= 1;
        seen.total += 1;
        seen.unserved += Number(unserved);
        if (!failed) return;
        seen.failed += 1;
        seen.firstFailed = Math.min(seen.firstFailed ?? begun, begun);
        seen.lastFailed = Math.max(seen.lastFailed ?? begun, begun);
      });
    }
    started = due;
  }, 5);
  result = () => seen;
  const print = stop;
  stop = async () => {
    clearInterval(timer);
    while (open > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    await print();
  };
}

function hold(host, port) {
  const socket = net.connect({ host, port });
  let answers = 0;
  let last = performance.now();
  let longest = 0;
  let alive = true;
  const gap = () => (longest = Math.max(longest, performance.now() - last));
  socket.on('data', () => {
    gap();
    last = performance.now();
    answers += 1;
  });
  socket.on('error', () => (alive = false));
  socket.on('close', () => (alive = false));
  setInterval(() => alive && socket.write('x'), 100);
  result = () => {
    gap();
    return { answers, longestGapMs: Math.round(longest), alive: alive && performance.now() - last < 3000 };
  };
}

const answer = (port) => net.createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(port);

if (mode === 'load') load(rest[0], Number(rest[1]), Number(rest[2]));
else if (mode === 'hold') hold(rest[0], Number(rest[1]));
else answer(Number(rest[0]));
