/** Request line and headers of one HTTP/1.x request, as far as the server acts on them. */
export interface RequestHead {
  method: string;
  path: string;
  query: string;
  /** Names in lower case; a name that came twice has its values joined by ', '. */
  headers: Readonly<Record<string, string>>;
  /** Bytes of the body; `chunked` when only the body itself says. */
  bodyBytes: number | 'chunked';
  keepAlive: boolean;
  expectsContinue: boolean;
}

/** A head that is not answered but refused, and the connection closed: whoever sent it may mean something else by what follows. */
export interface HeadFault {
  status: 400 | 417 | 501 | 505;
}

/** Method, target in origin or absolute form, version. */
const REQUEST_LINE = /^([A-Z]{3,16}) ([!-~]+) HTTP\/(1\.[01]|\d\.\d)$/;
/** RFC 9112: no blank before the colon, no folded lines, no control characters but the tab. */
const HEADER_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*$/;
const DIGITS = /^\d{1,12}$/;
const ORIGIN = /^https?:\/\/[^/?#]*/i;
const MAX_HEADERS = 100;

export const isFault = (head: RequestHead | HeadFault): head is HeadFault => 'status' in head;

/**
 * Reads a head without its closing blank line. Everything that two servers could read differently (RFC 9112, section 11.2) is refused: both
 * lengths, two lengths, an encoding that is not exactly `chunked`, bare line feeds, folded lines, blanks before a colon.
 */
export function parseHead(text: string): RequestHead | HeadFault {
  const lines = text.split('\r\n');
  const start = REQUEST_LINE.exec(lines[0]);
  if (start === null || lines.length > MAX_HEADERS + 1) return { status: 400 };
  const [, method, target, version] = start;
  if (version !== '1.1' && version !== '1.0') return { status: 505 };
  const headers = Object.create(null) as Record<string, string>;
  for (let at = 1; at < lines.length; at += 1) {
    const line = HEADER_LINE.exec(lines[at]);
    if (line === null) return { status: 400 };
    const name = line[1].toLowerCase();
    if (name in headers) {
      if (name === 'content-length' || name === 'transfer-encoding' || name === 'host') return { status: 400 };
      headers[name] = `${headers[name]}, ${line[2]}`;
    } else headers[name] = line[2];
  }
  if (version === '1.1' && headers['host'] === undefined) return { status: 400 };
  const bodyBytes = bodyBytesOf(headers, version);
  if (typeof bodyBytes === 'object') return bodyBytes;
  const expects = headers['expect']?.toLowerCase();
  if (expects !== undefined && expects !== '100-continue') return { status: 417 };
  const url = target.replace(ORIGIN, '') || '/';
  const mark = url.indexOf('?');
  return {
    method,
    path: mark < 0 ? url : url.slice(0, mark),
    query: mark < 0 ? '' : url.slice(mark + 1),
    headers,
    bodyBytes,
    keepAlive: keepsAlive(headers['connection'], version),
    expectsContinue: expects !== undefined && version === '1.1',
  };
}

function bodyBytesOf(headers: Readonly<Record<string, string>>, version: string): number | 'chunked' | HeadFault {
  const length = headers['content-length'];
  const encoding = headers['transfer-encoding'];
  if (encoding === undefined) {
    if (length === undefined) return 0;
    return DIGITS.test(length) ? Number(length) : { status: 400 };
  }
  if (length !== undefined || version === '1.0') return { status: 400 };
  return encoding.toLowerCase() === 'chunked' ? 'chunked' : { status: 501 };
}

function keepsAlive(connection: string | undefined, version: string): boolean {
  const wishes = connection?.toLowerCase() ?? '';
  if (wishes.includes('close')) return false;
  return version === '1.1' || wishes.includes('keep-alive');
}
