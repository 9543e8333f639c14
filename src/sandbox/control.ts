import { isObject, type Json, type JsonObject, numberAt, textAt } from '../model/json.js';
import type { HttpRequest, HttpResponse } from './contract.js';
import { readFault } from './faults.js';
import type { Sandbox } from './sandbox.js';
import { nodeSchema } from './scenario-schema.js';
import type { Settings } from './settings.js';

/**
 * The sandbox's own endpoints, under `/_sandbox/`:
 * `GET|DELETE calls` · `GET|DELETE rights` (what callers limited by `--authorise` were asked for) · `GET|POST|DELETE faults` · `POST kill {pid, write, when}` · `GET|POST settings` · `POST reset` ·
 * `POST join` (a node as scenarios write it) ·
 * `GET identity?namespace=&pod=` (without pod: all of the namespace; without both: all) · `GET state` (canonical) · `GET health`.
 */
export const control = (sandbox: Sandbox, request: HttpRequest, path: string): HttpResponse => {
  const url = new URL(request.url);
  const asked = `${request.method} ${path}`;
  switch (asked) {
    case 'GET /health':
      return json({ ok: true, scenario: sandbox.scenario.title, cluster: sandbox.scenario.cluster.name });
    case 'GET /calls': {
      const writes = url.searchParams.get('write');
      const calls = sandbox.faults.calls.filter((call) => writes === null || String(call.write) === writes);
      return json(calls as unknown as Json);
    }
    case 'DELETE /calls':
      sandbox.faults.forget();
      return json({ ok: true });
    case 'GET /rights':
      return json(sandbox.rights.used as unknown as Json);
    case 'DELETE /rights':
      sandbox.rights.forget();
      return json({ ok: true });
    case 'GET /faults':
      return json(sandbox.faults.pending() as unknown as Json);
    case 'POST /faults':
      return withBody(request, (body) => {
        const list = Array.isArray(body) ? body : [body];
        sandbox.faults.add(...list.filter(isObject).map(readFault));
        return json({ ok: true, faults: list.length });
      });
    case 'DELETE /faults':
      sandbox.faults.clear();
      return json({ ok: true });
    case 'POST /kill':
      return withBody(request, (body) => {
        const pid = numberAt(body, 'pid');
        const write = numberAt(body, 'write');
        const when = textAt(body, 'when') ?? 'before';
        if (
          pid === undefined ||
          pid <= 1 ||
          write === undefined ||
          write < 1 ||
          (when !== 'before' && when !== 'after')
        )
          return json({ error: 'give pid (a process), write (1, 2, …) and when (before or after)' }, 400);
        sandbox.faults.kill({ pid, write, when });
        return json({ ok: true });
      });
    case 'GET /settings':
      return json(sandbox.settings as unknown as Json);
    case 'POST /settings':
      return withBody(request, (body) => changeSettings(sandbox, isObject(body) ? body : {}));
    case 'POST /reset':
      sandbox.reset();
      return json({ ok: true });
    case 'POST /join':
      return withBody(request, (body) => {
        const read = nodeSchema.safeParse(body);
        if (!read.success) return json({ error: `no node: ${read.error.issues[0]?.message ?? ''}` }, 400);
        sandbox.join(read.data);
        return json({ ok: true });
      });
    case 'GET /identity': {
      const namespace = url.searchParams.get('namespace');
      const pod = url.searchParams.get('pod');
      if (namespace !== null && pod !== null) {
        const identity = sandbox.identityOf(namespace, pod);
        return identity === null
          ? json({ error: `no pod ${namespace}/${pod}` }, 404)
          : json(identity as unknown as Json);
      }
      return json(sandbox.identities(namespace ?? undefined) as unknown as Json);
    }
    case 'GET /state':
      return json(sandbox.canonical());
    default:
      return json({ error: `no such control: ${asked}` }, 404);
  }
};

const changeSettings = (sandbox: Sandbox, body: JsonObject): HttpResponse => {
  const settings = sandbox.settings as unknown as Record<string, unknown>;
  for (const [key, value] of Object.entries(body)) {
    if (key === 'webhook' && isObject(value)) {
      sandbox.cluster.setWebhook(value);
      continue;
    }
    if (key === 'timings' && isObject(value)) {
      sandbox.cluster.setTimings(value);
      continue;
    }
    const known = Object.hasOwn(settings, key) && typeof settings[key] === typeof value;
    if (!known) return json({ error: `no such setting: ${key}` }, 400);
    settings[key] = value as Settings[keyof Settings];
  }
  return json(sandbox.settings as unknown as Json);
};

const json = (value: Json, status = 200): HttpResponse => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: `${JSON.stringify(value)}\n`,
});

const withBody = (request: HttpRequest, act: (body: Json) => HttpResponse): HttpResponse => {
  try {
    return act((request.body === '' ? {} : JSON.parse(request.body)) as Json);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return json({ error: 'the body is not JSON' }, 400);
    throw thrown;
  }
};
