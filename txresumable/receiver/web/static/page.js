// Uploads what is dropped on the page to the URL of the page, a chunk a request.
'use strict';

const {names, permanent} = JSON.parse(document.documentElement.dataset.protocol);
const CHUNK = 1024 * 1024;
const AT_ONCE = 4;
// In milliseconds. A request that has not moved for so long is sent again over another connection.
const PATIENCE = 30_000;
const MOST_PATIENCE = 600_000;
const DELAY = 1_000;
const MOST_DELAY = 60_000;

const uploads = new Map();
const unfinished = new Set();
const counts = {'': 0, waiting: 0, sending: 0, paused: 0, completed: 0, failed: 0};
const $ = (id) => document.getElementById(id);

let active = 0;
let timer = 0;

class Upload {
  constructor(file, path) {
    this.file = file;
    this.path = path;
    // A file that was changed is another one; one that is chosen again is the same.
    this.identifier = `${file.size}-${file.lastModified}-${path}`;
    this.count = Math.max(1, Math.ceil(file.size / CHUNK));
    this.state = '';
  }

  // Begin, or go on: the receiver says what it has.
  start() {
    this.row ??= new Row(this);
    this.stored = new Set();
    this.storedBytes = 0;
    this.firstAbsent = 1;
    this.listedUpTo = 0;
    this.requests = new Map();
    this.failures = 0;
    this.retryAt = 0;
    this.set('waiting', 'Waiting');
  }

  get isActive() {
    return this.state === 'waiting' || this.state === 'sending';
  }

  set(state, text) {
    counts[this.state]--;
    counts[state]++;
    this.state = state;
    if (this.isActive) {
      unfinished.add(this);
    } else {
      unfinished.delete(this);
    }
    this.row.show(state, text);
    summarize();
  }

  end(state, text) {
    this.set(state, text);
    for (const request of this.requests.values()) {
      request.abort();
    }
    this.requests = new Map();
    fill();
  }

  // The next chunk to ask for or to send, or nothing.
  next(now) {
    if (now < this.retryAt) {
      return null;
    }
    if (this.state === 'waiting') {
      return this.requests.size ? null : {method: 'GET', number: 1};
    }
    while (this.stored.has(this.firstAbsent)) {
      this.firstAbsent++;
    }
    for (let number = this.firstAbsent; number <= this.count; number++) {
      if (!this.stored.has(number) && !this.requests.has(number)) {
        return {method: number > this.listedUpTo ? 'GET' : 'POST', number};
      }
    }
    return null;
  }

  bytesOf(number) {
    return this.file.slice((number - 1) * CHUNK, Math.min(number * CHUNK, this.file.size));
  }

  urlFor(number) {
    const parameters = new URLSearchParams(location.search);
    for (const [name, value] of [
      ['chunk_number', number],
      ['chunk_size', CHUNK],
      ['current_chunk_size', this.bytesOf(number).size],
      ['total_size', this.file.size],
      ['type', this.file.type],
      ['identifier', this.identifier],
      ['file_name', this.file.name],
      ['relative_path', this.path],
      ['total_chunks', this.count],
    ]) {
      if (names[name]) {
        parameters.set(names[name], value);
      }
    }
    return `${location.pathname}?${parameters}`;
  }

  async run({method, number}) {
    const request = new Exchange(method, this.urlFor(number), PATIENCE * 2 ** this.failures);
    const {requests} = this;
    requests.set(number, request);
    request.moved = () => this.progress();
    const response = await request.send(method === 'POST' ? this.bytesOf(number) : null);
    requests.delete(number);
    if (requests === this.requests && this.isActive) {
      await this.took(method, number, response);
    }
  }

