/**
 * The proxy that the environment names for an address: HTTPS_PROXY or HTTP_PROXY in either case, unless NO_PROXY matches the
 * host (exact name, `.suffix`, `*.suffix`, `*`, with an optional port). Undefined for none.
 */
export const proxyFor = (url: string, env: Readonly<Record<string, string | undefined>>): string | undefined => {
  const { protocol, hostname, port } = new URL(url);
  const value = (name: string): string | undefined => env[name] ?? env[name.toLowerCase()];
  const proxy = protocol === 'https:' ? value('HTTPS_PROXY') : value('HTTP_PROXY');
  if (proxy === undefined || proxy === '') return undefined;
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const here = port === '' ? (protocol === 'https:' ? '443' : '80') : port;
  for (const raw of (value('NO_PROXY') ?? '').split(',')) {
    const rule = raw.trim().toLowerCase();
    if (rule === '') continue;
    if (rule === '*') return undefined;
    const match = /^(.*?)(?::(\d+))?$/.exec(rule);
    const name = (match?.[1] ?? rule).replace(/^\*?\./, '.');
    if (match?.[2] !== undefined && match[2] !== here) continue;
    if (host === name || host === name.replace(/^\./, '') || host.endsWith(name.startsWith('.') ? name : `.${name}`))
      return undefined;
  }
  return proxy;
};
