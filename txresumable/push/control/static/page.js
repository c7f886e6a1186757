// Shows what a service is at, and operates it.  Text only ever becomes text: names are others'.

import {Plot} from './plot.js';

const POLL = 2000, AGAIN = 3000, SETTLE = 500, STEP = 100, PAGE = 1000;
const GROUPS = [
  {title: 'Failed', states: ['failed'], actions: ['retry']},
  {title: 'Waiting to be tried again', states: ['waiting'], actions: ['retry', 'hold', 'cancel']},
  {title: 'Stored, and being reported or moved', states: ['stored', 'hook', 'moving'], actions: ['retry']},
  {title: 'Held', states: ['held'], actions: ['release', 'cancel']},
  {title: 'Uploading', states: ['uploading'], actions: ['hold', 'cancel']},
  {title: 'Queued', states: ['queued'], actions: ['hold', 'cancel']},
  {title: 'Settling', states: ['seen', 'settling'], actions: ['hold']},
  {title: 'Done', states: ['done'], actions: ['again'], isClosed: true},
  {title: 'Changed or gone', states: ['changed', 'gone'], actions: [], isClosed: true},
];
const LABELS = {retry: 'Retry', hold: 'Hold', release: 'Release', cancel: 'Cancel', again: 'Send again'};
const byId = (id) => document.getElementById(id);
const plot = new Plot(byId('plot'));
const groups = [];
let status = null, token = '', last = '', streaming = null;

class Refused extends Error {
  constructor(code, reason) {
    super(reason);
    this.code = code;
  }
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;  // or it would be read aloud once more
}

function size(bytes) {
  let unit = 0;
  for (; bytes >= 1024 && unit < 4; unit++) bytes /= 1024;
  return `${unit && bytes < 100 ? bytes.toFixed(1) : Math.round(bytes)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][unit]}`;
}

function headers(more) {
  return token ? {Authorization: `Bearer ${token}`, ...more} : {...more};
}

async function ask(path, method = 'GET', fields) {
  const options = {method, headers: headers(), cache: 'no-store', redirect: 'error'};
  if (method === 'POST') {
    options.headers['Txresumable-Control'] = '1';
    options.headers['Content-Type'] = 'application/json';
    options.body = JSON.stringify(fields ?? {});
  }
  const response = await fetch(path, options);
  const content = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, content.error ?? `Status ${response.status}.`);
  return content;
}

function failed(error) {
  byId('login').hidden = error.code !== 401;
  if (error.code === 401) {
    byId('service').hidden = true;
    setText(byId('trouble'), token ? error.message : '');
  } else {
    setText(byId('trouble'), error.code ? error.message : 'The service does not respond.');
  }
}

async function act(text, path, fields) {
  try {
    await ask(path, 'POST', fields);
    setText(byId('done'), `${text}: done.`);
  } catch (error) {
    setText(byId('done'), `${text}: ${error.message}`);
  }
  groups.forEach((group) => { group.isDirty = true; });
  await poll();
  await Promise.all(groups.map((group) => group.refresh()));
}

class Row {
  constructor(file, actions) {
    this.node = element('li');
    this.name = element('span', 'name');
    this.bar = element('progress');
    this.facts = element('span', 'facts');
    const buttons = element('span', 'actions');
    this.bar.max = 1;
    this.bar.value = 0;
    for (const action of actions) {
      const button = element('button', '', LABELS[action]);
      button.type = 'button';
      button.setAttribute('aria-label', `${LABELS[action]} ${file.name}`);
      button.addEventListener('click', () => act(`${LABELS[action]} ${file.name}`, `files/${file.id}/${action}`));
      buttons.append(button);
    }
    this.bar.setAttribute('aria-label', `Progress of ${file.name}`);
    this.node.append(this.name, this.facts, this.bar, buttons);
    this.update(file);
  }

