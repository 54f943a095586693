// The client of node `ws` against our echo server: `URL PID DEFLATE`.
'use strict';

const { once } = require('node:events');
const WebSocket = require('ws');
const { MAX_MESSAGE, SIZES, CLOSE_CODES, url, pid, deflate, check, equal, textOf, bytesOf } = require('./checks.js');

async function dial(options = {}) {
  const socket = new WebSocket(url, options.subprotocols ?? [], { perMessageDeflate: deflate, maxPayload: 0, ...options });
  // What arrives is kept until it is asked for; an error is always followed by a close.
  socket.inbox = [];
  socket.on('message', (data, binary) => socket.inbox.push(binary ? data : data.toString()) && socket.emit('arrived'));
  await once(socket, 'open');
  socket.on('error', () => {});
  socket.gone = new Promise((resolve) => socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() })));
  return socket;
}

async function next(socket) {
  while (socket.inbox.length === 0) {
    const closed = await Promise.race([once(socket, 'arrived').then(() => null), socket.gone]);
    if (closed && socket.inbox.length === 0) throw new Error(`closed with ${closed.code} before a message came`);
  }
  return socket.inbox.shift();
}

async function echoes(messages, options) {
  const socket = await dial(options);
  for (const message of messages) {
    socket.send(message);
    equal(await next(socket), message, 'the echo');
  }
  await hangUp(socket);
}

async function hangUp(socket) {
  socket.close(1000);
  equal((await socket.gone).code, 1000, 'the answered code');
}

async function pipelined() {
  const socket = await dial();
  const messages = Array.from({ length: 200 }, (_, i) => (i % 2 ? textOf(17 * i) : bytesOf(13 * i)));
  for (const message of messages) socket.send(message);
  for (const message of messages) equal(await next(socket), message, 'the echo');
  await hangUp(socket);
}

async function fragments() {
  const socket = await dial();
  const pieces = Array.from({ length: 16 }, (_, i) => bytesOf(1 << i));
  const ponged = once(socket, 'pong');
  pieces.forEach((piece, i) => {
    socket.send(piece, { fin: i === pieces.length - 1, binary: true });
    if (i === 7) socket.ping('between');
  });
  equal(await next(socket), Buffer.concat(pieces), 'the echo');
  equal((await ponged)[0].toString(), 'between', 'the pong');
  await hangUp(socket);
}

async function ping() {
  const socket = await dial();
  for (const payload of [Buffer.alloc(0), Buffer.from('x'), bytesOf(125)]) {
    const ponged = once(socket, 'pong');
    socket.ping(payload);
    equal((await ponged)[0], payload, 'the payload');
  }
  await hangUp(socket);
}

async function closes(code, reason) {
  const socket = await dial();
  socket.close(code, reason);
  equal((await socket.gone).code, code ?? 1005, 'the answered code');
}

async function refuses(message, options, code) {
  const socket = await dial();
  socket.send(message, options);
  equal((await socket.gone).code, code, 'the close code');
  equal(socket.inbox.length, 0, 'the number of echoes');
}

async function negotiates(parameters) {
  const socket = await dial({ perMessageDeflate: { threshold: 0, ...parameters } });
  equal(socket.extensions, 'permessage-deflate', 'the extension');
  const again = 'again '.repeat(100);
  for (const message of [again, again, '', textOf(70000), bytesOf(70000), again, Buffer.alloc(0)]) {
    socket.send(message, { compress: true });
    equal(await next(socket), message, 'the echo');
  }
  await hangUp(socket);
}

async function declined() {
  const socket = await dial({ perMessageDeflate: true });
  equal(socket.extensions, '', 'the extensions');
  await hangUp(socket);
}

async function goingAway() {
  const socket = await dial();
  socket.send('before');
  equal(await next(socket), 'before', 'the echo');
  process.kill(pid, 'SIGTERM');
  equal((await socket.gone).code, 1001, 'the close code');
}

async function deflateChecks() {
  const sets = [
    {},
    { serverNoContextTakeover: true },
    { clientNoContextTakeover: true },
    { serverNoContextTakeover: true, clientNoContextTakeover: true },
    { serverMaxWindowBits: 9 },
    { clientMaxWindowBits: 9 },
    { serverMaxWindowBits: 10, clientMaxWindowBits: 12 },
  ];
  for (const set of sets) await check(`deflate with ${JSON.stringify(set)}`, () => negotiates(set));
  await check('no deflate where none is offered', () => echoes(['plain'], { perMessageDeflate: false }));
}

async function main() {
  for (const size of SIZES) {
    await check(`text of ${size} bytes`, () => echoes([textOf(size)]));
    await check(`binary of ${size} bytes`, () => echoes([bytesOf(size)]));
  }
  await check('text beyond ASCII', () => echoes(['κόσμε, 世界, 🪢']));
  await check('200 messages under way', pipelined);
  await check('fragments with a ping between them', fragments);
  await check('pings are answered with their payload', ping);
  for (const code of CLOSE_CODES) await check(`close ${code} is answered with ${code}`, () => closes(code, 'a reason'));
  await check('close without a code', () => closes());
  await check('text that is not UTF-8 is refused with 1007', () => refuses(Buffer.from([0xce, 0xba, 0xff]), { binary: false }, 1007));
  await check('a message one byte too long is refused with 1009', () => refuses(bytesOf(MAX_MESSAGE + 1), {}, 1009));
  if (deflate) await deflateChecks();
  else await check('an offer of deflate is declined', declined);
  await check('SIGTERM closes with 1001', goingAway);
  console.log('done');
}

main();
