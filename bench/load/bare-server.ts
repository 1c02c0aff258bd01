/**
 * The ceiling of edge.md: Node's own HTTP server that reads the body, parses it and answers a fixed bid of typical size.
 * argv[2]: port.
 */
import { createServer } from 'node:http';

const ANSWER = JSON.stringify({ id: 'x'.repeat(36), cur: 'USD', seatbid: [{ bid: [{ adm: 'm'.repeat(600) }] }] });

createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    if (request.method === 'POST') JSON.parse(Buffer.concat(chunks).toString('utf8'));
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(ANSWER) });
    response.end(ANSWER);
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
