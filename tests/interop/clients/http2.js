// WebSockets (RFC 8441) and `fetch` over one connection of HTTP/2, by Node's `http2`; `ws` reads and writes the frames.
'use strict';

const http2 = require('node:http2');
const { once } = require('node:events');
const { Receiver, Sender } = require('ws');
const { equal } = require('./checks.js');

// `webSockets`: whether the other end must take them.
async function connect(url, webSockets = true) {
  const connection = http2.connect(url);
  connection.on('error', () => {});
  const [settings] = await once(connection, 'remoteSettings');
  if (webSockets) equal(settings.enableConnectProtocol, true, 'SETTINGS_ENABLE_CONNECT_PROTOCOL');
  return connection;
}

function ask(connection, url, headers = {}) {
  const { host, pathname, search } = new URL(url);
  const stream = connection.request(
    { ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':authority': host, ':path': pathname + search, 'sec-websocket-version': '13', ...headers },
    { endStream: false },
  );
  stream.on('error', () => {});
  return stream;
}

// A WebSocket on a stream of its own: `ws` does the framing, the rest is the client's.
async function dial(connection, url, headers = {}) {
  const stream = ask(connection, url, headers);
  const [answer] = await once(stream, 'response');
  equal(answer[':status'], 200, 'the status');
  const socket = { stream, answer, inbox: [], wake: () => {} };
  const receiver = new Receiver({ isServer: false, maxPayload: 0 });
  const sender = new Sender(stream);
  receiver.on('message', (data, binary) => socket.inbox.push(binary ? data : data.toString()) && socket.wake());
  receiver.on('ping', (data) => sender.pong(data, true));
  receiver.on('pong', (data) => socket.inbox.push(data) && socket.wake());
  socket.closed = new Promise((resolve) => receiver.on('conclude', (code, reason) => resolve({ code, reason: reason.toString() })));
  stream.pipe(receiver);
  const done = () => {};
  socket.send = (data) => sender.send(data, { binary: typeof data !== 'string', mask: true, fin: true }, done);
  socket.ping = (data) => sender.ping(data, true, done);
  socket.close = (code) => sender.close(code, 'a reason', true, done);
  socket.next = async () => {
    while (socket.inbox.length === 0) await new Promise((resolve) => (socket.wake = resolve));
    return socket.inbox.shift();
  };
  return socket;
}

// What session.js needs of the Web's interfaces, on this connection.
function interfaces(connection) {
  const fetch = async (url, { method = 'GET', headers = {}, body, signal } = {}) => {
    const { host, pathname, search } = new URL(url);
    const stream = connection.request({ ':method': method, ':authority': host, ':path': pathname + search, ...headers }, { endStream: body === undefined });
    stream.on('error', () => {});
    signal?.addEventListener('abort', () => stream.close(http2.constants.NGHTTP2_CANCEL));
    if (body !== undefined) stream.end(body);
    const [answer] = await once(stream, 'response');
    const text = async () => Buffer.concat(await stream.toArray()).toString();
    return { status: answer[':status'], headers: { get: (name) => answer[name.toLowerCase()] ?? null }, text, body: stream };
  };
  class WebSocket {
    readyState = 0;

    constructor(url, protocols) {
      this.open(url.replace('ws', 'http'), { 'sec-websocket-protocol': protocols.join(', ') }).catch(() => this.onclose({ code: 1006, reason: '' }));
    }

    async open(url, headers) {
      const socket = await dial(connection, url, headers);
      Object.assign(this, { readyState: 1, protocol: socket.answer['sec-websocket-protocol'], send: socket.send });
      this.close = (code = 1000) => socket.close(code);
      socket.closed.then((event) => this.onclose(event, (this.readyState = 3), socket.stream.end()));
      for (;;) this.onmessage({ data: await socket.next() });
    }
  }
  return { fetch, WebSocket };
}

module.exports = { connect, ask, dial, interfaces };