  update(file) {
    const until = file.until ? `until ${new Date(file.until * 1000).toLocaleString()}` : '';
    setText(this.name, file.name);
    setText(this.facts, [file.folder, size(file.size), file.why, until].filter(Boolean).join(' · '));
    this.bar.hidden = file.state !== 'uploading';
  }
}

class Group {
  constructor(kind) {
    Object.assign(this, kind);
    this.rows = new Map();
    this.isDirty = true;
    this.isBusy = false;
    this.count = 0;
    this.shown = STEP;
    this.node = element('details');
    this.node.open = !this.isClosed;
    this.summary = element('summary');
    this.list = element('ul');
    this.list.setAttribute('aria-label', this.title);
    this.more = element('button', '', 'Show more');
    this.more.type = 'button';
    this.more.setAttribute('aria-label', `Show more: ${this.title}`);
    this.more.addEventListener('click', () => {
      this.shown += STEP;
      this.isDirty = true;
      this.refresh();
    });
    this.node.addEventListener('toggle', () => this.refresh());
    this.node.append(this.summary, this.list, this.more);
    byId('groups').append(this.node);
  }

  counted(files) {
    const count = this.states.reduce((sum, state) => sum + (files[state] ?? 0), 0);
    if (count !== this.count) this.isDirty = true;
    this.count = count;
    this.node.hidden = !count;
    setText(this.summary, `${this.title} (${count})`);
  }

  async refresh() {
    if (this.isBusy || !this.isDirty || !this.node.open) return;
    this.isBusy = true;
    this.isDirty = false;
    try {
      this.show(this.count ? await this.files() : []);
    } catch (error) {
      this.isDirty = true;
      failed(error);
    } finally {
      this.isBusy = false;
    }
  }

  async files() {
    const files = [];
    const states = this.states.map((state) => `state=${state}`).join('&');
    for (let after = 0; after !== null && files.length < this.shown;) {
      const limit = Math.min(PAGE, this.shown - files.length);
      const page = await ask(`files?${states}&after=${after}&limit=${limit}`);
      files.push(...page.files);
      after = page.next;
    }
    return files;
  }

  show(files) {
    const before = this.rows;
    this.rows = new Map();
    for (const file of files) {
      const row = before.get(file.id) ?? new Row(file, this.actions);
      row.update(file);
      this.rows.set(file.id, row);
      before.delete(file.id);
    }
    for (const row of before.values()) row.node.remove();
    let at = this.list.firstChild;  // those that are in their place keep the focus
    for (const row of this.rows.values()) {
      if (row.node === at) at = at.nextSibling;
      else this.list.insertBefore(row.node, at);
    }
    this.more.hidden = this.rows.size >= this.count;
    progressed();
  }
}

function progressed() {
  for (const folder of Object.values(status?.folders ?? {})) {
    for (const [id, fraction] of Object.entries(folder.sending)) {
      for (const group of groups) {
        const row = group.rows.get(Number(id));
        if (row) row.bar.value = fraction;
      }
    }
  }
}

function total() {
  const files = {};
  for (const folder of Object.values(status.folders)) {
    for (const [state, count] of Object.entries(folder.files)) files[state] = (files[state] ?? 0) + count;
  }
  return files;
}

function showQueue(queue) {
  byId('queue').hidden = !queue;
  if (!queue) return;
  const jobs = {queued: 0, claimed: 0, done: 0, failed: 0};
  for (const states of Object.values(queue.jobs)) {
    for (const [state, count] of Object.entries(states)) jobs[state] += count;
  }
  const here = Object.keys(queue.sending).length;
  const counts = Object.entries(jobs).map(([state, count]) => `${count} ${state}`).join(', ');
  setText(byId('queue'), `Queue of all machines: ${counts}; ${here} of them claimed by this one.`);
}

