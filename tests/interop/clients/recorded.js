// One upload by the library that the page has loaded, noted event by event; README.rst says what it is told and tells.
'use strict';

const sleep = (time) => new Promise((resolve) => { setTimeout(resolve, time); });
const events = [];
const begun = performance.now();
const log = (...what) => events.push([Math.round(performance.now() - begun), ...what]);
window.OTHER = location.origin.replace('127.0.0.1', 'localhost');

// What observers are given, down to what is noted: names and responses.
const EVENTS = {
  fileAdded: (file) => [file.name],
  filesAdded: () => [],
  filesSubmitted: () => [],
  uploadStart: () => [],
  fileSuccess: (file, message) => [file.name, message],
  fileRetry: (file) => [file.name],
  fileError: (file, message) => [file.name, message],
  error: (message, file) => [file.name, message],
  pause: () => [],
  complete: () => [],
};
// simple-uploader.js gives the folder of a file before it.
const LIBRARIES = {
  flow: {make: (options) => new Flow(options), given: (event, args) => args},
  simple: {
    make: (options) => new Uploader(options),
    given: (event, args) => (/^file(Success|Retry|Error)$/.test(event) ? args.slice(1) : args),
  },
};
const OBSERVED = {query_calls: 'calls', target_args: 'targs', preprocess: 'pre'};

function post(path, what) {
  return fetch(path, {method: 'POST', body: JSON.stringify(what)});
}

window.addEventListener('error', (event) => post('said', {broken: event.message || event.target.src}), true);
window.addEventListener('unhandledrejection', (event) => post('said', {broken: String(event.reason)}));

function fileOf(given) {
  const bytes = Uint8Array.from(atob(given.content), (letter) => letter.charCodeAt(0));
  const file = new File([bytes], given.name, {type: given.type});
  if (given.rel) {
    Object.defineProperty(file, 'webkitRelativePath', {value: given.rel});
  }
  return file;
}

// It has ended when "complete" was the last event, and nothing came after it for a while.
async function ended() {
  for (let waited = 0; waited < 8000; waited += 50) {
    const last = events[events.length - 1];
    if (last && last[1] === 'complete' && performance.now() - begun - last[0] > 300) {
      return;
    }
    await sleep(50);
  }
}

async function main() {
  const job = await (await fetch('job')).json();
  const library = LIBRARIES[job.library];
  const uploader = library.make((0, eval)(job.options));
  for (const [event, noted] of Object.entries(EVENTS)) {
    uploader.on(event, (...args) => { log(event, ...noted(...library.given(event, args))); });
  }
  uploader.addFiles(job.files.map(fileOf));
  await sleep(120);
  if (job.driver === 'addFiles(); upload()') {
    uploader.upload();
  } else {
    await (0, eval)(job.driver)(uploader, job.files, log, sleep);
  }
  await ended();
  const chunks = uploader.files.map((file) => ({
    name: file.name,
    identifier: file.uniqueIdentifier,
    relativePath: file.relativePath,
    ranges: file.chunks.map((chunk) => [chunk.startByte, chunk.endByte]),
  }));
  const observed = {};
  for (const [name, variable] of Object.entries(OBSERVED)) {
    if (variable in window) {
      observed[name] = window[variable];
    }
  }
  await post('said', {begun: performance.timeOrigin + begun, events, chunks, progress: uploader.progress(), observed});
}

window.addEventListener('load', main);
