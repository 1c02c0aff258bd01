import type { EdgeRequest, EdgeResponse, Handler } from './message';

/** The handler's answer, or the fallback's to what it throws, now or later: what both servers do with a request. */
export function answerOf(
  handler: Handler,
  fallback: (error: unknown) => EdgeResponse,
  request: EdgeRequest,
): EdgeResponse | Promise<EdgeResponse> {
  try {
    const answer = handler(request);
    return answer instanceof Promise ? answer.catch(fallback) : answer;
  } catch (error) {
    return fallback(error);
  }
}