  async took(method, number, {status, isLate, content, ranges, retryAfter}) {
    if (content.status === 'complete') {
      this.end('completed', 'Received');
      return;
    }
    if (status === 200 || (method === 'GET' && (status === 204 || status === 404))) {
      this.failures = 0;
      this.note(ranges);
      if (status === 200) {
        this.has(number);
      }
      this.listedUpTo = Math.max(this.listedUpTo, number);
      // If another page sent the last chunk, a test says whether the file is complete.
      const isFull = this.stored.size === this.count && !this.requests.size;
      this.retryAt = isFull && method === 'GET' ? Date.now() + DELAY : this.retryAt;
      this.set(isFull ? 'waiting' : 'sending', 'Uploading');
    } else if (permanent.includes(status) || (status === 0 && !(await this.isReadable(number)))) {
      this.end('failed', status ? content.error || `The server said ${status}` : 'It cannot be read, or was changed; choose it again');
      return;
    } else {
      const delay = retryAfter || Math.min(MOST_DELAY, DELAY * 2 ** this.failures) * (0.5 + Math.random() / 2);
      this.failures = Math.min(this.failures + 1, 10);
      this.retryAt = Date.now() + delay;
      const reason = content.error || (status && `The server said ${status}`) || (isLate ? 'No response' : 'No connection');
      this.set('waiting', `${reason}; trying again`);
    }
    this.progress();
  }

  has(number) {
    if (!this.stored.has(number)) {
      this.stored.add(number);
      this.storedBytes += this.bytesOf(number).size;
    }
  }

  // "1-57,60", or if it was cut short "1-57,...".
  note(ranges) {
    const parts = ranges.split(',').filter(Boolean);
    const isCut = parts.at(-1) === '...';
    for (const part of isCut ? parts.slice(0, -1) : parts) {
      const [first, last = first] = part.split('-').map(Number);
      for (let number = first; number <= last; number++) {
        this.has(number);
      }
      this.listedUpTo = Math.max(this.listedUpTo, last);
    }
    if (!isCut) {
      this.listedUpTo = this.count;
    }
  }

  async isReadable(number) {
    try {
      await this.bytesOf(number).slice(0, 1).arrayBuffer();
      return true;
    } catch {
      return false;
    }
  }

  progress() {
    let bytes = this.storedBytes;
    for (const request of this.requests.values()) {
      bytes += request.loaded;
    }
    this.row.progress(this.file.size ? Math.min(1, bytes / this.file.size) : 0);
  }
}

// One request; what it promises never fails.
class Exchange {
  constructor(method, url, patience) {
    this.loaded = 0;
    this.isLate = false;
    this.moved = () => {};
    this.patience = Math.min(patience, MOST_PATIENCE);
    this.xhr = new XMLHttpRequest();
    this.xhr.open(method, url);
  }

  send(body) {
    return new Promise((resolve) => {
      const {xhr} = this;
      const wait = () => {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => { this.isLate = true; xhr.abort(); }, this.patience);
      };
      xhr.upload.onprogress = (event) => {
        this.loaded = event.loaded;
        wait();
        this.moved();
      };
      xhr.onloadend = () => {
        clearTimeout(this.timer);
        resolve({
          status: xhr.status,
          isLate: this.isLate,
          content: contentOf(xhr.responseText),
          ranges: xhr.getResponseHeader('Resumable-Stored') || '',
          retryAfter: 1000 * (Number(xhr.getResponseHeader('Retry-After')) || 0),
        });
      };
      wait();
      if (body) {
        xhr.setRequestHeader('Content-Type', 'application/octet-stream');
      }
      xhr.send(body);
    });
  }

  abort() {
    this.xhr.abort();
  }
}

function contentOf(text) {
  try {
    return JSON.parse(text) || {};
  } catch {
    return {};
  }
}

// What is shown of an upload. Names are text and nothing else.
class Row {
  constructor(upload) {
    this.element = document.createElement('li');
    this.name = this.add('span', 'name');
    this.name.textContent = upload.path;
    this.button = this.add('button', '');
    this.button.type = 'button';
    this.button.onclick = () => toggle(upload);
    this.bar = this.add('progress', '');
    this.bar.setAttribute('aria-label', upload.path);
    this.bar.max = 100;
    this.bar.value = 0;
    this.state = this.add('span', 'state');
    this.path = upload.path;
    $('uploads').append(this.element);
  }

