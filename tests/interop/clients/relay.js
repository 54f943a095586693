// A way to the server that breaks.
'use strict';

const net = require('node:net');
const { once } = require('node:events');

// A TCP relay to the server, whose connections can be cut in the middle of whatever is on its way.
async function relay(url) {
  const target = new URL(url);
  const open = new Set();
  const server = net.createServer((near) => {
    const far = net.connect(target.port, target.hostname);
    for (const [from, to] of [[near, far], [far, near]]) {
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
    open.add(near);
    near.on('close', () => open.delete(near));
    server.accepted += 1;
  });
  server.accepted = 0;
  server.end = () => server.close() && server.cut();
  server.cut = () => open.forEach((socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.url = `http://127.0.0.1:${server.address().port}`;
  return server;
}

module.exports = { relay };
