import { STATUS_CODES } from 'node:http';
import type { EdgeResponse } from '../message';

/** What may stand in a header's value: anything else would end the header and begin another. */
const VALUE = /^[\t -~\x80-\xff]*$/;

let dateSecond = 0;
let dateText = '';

/** Date of a response (RFC 9110), made once a second. */
function httpDate(nowMs: number): string {
  const second = Math.floor(nowMs / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(nowMs).toUTCString();
  }
  return dateText;
}

/**
 * Status line and headers of an answer, blank line included.
 * @throws TypeError when a header's value holds a control character
 */
export function headText(answer: EdgeResponse, bodyBytes: number, keepAlive: boolean): string {
  let text = `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? 'Unknown'}\r\n`;
  const { headers } = answer;
  for (const name in headers) {
    const value = headers[name];
    if (!VALUE.test(value)) throw new TypeError(`header ${name} holds what no header may`);
    text += `${name}: ${value}\r\n`;
  }
  if (answer.status !== 204) text += `content-length: ${bodyBytes}\r\n`;
  return `${text}date: ${httpDate(Date.now())}\r\nconnection: ${keepAlive ? 'keep-alive' : 'close'}\r\n\r\n`;
}

/** A refusal by the server itself, after which the connection closes. */
export const refusalText = (status: number): string =>
  `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`;