  add(kind, className) {
    const element = document.createElement(kind);
    element.className = className;
    this.element.append(element);
    return element;
  }

  show(state, text) {
    this.element.className = state;
    this.state.textContent = text;
    const word = {paused: 'Resume', failed: 'Try again'}[state] || 'Pause';
    this.button.textContent = word;
    this.button.setAttribute('aria-label', `${word}: ${this.path}`);
    this.button.hidden = state === 'completed';
    if (state === 'completed') {
      this.bar.value = 100;
    }
  }

  progress(part) {
    this.bar.value = Math.floor(part * 100);
  }
}

function toggle(upload) {
  if (upload.isActive) {
    upload.end('paused', 'Paused');
  } else {
    upload.start();
    fill();
  }
}

// Begin as many requests as there is room for, in the order in which files came.
function fill() {
  const now = Date.now();
  let earliest = Infinity;
  for (const upload of [...unfinished]) {
    let next;
    while (active < AT_ONCE && (next = upload.next(now))) {
      active++;
      upload.run(next).finally(() => { active--; fill(); });
    }
    if (active === AT_ONCE) {
      return;
    }
    if (upload.retryAt > now) {
      earliest = Math.min(earliest, upload.retryAt);
    }
  }
  clearTimeout(timer);
  if (earliest < Infinity) {
    timer = setTimeout(fill, earliest - now);
  }
}

function summarize() {
  const failed = counts.failed ? `, ${counts.failed} failed` : '';
  const text = `${counts.completed} of ${uploads.size} received${failed}`;
  // What has not changed is not to be read aloud again.
  if ($('summary').textContent !== text) {
    $('summary').textContent = text;
  }
}

function add(file, path) {
  const upload = new Upload(file, path);
  const before = uploads.get(upload.identifier);
  if (before?.state === 'paused' || before?.state === 'failed') {
    before.file = file;
    before.start();
  } else if (!before) {
    uploads.set(upload.identifier, upload);
    upload.start();
  }
  fill();
}

function addChosen(event) {
  for (const file of event.target.files) {
    add(file, file.webkitRelativePath || file.name);
  }
  // So that the same file can be chosen again.
  event.target.value = '';
}

async function addEntry(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    add(file, entry.fullPath.replace(/^\//, ''));
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!entries.length) {
      return;
    }
    for (const each of entries) {
      await addEntry(each).catch(() => addUnreadable(each.fullPath));
    }
  }
}

// A file or folder of which not even the size is known.
function addUnreadable(path) {
  const upload = new Upload(new File([], path), path.replace(/^\//, ''));
  uploads.set(upload.identifier, upload);
  upload.start();
  upload.end('failed', 'It cannot be read; choose it again');
  upload.row.button.hidden = true;
}

function addDropped(event) {
  event.preventDefault();
  document.body.classList.remove('dragging');
  // All are taken at once: the list is empty when this has returned.
  for (const item of [...event.dataTransfer.items].filter(({kind}) => kind === 'file')) {
    const entry = item.webkitGetAsEntry();
    const file = item.getAsFile();
    if (entry) {
      addEntry(entry).catch(() => addUnreadable(entry.fullPath));
    } else if (file) {
      add(file, file.name);
    }
  }
}

$('files').addEventListener('change', addChosen);
$('folder').addEventListener('change', addChosen);
document.addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.classList.add('dragging');
});
document.addEventListener('dragleave', (event) => {
  if (!event.relatedTarget) {
    document.body.classList.remove('dragging');
  }
});
document.addEventListener('drop', addDropped);
window.addEventListener('online', () => {
  for (const upload of uploads.values()) {
    upload.retryAt = 0;
  }
  fill();
});
