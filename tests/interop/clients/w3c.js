// Checks by the WebSocket interface of the HTML Standard. One function without anything from outside, so that a browser's
// page can run it too; each result is a name and what was wrong with it, or null.
'use strict';

async function w3cChecks({ url, deflate, sizes, closeCodes, maxMessage, WebSocket }) {
  const Socket = WebSocket ?? globalThis.WebSocket;
  const results = [];

  const check = async (name, body) => {
    let timer;
    const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error('took longer than 20 s')), 20000)));
    const wrong = await Promise.race([body(), late]).then(() => null, (error) => String(error.message ?? error));
    clearTimeout(timer);
    results.push([name, wrong]);
  };
  const equal = (got, want, what) => {
    if (got !== want) throw new Error(`${what} is ${String(got).slice(0, 60)}, not ${String(want).slice(0, 60)}`);
  };
  const fill = (size, byte) => Uint8Array.from({ length: size }, (_, i) => byte(i));
  // As `textOf` and `bytesOf` of checks.js: neither repeats itself, or `max_inflate_ratio` would refuse it.
  const bytesOf = (size, state = 2463534242) =>
    fill(size, () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state & 255;
    });
  const textOf = (size) => new TextDecoder('latin1').decode(bytesOf(size).map((byte) => 33 + (byte % 94)));

  const open = (protocols) =>
    new Promise((resolve, reject) => {
      const socket = new Socket(url, protocols);
      socket.binaryType = 'arraybuffer';
      socket.inbox = [];
      socket.wake = () => {};
      socket.onmessage = ({ data }) => socket.inbox.push(data) && socket.wake();
      socket.gone = new Promise((closed) => (socket.onclose = (event) => closed(event) || socket.wake()));
      socket.onopen = () => resolve(socket);
      socket.onerror = () => reject(new Error('the connection failed'));
    });
  const next = async (socket) => {
    while (socket.inbox.length === 0) {
      if (socket.readyState === Socket.CLOSED) throw new Error('closed before a message came');
      await new Promise((resolve) => (socket.wake = resolve));
    }
    return socket.inbox.shift();
  };
  const same = (got, want) => {
    if (typeof want === 'string') return equal(got, want, 'the echo');
    const [left, right] = [new Uint8Array(got), want];
    equal(left.length, right.length, 'the length of the echo');
    if (left.some((byte, i) => byte !== right[i])) throw new Error('the echo has other bytes');
  };
  const hangUp = async (socket, code = 1000, reason = '') => {
    socket.close(code, reason);
    const event = await socket.gone;
    equal(event.code, code, 'the answered code');
    equal(event.wasClean, true, 'wasClean');
  };
  const echoes = async (...messages) => {
    const socket = await open();
    equal(socket.extensions.startsWith('permessage-deflate'), deflate, 'whether deflate is on');
    equal(socket.protocol, '', 'the subprotocol');
    for (const message of messages) socket.send(message);
    for (const message of messages) same(await next(socket), message);
    await hangUp(socket);
  };
  const tooLong = async () => {
    const socket = await open();
    socket.onerror = () => {};
    socket.send(new Uint8Array(maxMessage + 1));
    const event = await socket.gone;
    equal(event.code, 1009, 'the close code');
  };
  const bare = async () => {
    const socket = await open();
    socket.close();
    const event = await socket.gone;
    equal(event.code, 1005, 'the answered code');
    equal(event.wasClean, true, 'wasClean');
  };
  const undemanded = async () => {
    const socket = await new Promise((resolve) => {
      const asked = new Socket(url, ['chat.v1']);
      asked.onclose = asked.onopen = (event) => resolve({ asked, type: event.type });
    });
    // The server picks none; whether that fails the connection is the client's affair (browsers connect).
    if (socket.type === 'open') equal(socket.asked.protocol, '', 'the subprotocol');
    socket.asked.close();
  };

  for (const size of sizes) {
    await check(`text of ${size} bytes`, () => echoes(textOf(size)));
    await check(`binary of ${size} bytes`, () => echoes(bytesOf(size)));
  }
  await check('text beyond ASCII', () => echoes('κόσμε, 世界, 🪢', '\u0000\u007f\u0080\u07ff\uffff'));
  await check('200 messages under way', () =>
    echoes(...Array.from({ length: 200 }, (_, i) => (i % 2 ? textOf(17 * i) : bytesOf(13 * i)))),
  );
  await check('the same message again and again', () => echoes(...Array(50).fill('again '.repeat(100))));
  for (const code of closeCodes.filter((code) => code === 1000 || code >= 3000)) {
    await check(`close ${code} is answered with ${code}, cleanly`, async () => hangUp(await open(), code, 'a reason'));
  }
  await check('close without a code, cleanly', bare);
  await check('a message one byte too long is refused with 1009', tooLong);
  await check('an offered subprotocol is left out', undemanded);
  return results;
}

// Opens a connection and says, once it has ended, with what: the caller ends the server in between, when `opened` is called.
async function w3cLastConnection({ url, WebSocket, opened }) {
  const socket = new (WebSocket ?? globalThis.WebSocket)(url);
  return new Promise((resolve) => {
    socket.onopen = () => socket.send('before');
    socket.onmessage = () => opened();
    socket.onclose = ({ code, wasClean }) => resolve({ code, wasClean });
  });
}

module.exports = { w3cChecks, w3cLastConnection };
