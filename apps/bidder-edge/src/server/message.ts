/** One request as the edge sees it, with its whole body. */
export interface EdgeRequest {
  method: string;
  path: string;
  query: string;
  /** Header names in lower case. */
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: Buffer;
  /** Monotonic clock at the first line of the request, ms. */
  arrivedAtMs: number;
}

export interface EdgeResponse {
  status: number;
  headers: Record<string, string>;
  body: string | Buffer | null;
  /** Runs after the response was handed to the socket. */
  afterWrite?: () => void;
}

export type Handler = (request: EdgeRequest) => EdgeResponse | Promise<EdgeResponse>;