function show() {
  const files = total();
  const troubles = [status.trouble];
  for (const [name, folder] of Object.entries(status.folders)) {
    if (folder.problem) troubles.push(`${name}: ${folder.problem}`);
  }
  for (const [name, target] of Object.entries(status.targets)) {
    if (target.why) troubles.push(`${name} takes no files: ${target.why}`);
  }
  if (status.queue?.trouble) troubles.push(`The queue: ${status.queue.trouble}`);
  showQueue(status.queue);
  setText(byId('trouble'), troubles.filter(Boolean).join('; '));
  const open = ['uploading', 'queued', 'waiting', 'seen', 'settling'];
  const left = open.reduce((sum, state) => sum + (files[state] ?? 0), 0);
  const verb = status.paused ? 'Paused' : status.running ? 'Running' : 'Not running';
  setText(byId('summary'), `${verb}: ${left} to send, ${files.failed ?? 0} failed, ${files.done ?? 0} done.`);
  setText(byId('pause'), status.paused ? 'Resume' : 'Pause');
  byId('retry').disabled = !files.failed;
  const rate = plot.add(status.transferred, performance.now());
  const limit = status.rate === null ? 'no limit' : `at most ${size(status.rate)}/s`;
  const pace = `${size(rate)}/s now, ${size(plot.highest)}/s at the highest, ${limit}`;
  setText(byId('pace'), pace);
  byId('plot').setAttribute('aria-label', `Rate in the last five minutes: ${pace}`);
  groups.forEach((group) => group.counted(files));
  progressed();
}

async function poll() {
  try {
    status = await ask('status');
    byId('login').hidden = true;
    byId('service').hidden = false;
    show();
  } catch (error) {
    failed(error);
  }
}

// Server-sent events by fetch(), as an EventSource cannot send a token.
async function stream() {
  streaming = new AbortController();
  const more = last ? {'Last-Event-ID': last} : {};
  const response = await fetch('events', {headers: headers(more), signal: streaming.signal, cache: 'no-store'});
  if (!response.ok) throw new Refused(response.status, '');
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = '';;) {
    const {done, value} = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split('\n\n');
    text = blocks.pop();
    blocks.forEach(happened);
  }
}

function happened(block) {
  const fields = Object.fromEntries(block.split('\n').map((line) => {
    const at = line.indexOf(': ');
    return [line.slice(0, at), line.slice(at + 2)];
  }));
  if (fields.id) last = fields.id;
  if (fields.event === 'reset') groups.forEach((group) => { group.isDirty = true; });
  if (fields.event !== 'file') return;
  const {before, file} = JSON.parse(fields.data);
  for (const group of groups) {
    if (group.states.includes(before) || group.states.includes(file.state)) group.isDirty = true;
  }
}

const pause = (time) => new Promise((resolve) => { setTimeout(resolve, time); });

async function repeat(work, time) {
  for (;;) {
    await work().catch(() => {});
    await pause(time);
  }
}

function begin() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  token = given ?? sessionStorage.getItem('token') ?? '';
  if (given !== null) {
    sessionStorage.setItem('token', given);
    history.replaceState(null, '', location.pathname);  // so that it is not copied with the URL
  }
  groups.push(...GROUPS.map((kind) => new Group(kind)));
  byId('login').addEventListener('submit', (event) => {
    event.preventDefault();
    token = byId('token').value;
    sessionStorage.setItem('token', token);
    streaming?.abort();
    poll().then(() => byId('service').hidden || byId('pause').focus());
  });
  byId('pause').addEventListener('click', () => {
    act(byId('pause').textContent, status.paused ? 'resume' : 'pause');
  });
  byId('retry').addEventListener('click', () => act('Retry all that failed', 'retry?state=failed'));
  byId('rescan').addEventListener('click', () => act('Look into the folders', 'rescan'));
  repeat(poll, POLL);
  repeat(stream, AGAIN);
  repeat(() => Promise.all(groups.map((group) => group.refresh())), SETTLE);
}

begin();
