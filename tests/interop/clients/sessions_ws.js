// The client of node `ws` in resumable sessions: `URL PID`.
'use strict';

const { once } = require('node:events');
const WebSocket = require('ws');
const { url, pid, check, equal, textOf, bytesOf } = require('./checks.js');
const { sessionClient } = require('./session.js');
const { relay } = require('./relay.js');

const { Session, parse } = sessionClient({ fetch, WebSocket });
const address = `${url}/session`;
const SEPARATOR = '\u001e';
const MESSAGES = ['', 'x', 'two\nlines', SEPARATOR, `${SEPARATOR}begins with a separator`, textOf(70000), bytesOf(70000), 'κόσμε, 世界, 🪢'];
const MANY = 1000;

// A bare WebSocket, whose frames are the test's affair.
async function dial(secret = null) {
  const socket = new WebSocket(address.replace('http', 'ws'), ['bowline.v1', ...(secret ? [`bowline.session.${secret}`] : [])], { perMessageDeflate: false, maxPayload: 0 });
  socket.inbox = [];
  socket.on('message', (data, binary) => socket.inbox.push(binary ? data : data.toString()) && socket.emit('arrived'));
  socket.gone = new Promise((resolve) => socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() })));
  await once(socket, 'open');
  socket.on('error', () => {});
  equal(socket.protocol, 'bowline.v1', 'the subprotocol');
  const first = parse((await next(socket)).slice(1));
  equal(first.kind, 'open', 'the first event');
  socket.about = JSON.parse(first.data);
  return socket;
}

// The next frame but for acknowledgements, which come when they come.
async function next(socket) {
  for (;;) {
    while (socket.inbox.length === 0) {
      const closed = await Promise.race([once(socket, 'arrived').then(() => null), socket.gone]);
      if (closed && socket.inbox.length === 0) throw new Error(`closed with ${closed.code} before a message came`);
    }
    const frame = socket.inbox.shift();
    if (!String(frame).startsWith(`${SEPARATOR}event: ack\n`)) return frame;
  }
}

async function echoes() {
  const socket = await dial();
  const escaped = MESSAGES.map((message) => (message[0] === SEPARATOR ? SEPARATOR + message : message));
  for (const message of escaped) socket.send(message);
  for (const message of escaped) equal(await next(socket), message, 'the echo');
  socket.close(1000);
  equal((await socket.gone).code, 1000, 'the answered code');
}

async function superseded() {
  const first = await dial();
  const second = await dial(first.about.session);
  equal((await first.gone).code, 4001, 'the close code');
  equal(second.about.session, undefined, 'the secret in `open` of a session that there is');
  second.send('still here');
  equal(await next(second), 'still here', 'the echo');
  second.terminate();
}

async function garbage() {
  for (const frame of [SEPARATOR, `${SEPARATOR}1.1 published`, `${SEPARATOR}event: nothing\ndata: x`, `${SEPARATOR}event: ack\ndata: 7`]) {
    const socket = await dial();
    socket.send(frame);
    equal((await socket.gone).code, 4002, 'the close code');
    equal(await status(socket.about.session), 404, 'the status afterwards');
  }
}

// The status of a handshake for a session that has ended. One that comes before the server has forgotten it is closed.
async function status(secret) {
  for (;;) {
    const socket = new WebSocket(address.replace('http', 'ws'), ['bowline.v1', `bowline.session.${secret}`]);
    socket.on('error', () => {});
    const refused = once(socket, 'unexpected-response').then(([, answer]) => answer.statusCode);
    const closed = once(socket, 'close').then(() => null);
    const answered = await Promise.race([refused, closed]);
    socket.terminate();
    if (answered) return answered;
  }
}

async function rooms() {
  const [ann, bob] = [new Session(address), new Session(address)];
  for (const member of [ann, bob]) {
    await member.webSocket();
    member.send('{"room":"ws"}', 'join');
    await member.until(() => member.rooms.size === 1);
  }
  ann.send('{"room":"ws","text":"two\\nlines"}', 'publish');
  ann.send('{"room":"ws","base64":"AAH/"}', 'publish');
  for (const member of [ann, bob]) {
    await member.until(() => member.published.length === 2);
    equal(member.published.map((text) => text.replace(/ \d+ /, ' ')).join(), 'ws two\nlines,ws binary AAH/', 'what was published');
  }
  // From a log that isn't there any more: one gap, then what is.
  const late = new Session(address);
  await late.webSocket();
  late.send(`{"room":"ws","after":"${'A'.repeat(22)}-1"}`, 'join');
  await late.until(() => late.gaps.length === 1);
  equal(late.gaps[0].startsWith(`ws epoch ${'A'.repeat(22)}-1 `), true, `whether ${late.gaps[0]} tells of it`);
  for (const member of [ann, bob, late]) await member.end();
}

// The way breaks again and again, wherever it happens to; each time the session goes on by something else.
async function cut() {
  const way = await relay(url);
  const session = new Session(`${way.url}/session`);
  await session.poll();
  const cutting = setInterval(way.cut, 17);
  try {
    const sent = [];
    for (let turn = 0; sent.length < MANY; turn++) {
      for (let i = 0; i < 20; i++) session.send(sent[sent.push(`${sent.length} ${textOf((sent.length * 7) % 300)}`) - 1]);
      try {
        await [() => session.webSocket(), () => session.comet(), () => session.poll(0.01)][turn % 3]();
        await session.until(() => session.carrier.closed);
      } catch {
        session.goOn();
      }
    }
    clearInterval(cutting);
    session.post();
    while (session.inbox.length < MANY || session.unacked.length > 0) await session.poll(1);
    equal(session.inbox.join('|') === sent.join('|'), true, 'whether each came once, in order,');
    await session.end();
  } finally {
    clearInterval(cutting);
    way.end();
  }
}

async function drained() {
  const socket = await dial();
  process.kill(pid, 'SIGTERM');
  const { code, reason } = await socket.gone;
  equal(code, 1012, 'the close code');
  equal(/^retry=\d+$/.test(reason), true, 'whether the reason says when to come back');
}

async function main() {
  await check('texts, bytes, and what begins with a separator, echoed', echoes);
  await check('4001 when another carrier comes', superseded);
  await check('4002 for what can\'t be read', garbage);
  await check('rooms: join, publish, a gap', rooms);
  await check(`${MANY} messages over carriers that are cut, each once and in order`, cut);
  await check('SIGTERM closes with 1012 and a time to come back', drained);
  console.log('done');
}

main().then(() => process.exit());
