// A client of resumable sessions (crates/core/PROTOCOL.md), over whatever `fetch` and `WebSocket` it is given. One function without
// anything from outside, so that a browser's page can run it too.
'use strict';

function sessionClient({ WebSocket, fetch } = globalThis) {
  const SEPARATOR = '\u001e';
  // What has no place in the direct stream, and isn't counted on a WebSocket.
  const PLACELESS = ['open', 'ack', 'from', 'gap', 'presence', 'superseded'];
  // When an end acknowledges at the latest: so many records, so many milliseconds after the first.
  const [ACK_RECORDS, ACK_WITHIN] = [64, 200];

  // An event, without the empty line at its end. One of comments alone has no data.
  const parse = (text) => {
    const event = { kind: 'message', data: null };
    for (const line of text.split('\n')) {
      const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line);
      if (name === 'data') event.data = event.data === null ? value : `${event.data}\n${value}`;
      else if (name === 'event') event.kind = value;
      else if (name) event[name] = value;
    }
    return event;
  };
  const lines = ({ kind, data }) => [...(kind === 'message' ? [] : [`event: ${kind}`]), ...data.split('\n').map((line) => `data: ${line}`)].join('\n');
  const base64 = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)));

  const place = (room, position) => ({ room, epoch: position.slice(0, 22), offset: Number(position.slice(23)) });

  // The frames of one WebSocket: which event each is, and which each record becomes. Numbers are counted, each way.
  const frames = () => {
    let count = 0;
    let counted = 0;
    // A binary publication is two messages: its place, and what it says.
    let place = null;
    const read = (data) => {
      if (typeof data !== 'string') {
        const event = { kind: 'binary', data: base64(data), ...(place ?? { id: ++count }) };
        place = null;
        return event;
      }
      if (data[0] !== SEPARATOR || data[1] === SEPARATOR) return { kind: 'message', data: data.replace(SEPARATOR, ''), id: ++count };
      const publication = /^.(\d+)\.(\d+)(?: (.*))?$/s.exec(data);
      if (!publication) return numbered(parse(data.slice(1)));
      const [, number, offset, text] = publication;
      if (text !== undefined) return { kind: 'message', data: text, number, offset };
      place = { number, offset };
      return { data: null };
    };
    const numbered = (event) => {
      if (event.kind === 'open') ({ from: count, ack: counted } = JSON.parse(event.data));
      if (event.kind === 'from') count = Number(event.data);
      return PLACELESS.includes(event.kind) ? event : { ...event, id: ++count };
    };
    const message = ({ kind, data }) => {
      if (kind === 'binary') return Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
      if (kind !== 'message') return SEPARATOR + lines({ kind, data });
      return data.startsWith(SEPARATOR) ? SEPARATOR + data : data;
    };
    // The answer to a POST may have said since `open` that the server has more.
    const write = (record) => {
      const jump = record.number === counted + 1 ? [] : [`${SEPARATOR}event: from\ndata: ${record.number - 1}`];
      counted = record.number;
      return [...jump, message(record)];
    };
    return { read, write };
  };

  class Session {
    // `inbox` has the direct records that came, `published` the publications, each as `room offset data`.
    constructor(url) {
      Object.assign(this, { url, secret: null, sent: 0, got: 0, unacked: [], inbox: [], rooms: new Map(), published: [], gaps: [] });
      Object.assign(this, { carrier: null, posting: false, failure: null, waiting: [] });
    }

    headers(more) {
      const places = [...this.rooms].map(([number, { offset }]) => `${number}.${offset}`);
      const cursor = this.secret ? { 'Bowline-Cursor': [this.got, ...places].join(' ') } : {};
      return { 'Bowline-Session': this.secret ?? 'new', ...cursor, ...more };
    }

    send(data, kind = 'message') {
      const record = { number: ++this.sent, kind, data };
      this.unacked.push(record);
      if (this.carrier?.opened) this.carrier.write([record]);
      return record.number;
    }

    // Waits until `holds`, which is asked after each event.
    async until(holds) {
      while (!holds()) {
        if (this.failure) throw this.failure;
        await new Promise((wake) => this.waiting.push(wake));
      }
    }

    changed(failure = null) {
      this.failure ??= failure;
      this.waiting.splice(0).forEach((wake) => wake());
    }

    // What comes on a carrier from before is dropped: it comes again on this one.
    attach(carrier) {
      const before = this.carrier;
      this.carrier = { opened: false, ...carrier, seen: [], leaveBefore: () => before?.leave() };
      return this.carrier;
    }

    take(event, carrier) {
      if (carrier !== this.carrier || event.data === null) return;
      carrier.seen.push(event);
      const { kind, data } = event;
      if (kind === 'open') this.opened(JSON.parse(data), carrier);
      else if (kind === 'ack') this.acknowledged(Number(data));
      else if (kind === 'gap') this.gap(JSON.parse(data));
      else if (!PLACELESS.includes(kind)) this.placed(event, carrier);
      this.changed();
    }

    opened({ session, ack }, carrier) {
      this.secret ??= session;
      this.acknowledged(ack);
      carrier.opened = true;
      carrier.leaveBefore();
      if (this.unacked.length > 0) carrier.write(this.unacked);
    }

    acknowledged(number) {
      this.unacked = this.unacked.filter((record) => record.number > number);
    }

    placed(event, carrier) {
      if (event.number || !/^\d+$/.test(event.id)) this.publication(event);
      else this.direct(Number(event.id), event);
      carrier.acknowledge?.();
    }

    direct(id, { kind, data }) {
      if (id <= this.got) return;
      if (id !== this.got + 1) throw new Error(`the record ${id} came after ${this.got}`);
      this.got = id;
      this.inbox.push(kind === 'message' ? data : `${kind} ${data}`);
      const { number, room, position } = kind === 'joined' ? JSON.parse(data) : {};
      if (number) this.rooms.set(String(number), place(room, position));
    }

    publication({ id, number, offset, kind, data }) {
      const room = number ? this.rooms.get(number) : [...this.rooms.values()].find(({ epoch }) => epoch === id.slice(0, 22));
      const at = Number(offset ?? id.slice(23));
      if (at <= room.offset) return;
      room.offset = at;
      this.published.push(`${room.room} ${at} ${kind === 'message' ? data : `${kind} ${data}`}`);
    }

    gap({ room, from, to, reason, number }) {
      this.gaps.push(`${room} ${reason} ${from} ${to}`);
      const [old] = [...this.rooms].find(([, { room: name }]) => name === room);
      this.rooms.delete(old);
      this.rooms.set(String(number ?? old), place(room, to));
    }

    // Counts what came towards the next acknowledgement, which `say` says.
    acknowledging(say) {
      let since = 0;
      let timer = null;
      const acknowledge = () => {
        clearTimeout(timer);
        since = 0;
        timer = null;
        say();
      };
      return () => (++since >= ACK_RECORDS ? acknowledge() : (timer ??= setTimeout(acknowledge, ACK_WITHIN)));
    }

    // Past the browser's cache, which lets a second request for an address wait until the first is answered.
    get(query, headers = {}, signal = undefined) {
      return fetch(this.url + query, { headers: this.headers(headers), cache: 'no-store', signal });
    }

    async webSocket() {
      const { read, write } = frames();
      const socket = new WebSocket(this.url.replace('http', 'ws'), ['bowline.v1', ...(this.secret ? [`bowline.session.${this.secret}`] : [])]);
      socket.binaryType = 'arraybuffer';
      const carrier = this.attach({ socket, leave: () => socket.close(), write: (records) => records.flatMap(write).forEach((message) => socket.send(message)) });
      carrier.acknowledge = this.acknowledging(() => socket.readyState === 1 && socket.send(`${SEPARATOR}event: ack\ndata: ${this.headers()['Bowline-Cursor']}`));
      socket.onmessage = ({ data }) => this.guard(() => this.take(read(data), carrier));
      socket.onerror = () => {};
      socket.onclose = ({ code, reason }) => {
        carrier.closed = { code, reason };
        this.changed();
      };
      await this.until(() => carrier.opened || carrier.closed);
      if (!carrier.opened) throw new Error(`the WebSocket was closed with ${carrier.closed.code} before it was open`);
      return carrier;
    }

    async comet() {
      const abort = new AbortController();
      const carrier = this.attach({ leave: () => abort.abort(), write: () => this.post() });
      carrier.acknowledge = this.acknowledging(() => carrier === this.carrier && this.guard(() => this.request('')));
      const answer = await this.get('', { Accept: 'text/event-stream' }, abort.signal);
      if (answer.status !== 200) throw new Error(`Comet is answered with ${answer.status}`);
      carrier.ended = this.read(answer.body, carrier).catch((error) => abort.signal.aborted || this.changed(error));
      await this.until(() => carrier.opened);
      return carrier;
    }

    async read(body, carrier) {
      const decoder = new TextDecoder();
      let rest = '';
      for await (const chunk of body) {
        const events = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
        rest = events.pop();
        for (const event of events) this.take(parse(event), carrier);
      }
      carrier.closed = true;
      this.changed();
    }

    // Long polling with `wait`, polling without: the status of the answer.
    async poll(wait = 0) {
      const carrier = this.attach({ opened: this.secret !== null, leave: () => {}, write: () => this.post() });
      if (carrier.opened) carrier.leaveBefore();
      const answer = await this.get(`?wait=${wait}`);
      if (answer.status === 200) for (const event of (await answer.text()).split('\n\n').slice(0, -1)) this.take(parse(event), carrier);
      else if (answer.status !== 204) throw new Error(`a poll is answered with ${answer.status}`);
      carrier.closed = true;
      return answer.status;
    }

    // Posts what isn't acknowledged, one request after another, for as long as the carrier isn't a WebSocket.
    async post() {
      if (this.posting) return;
      this.posting = true;
      await this.guard(async () => {
        while (this.unacked.length > 0 && this.carrier && !this.carrier.socket) {
          await this.request(this.unacked.slice(0, 256).map((record) => `id: ${record.number}\n${lines(record)}\n\n`).join(''));
        }
        // In the same breath as the condition, or what is sent right now would be left lying.
        this.posting = false;
      });
    }

    async request(body) {
      const answer = await fetch(this.url, { method: 'POST', headers: this.headers({ 'Content-Type': 'text/event-stream' }), body });
      const text = await answer.text();
      if (answer.status !== 200) throw new Error(`a POST is answered with ${answer.status}: ${text}`);
      this.acknowledged(Number(parse(text.trimEnd()).data));
      this.changed();
    }

    async guard(body) {
      try {
        await body();
      } catch (error) {
        this.changed(error);
      }
    }

    // What failed was the way, and another carrier is tried.
    goOn() {
      this.failure = null;
      this.posting = false;
    }

    end(options = {}) {
      this.carrier = null;
      return fetch(this.url, { method: 'DELETE', headers: this.headers(), ...options });
    }
  }

  return { Session, parse, lines };
}

module.exports = { sessionClient };
