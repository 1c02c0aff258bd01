/** RFC 9457 problem details with Adloop's stable code; `errors` lists every fault with its JSON pointer. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  instance?: string;
  errors?: { pointer: string; code: string; detail: string }[];
}
