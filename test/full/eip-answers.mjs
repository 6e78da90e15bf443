// Runs inside a network namespace of the lab. eip-answers.mjs RATE URL=ANSWER…: asks each URL RATE times a second over a
// new connection, until SIGTERM; then prints by URL { total, failed, wrong }. Wrong = another answer than that.
import http from 'node:http';

/** Every request is two connections, its own and the app's: a lost SYN of either is sent again after 1 s, then 3 s. */
const ANSWER_MS = 4500;

const [rate, ...pairs] = process.argv.slice(2);
const seen = {};
let open = 0;
let ending = false;

function ask(url, wanted) {
  const counts = (seen[url] ??= { total: 0, failed: 0, wrong: 0 });
  open += 1;
  let settled = false;
  const done = (outcome) => {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    request.destroy();
    open -= 1;
    counts.total += 1;
    if (outcome !== 'right') counts[outcome] += 1;
    if (ending && open === 0) print();
  };
  const timer = setTimeout(() => done('failed'), ANSWER_MS);
  const request = http.get(url, { agent: false }, (response) => {
    let body = '';
    response.on('data', (chunk) => (body += chunk));
    response.on('error', () => done('failed'));
    // The app says "failed" when its own question got no answer: that is no wrong address.
    response.on('end', () =>
      done(body.trim() === wanted ? 'right' : body.includes('failed') || body === '' ? 'failed' : 'wrong'),
    );
  });
  request.on('error', () => done('failed'));
}

const print = () => process.stdout.write(`${JSON.stringify(seen)}\n`, () => process.exit(0));

const timers = pairs.map((pair, index) => {
  const [url, wanted] = pair.split('=');
  // Not all of them at the same moment.
  return setTimeout(
    () => timers.push(setInterval(() => ask(url, wanted), 1000 / Number(rate))),
    (index * 1000) / Number(rate) / pairs.length,
  );
});
process.on('SIGTERM', () => {
  ending = true;
  timers.forEach((timer) => clearInterval(timer));
  if (open === 0) print();
});
