/** An API server that has its answers ready: `node server.mjs PODS LATENCY_MS`. Prints its address and the bytes that it holds. */
import { createServer } from 'node:http';
import { pagesOf } from './estate.mjs';

const [pods, latency] = process.argv.slice(2).map(Number);
const lists = pagesOf(pods);
const bytes = [...lists.values()].flat().reduce((sum, page) => sum + page.length, 0);
const json = (response, status, body) => {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
};
const text = (value) => Buffer.from(JSON.stringify(value));

const server = createServer((request, response) => {
  request.resume();
  const url = new URL(request.url ?? '/', 'http://bench');
  const pages = lists.get(url.pathname);
  const answer = () => {
    if (pages) return json(response, 200, pages[Number(url.searchParams.get('continue') ?? '0')]);
    if (url.pathname === '/version')
      return json(response, 200, text({ gitVersion: 'v1.33.0', major: '1', minor: '33' }));
    if (/^\/(?:api|apis)\b/.test(url.pathname) && request.method === 'GET' && url.searchParams.has('limit'))
      return json(response, 200, text({ kind: 'List', metadata: { resourceVersion: '1' }, items: [] }));
    json(response, 404, text({ kind: 'Status', status: 'Failure', reason: 'NotFound', code: 404 }));
  };
  if (latency > 0) setTimeout(answer, latency);
  else answer();
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port} ${bytes}\n`));
