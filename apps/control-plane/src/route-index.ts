import type { FastifyInstance } from 'fastify';

export interface Route {
  method: string;
  /** Pattern as registered, e.g. `/api/v1/campaigns/:campaignId`. */
  pattern: string;
}

/** Every route that the HTTP server really has, collected while Nest registers them. HEAD twins of GET are left out. */
export class RouteIndex {
  private readonly entries: { route: Route; matcher: RegExp }[] = [];

  /** Listens to `fastify`; call before the application is initialised. */
  collectFrom(fastify: FastifyInstance): void {
    fastify.addHook('onRoute', ({ method, url }) => {
      for (const one of [method].flat()) this.add(one, url);
    });
  }

  add(method: string, pattern: string): void {
    if (method === 'HEAD' || method === 'OPTIONS') return;
    this.entries.push({ route: { method, pattern }, matcher: matcherOf(pattern) });
  }

  routes(): Route[] {
    return this.entries.map(({ route }) => route);
  }

  /** Methods registered for a concrete path, sorted; empty = the path is unknown. */
  methodsOf(path: string): string[] {
    const methods = this.entries.filter(({ matcher }) => matcher.test(path)).map(({ route }) => route.method);
    return [...new Set(methods)].sort();
  }
}

function matcherOf(pattern: string): RegExp {
  const escaped = pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:[A-Za-z0-9_]+/g, '[^/]+');
  return new RegExp(`^${escaped}/?$`);
}
