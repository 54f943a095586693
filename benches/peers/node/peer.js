// The servers of node ws that are measured beside Bowline, as its documentation writes them:
//
//     node peer.js echo|broadcast --listen ADDR
//
// One process, without compression, with the backlog of the other peers; `TCP_NODELAY` is ws's own doing. The first line on
// standard output is `listening on ADDR`.
'use strict';

const { WebSocket, WebSocketServer } = require('ws');

const BACKLOG = 4096;

const PEERS = {
  echo: (socket) => (data, binary) => socket.send(data, { binary }),
  // Every path is the same room, and the sender is in it.
  broadcast: (_socket, clients) => (data, binary) => {
    for (const client of clients) {
      if (client.readyState === WebSocket.OPEN) client.send(data, { binary });
    }
  },
};

function usage() {
  console.error('usage: node peer.js echo|broadcast --listen ADDR');
  process.exit(2);
}

const [name, flag, address] = process.argv.slice(2);
const listen = /^\[?([^\]]+)\]?:(\d+)$/.exec(address ?? '');
if (!Object.hasOwn(PEERS, name ?? '') || flag !== '--listen' || !listen) usage();

const [, host, port] = listen;
const server = new WebSocketServer({ host, port: Number(port), backlog: BACKLOG, perMessageDeflate: false });
server.on('connection', (socket) => {
  // Load generators just hang up: that ends a connection and not the server.
  socket.on('error', () => {});
  socket.on('message', PEERS[name](socket, server.clients));
});
server.on('error', (error) => {
  console.error(`peer.js: ${name} on ${address}: ${error.message}`);
  process.exit(1);
});
server.on('listening', () => {
  const { address: ip, family, port: bound } = server.address();
  console.log(`listening on ${family === 'IPv6' ? `[${ip}]` : ip}:${bound}`);
});
