// Resumable sessions over each transport, and over all of them in turn, with Node's `fetch` and `ws` over HTTP/1.1 or Node's `http2`:
// `URL PID VERSION HELD WEBSOCKET`. VERSION is 1 or 2, HELD how many seconds a long poll is held, WEBSOCKET 0 where what is in
// between knows none over this version.
'use strict';

const { url, pid, check, equal, textOf } = require('./checks.js');
const { sessionClient } = require('./session.js');
const http2 = require('./http2.js');

const [version, held, webSockets] = process.argv.slice(4).map(Number);
const address = `${url}/session`;
// Something that collected a response would do so for longer than a message takes.
const PROMPT = 2000;
const ODD = ['', 'two\nlines', '\u001ebegins with a separator', '\u001e\u001e', 'κόσμε, 世界, 🪢', ' a space', textOf(70000)];

// The client on a connection of its own, where the version has such a thing.
async function opened(body) {
  const connection = version === 2 ? await http2.connect(url, webSockets === 1) : null;
  const { Session } = sessionClient(connection ? http2.interfaces(connection) : { fetch, WebSocket: require('ws') });
  try {
    await body(new Session(address));
  } finally {
    connection?.destroy();
  }
}

// Sends, and waits for the echo of it all.
async function echoes(session, texts) {
  const before = session.inbox.length;
  for (const text of texts) session.send(text);
  await session.until(() => session.inbox.length >= before + texts.length);
  texts.forEach((text, i) => equal(session.inbox[before + i], text, `echo ${i}`));
}

async function prompt(what, promise) {
  const began = Date.now();
  await promise;
  const took = Date.now() - began;
  equal(took < PROMPT, true, `whether ${what} came promptly, after ${took} ms,`);
}

async function gone(session) {
  equal((await session.end()).status, 204, 'the status of a DELETE');
  await session.poll().then(
    (status) => Promise.reject(new Error(`a poll after the end is answered with ${status}`)),
    (error) => equal(error.message, 'a poll is answered with 404', 'what came of a poll after the end'),
  );
}

const webSocket = () =>
  opened(async (session) => {
    const carrier = await session.webSocket();
    equal(carrier.socket.protocol, 'bowline.v1', 'the subprotocol');
    await echoes(session, ODD);
    session.send('AAH/', 'binary');
    await session.until(() => session.inbox.includes('binary AAH/'));
    await session.until(() => session.unacked.length === 0);
    // A client that goes away without a word finds all in its place.
    carrier.socket.close();
    await session.webSocket();
    await echoes(session, ['after a break']);
    equal(session.inbox.length, ODD.length + 2, 'the number of messages');
    await gone(session);
  });

const comet = () =>
  opened(async (session) => {
    const carrier = await session.comet();
    equal(carrier.seen[0].kind, 'open', 'the first event');
    for (const text of ODD) await prompt('an echo', echoes(session, [text]));
    carrier.leave();
    await session.comet();
    await echoes(session, ['after a break']);
    equal(session.inbox.length, ODD.length + 1, 'the number of messages');
    await gone(session);
  });

const longPolling = () =>
  opened(async (session) => {
    equal(await session.poll(20), 200, 'the status of the first poll');
    const began = Date.now();
    const polling = session.poll(20);
    let early = true;
    polling.finally(() => (early = Date.now() - began < held * 1000));
    await new Promise((resolve) => setTimeout(resolve, held * 1000));
    session.send('held');
    await prompt('the answer to a held poll', polling);
    equal(early, false, 'whether it was answered before there was anything');
    equal(session.inbox.join(), 'held', 'what it brought');
    // Which of two comes first at the server can't be told; the other is superseded.
    const polls = [session.poll(20), session.poll(20)];
    await prompt('the answer to one of two polls', Promise.race(polls));
    session.send('for the other');
    equal((await Promise.all(polls)).sort().join(), '200,204', 'the statuses of two polls at once');
    await gone(session);
  });

