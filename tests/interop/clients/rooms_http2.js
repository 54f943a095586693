// WebSockets over HTTP/2 (RFC 8441) with Node's `http2`, whose streams `ws` reads and writes frames on: `URL PID`.
'use strict';

const { once } = require('node:events');
const WebSocketOverHttp1 = require('ws');
const { url, pid, check, equal, textOf, bytesOf } = require('./checks.js');
const { ask, connect, dial } = require('./http2.js');

const MANY = 500;

async function echoes() {
  const session = await connect(url);
  const socket = await dial(session, `${url}/echo`);
  equal(socket.answer['sec-websocket-accept'], undefined, 'Sec-WebSocket-Accept');
  for (const message of ['', 'x', textOf(70000), bytesOf(1 << 20), 'κόσμε, 世界, 🪢']) {
    socket.send(message);
    equal(await socket.next(), message, 'the echo');
  }
  socket.ping(Buffer.from('are you there'));
  equal((await socket.next()).toString(), 'are you there', 'the pong');
  // The server answers a close, and then ends the stream, not the connection.
  socket.close(4000);
  equal((await socket.closed).code, 4000, 'the answered code');
  socket.stream.end();
  await once(socket.stream, 'close');
  equal(session.destroyed, false, 'whether the connection went with it');
  session.destroy();
}

async function rooms() {
  const session = await connect(url);
  const members = [];
  for (let i = 0; i < 5; i++) members.push(await dial(session, `${url}/rooms/h2`));
  for (let i = 0; i < MANY; i++) members[i % members.length].send(`${i % members.length} ${i} ${textOf(i % 300)}`);
  const seen = [];
  for (const member of members) {
    const all = [];
    for (let i = 0; i < MANY; i++) all.push(await member.next());
    seen.push(all);
  }
  for (const all of seen) equal(all.join('\n') === seen[0].join('\n'), true, 'whether all saw one order');
  for (let by = 0; by < members.length; by++) {
    const own = seen[0].filter((message) => message.startsWith(`${by} `)).map((message) => Number(message.split(' ')[1]));
    equal(own.length, MANY / members.length, `the number of messages by ${by}`);
    equal(own.every((number, i) => i === 0 || number > own[i - 1]), true, `whether those of ${by} are in order`);
  }
  session.destroy();
}

// A member over HTTP/2 and one over HTTP/1.1 are in the same room; a POST and a poll share the connection.
async function besides() {
  const session = await connect(url);
  const member = await dial(session, `${url}/rooms/besides`);
  const old = new WebSocketOverHttp1(`${url.replace('http', 'ws')}/rooms/besides`);
  await once(old, 'open');
  member.send('from the stream');
  equal((await once(old, 'message'))[0].toString(), 'from the stream', 'what HTTP/1.1 heard');
  equal(await member.next(), 'from the stream', "the sender's copy");
  const post = session.request({ ':method': 'POST', ':path': '/rooms/besides' });
  post.end('posted');
  const [headers] = await once(post, 'response');
  equal(headers[':status'], 200, 'the status of the POST');
  equal(await member.next(), 'posted', 'what was posted');
  old.terminate();
  session.destroy();
}

async function refuses(path, headers, status) {
  const session = await connect(url);
  const [answer] = await once(ask(session, url + path, headers), 'response');
  equal(answer[':status'], status, 'the status');
  session.destroy();
}

async function drained() {
  const session = await connect(url);
  const member = await dial(session, `${url}/rooms/drain`);
  process.kill(pid, 'SIGTERM');
  const { code, reason } = await member.closed;
  equal(code, 1012, 'the close code');
  equal(/^retry=\d+$/.test(reason), true, 'whether the reason says when to come back');
  session.destroy();
}

async function main() {
  await check('echoes, a pong and a close on a stream', echoes);
  await check(`five members on one connection, ${MANY} messages`, rooms);
  await check('HTTP/1.1 and a POST in the same room', besides);
  await check('another origin, 403', () => refuses('/rooms/h2', { origin: 'http://elsewhere.example' }, 403));
  await check("another protocol, 501 or 400", async () => {
    const session = await connect(url);
    const [answer] = await once(ask(session, `${url}/rooms/h2`, { ':protocol': 'connect-udp' }), 'response');
    equal([400, 501].includes(answer[':status']), true, `whether ${answer[':status']} refuses it`);
    session.destroy();
  });
  await check('SIGTERM closes with 1012 and a time to come back', drained);
  console.log('done');
}

main().then(() => process.exit());
