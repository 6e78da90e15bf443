// requests.mjs COUNT AT_ONCE URL…: asks every URL COUNT times, AT_ONCE at a time each and all of them in parallel, each
// time over a new connection, and prints by URL how often each answer came. "failed" is an answer like any other.
import http from 'node:http';

const [count, atOnce, ...urls] = process.argv.slice(2);

const ask = (url) =>
  new Promise((resolve) => {
    const request = http.get(url, { agent: false, timeout: 8000 }, (response) => {
      let body = '';
      response.on('data', (chunk) => (body += chunk));
      response.on('end', () => resolve(body.trim()));
      response.on('error', () => resolve('failed'));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve('failed'));
  });

const all = await Promise.all(
  urls.map(async (url) => {
    const seen = {};
    let left = Number(count);
    const worker = async () => {
      while (left > 0) {
        left -= 1;
        const answer = await ask(url);
        seen[answer] = (seen[answer] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: Number(atOnce) }, worker));
    return [url, seen];
  }),
);
process.stdout.write(JSON.stringify(Object.fromEntries(all)));
