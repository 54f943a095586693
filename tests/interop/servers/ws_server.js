// A server of node `ws` for our client: what it does depends on the path, see connect.py.
'use strict';

const http = require('node:http');
const { WebSocketServer } = require('ws');

const server = http.createServer();
const sockets = new WebSocketServer({
  noServer: true,
  perMessageDeflate: { threshold: 0 },
  handleProtocols: (offered) => (offered.has('chat.v2') ? 'chat.v2' : false),
});

// As LARGE of checks.py.
const LARGE = Array.from({ length: 200000 }, (_, i) => i).join(',').slice(0, 1 << 20);

const PATHS = {
  '/echo': (ws) => {
    ws.on('message', (data, binary) => ws.send(data, { binary }));
    ws.on('close', (code) => console.log(`closed ${code}`));
  },
  '/binary': (ws) => {
    ws.send(Buffer.from([0, 1, 0xfe, 0xff]));
    ws.send(Buffer.alloc(0));
    ws.close(1000);
  },
  '/fragments': (ws) => {
    ['one ', '', 'twö '].forEach((piece) => ws.send(piece, { fin: false }));
    ws.ping('between');
    ws.send('three', { fin: true });
    ws.close(1000);
  },
  '/ping': (ws) => {
    ws.on('pong', (payload) => {
      ws.send(payload.toString() === 'are you there' ? 'pong' : 'another pong');
      ws.close(1000);
    });
    ws.ping('are you there');
  },
  '/request': (ws, request) => {
    ws.send(`${request.headers['x-test']} ${ws.protocol || 'None'} ${ws.extensions || 'None'}`);
    ws.close(1000);
  },
  '/burst': (ws) => {
    for (let number = 0; number < 500; number++) ws.send(`${number} ${'again '.repeat(number % 50)}`);
    ws.close(1000);
  },
  '/large': (ws) => {
    ws.send(LARGE);
    ws.close(1000);
  },
  '/drop': (ws) => ws.terminate(),
};

server.on('upgrade', (request, socket, head) => {
  if (request.url === '/refuse') {
    socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 10\r\n\r\nnot today\n');
    return;
  }
  sockets.handleUpgrade(request, socket, head, (ws) => {
    ws.on('error', () => {});
    const code = request.url.match(/^\/close\/(\d+)$/)?.[1];
    if (code) ws.close(Number(code), 'a reason');
    else PATHS[request.url]?.(ws, request);
  });
});
server.listen(0, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${server.address().port}`));
