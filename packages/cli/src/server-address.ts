/** A server as the libraries want it: `host:port`, `[v6]:port`, or `unix:/path` for what begins with a slash. */
export function serverAddress(host: string, port: number | string): string {
  if (host.startsWith('/')) return `unix:${host}`;
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
