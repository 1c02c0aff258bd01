import type { EdgeFacts } from '../edge-facts';
import { LIMITS, problemResponse, serve, type Handler, type RunningServer } from '../server';
import { adminRoutes } from './admin-routes';

/** Opens the admin port. `onThrown` counts and logs a programmer error; who asked gets a 500. @throws EADDRINUSE */
export function serveAdmin(
  facts: EdgeFacts,
  metrics: () => string,
  onThrown: (error: unknown) => void,
): Promise<RunningServer> {
  const { adminHost: host, adminPort: port } = facts.config;
  const fallback = (error: unknown) => {
    onThrown(error);
    return problemResponse(500, 'INTERNAL_ERROR', 'the edge could not tell; its log has the error');
  };
  const answer = adminRoutes(facts, metrics);
  const { refresh } = facts;
  const handler: Handler = refresh === null ? answer : (request) => refresh().then(() => answer(request));
  return serve(handler, fallback, { ...LIMITS, host, port });
}