const polling = () =>
  opened(async (session) => {
    equal(await session.poll(), 200, 'the status of the first poll');
    equal(await session.poll(), 204, 'the status of one without anything');
    for (const text of ODD) session.send(text);
    while (session.inbox.length < ODD.length) await session.poll();
    equal(session.inbox.join('|'), ODD.join('|'), 'the echoes');
    await gone(session);
  });

// From one transport to the next while messages are on their way, both directions: each once, in order; and a room with it.
const moves = () =>
  opened(async (session) => {
    const ways = { webSocket: () => session.webSocket(), comet: () => session.comet(), longPolling: () => session.poll(20), polling: () => session.poll() };
    if (!webSockets) delete ways.webSocket;
    const sent = [];
    const came = () => session.inbox.filter((text) => !/^(joined|published) /.test(text)).length;
    session.send('{"room":"moving"}', 'join');
    for (let turn = 0; turn < 24; turn++) {
      const names = Object.keys(ways);
      const way = names[(turn * 5 + (turn >> 2)) % names.length];
      const moving = ways[way]();
      for (let i = 0; i < 20; i++) session.send(sent[sent.push(`${sent.length} ${textOf((sent.length * 7) % 300)}`) - 1]);
      session.send(JSON.stringify({ room: 'moving', text: `turn ${turn}` }), 'publish');
      await moving;
      // A part of it, so that the rest is under way when it moves on.
      const part = sent.length - 12;
      if (way.endsWith('olling')) while (came() < part) await ways[way]();
      else await session.until(() => came() >= part);
    }
    const all = sent.length + 25;
    while (session.inbox.length < all || session.published.length < 24) await session.poll(2);
    equal(await session.poll(0.2), 204, 'the status of a poll after everything');
    equal(session.inbox.filter((text) => /^\d/.test(text)).join('|') === sent.join('|'), true, 'whether each came once, in order,');
    equal(session.inbox.length, all, 'the number of records');
    equal(session.published.map((text) => text.split(' ').slice(2).join(' ')).join(), sent.slice(0, 24).map((_, turn) => `turn ${turn}`).join(), 'the publications');
    equal(session.gaps.join(), '', 'gaps');
    await gone(session);
  });

// Over HTTP/2, where curl doesn't see the answer; sessions_curl.py does it over HTTP/1.1.
async function huge() {
  const connection = await http2.connect(url, false);
  for (const length of [{ 'content-length': 100 << 20 }, {}]) {
    const opened = await http2.interfaces(connection).fetch(address, { headers: { 'Bowline-Session': 'new' } });
    const [, secret] = /"session":"([^"]*)"/.exec(await opened.text());
    const headers = { 'bowline-session': secret, 'content-type': 'text/event-stream' };
    const stream = connection.request({ ':method': 'POST', ':path': '/session', ...headers, ...length }, { endStream: false });
    stream.on('error', () => {});
    const answered = new Promise((resolve) => stream.on('response', resolve));
    const chunk = Buffer.alloc(1 << 16, 'x');
    const feed = (left) => left > 0 && !stream.destroyed && stream.write(chunk, () => feed(left - chunk.length));
    feed(100 << 20);
    equal((await answered)[':status'], 413, 'the status');
    stream.close();
  }
  connection.destroy();
}

const drained = () =>
  opened(async (session) => {
    const carrier = await (webSockets ? session.webSocket() : session.comet());
    process.kill(pid, 'SIGTERM');
    await session.until(() => carrier.closed);
    if (!webSockets) return;
    equal(carrier.closed.code, 1012, 'the close code');
    equal(/^retry=\d+$/.test(carrier.closed.reason), true, 'whether the reason says when to come back');
  });

async function main() {
  if (webSockets) await check('a WebSocket, and another after a break', webSocket);
  await check('Comet: events as they come, and from where it broke off', comet);
  await check(`a long poll, held for ${held} s`, longPolling);
  await check('polling', polling);
  await check('one session over all of them in turn, and a room with it', moves);
  if (version === 2) await check('100 MB are refused', huge);
  await check('SIGTERM ends a carrier', drained);
  console.log('done');
}

main().then(() => process.exit());
