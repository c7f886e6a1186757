// One upload by the library that the page has loaded; README.rst says what it is told and what it tells.
'use strict';

// The three have nearly one interface. simple-uploader.js tells observers of a file the folder that it belongs to first.
const LIBRARIES = {
  resumable: {make: (options) => new Resumable(options), added: 'filesAdded', pause: (file) => { file.pause(true); file.abort(); }},
  flow: {make: (options) => new Flow(options), added: 'filesSubmitted', pause: (file) => file.pause()},
  simple: {make: (options) => new Uploader(options), added: 'filesSubmitted', pause: (file) => file.pause(), hasFolder: true},
};

function say(event, fields) {
  return fetch('said', {method: 'POST', body: JSON.stringify({event, ...fields})});
}

// What cannot be loaded is an error, too, which does not bubble.
window.addEventListener('error', (event) => say('broken', {message: event.message || event.target.src}), true);
window.addEventListener('unhandledrejection', (event) => say('broken', {message: String(event.reason)}));

function headerOf(file, name) {
  return file.chunks.map((chunk) => chunk.xhr && chunk.xhr.getResponseHeader(name)).find(Boolean);
}

async function main() {
  const job = await (await fetch('job')).json();
  const content = await (await fetch('content')).blob();
  const library = LIBRARIES[job.library];
  const uploader = library.make(job.options);
  const on = (event, callback) => uploader.on(event, (...given) => { callback(...given.slice(library.hasFolder ? 1 : 0)); });
  document.cookie = job.cookie;

  // flow.js and simple-uploader.js wait for ever on a connection that is dead, and need somebody to look.
  const moved = new Map();
  if (job.patience) {
    setInterval(() => {
      for (const [file, since] of moved) {
        if (performance.now() - since > job.patience) {
          moved.set(file, performance.now());
          file.pause();
          file.resume();
        }
      }
    }, 100);
  }

  let stopped = false;
  let finished = 0;
  on('fileProgress', (file) => {
    moved.set(file, performance.now());
    const stored = file.chunks.filter((chunk) => chunk.status() === 'success').length;
    if (!stopped && job.stop_after && stored >= job.stop_after) {
      stopped = true;
      library.pause(file);
      say('stopped', {stored});
    }
  });
  on('fileSuccess', (file) => {
    moved.delete(file);
    if (++finished < job.files) {
      return;
    }
    const answers = file.chunks.map((chunk) => chunk.message());
    say('completed', {answers, checksum: headerOf(file, 'Resumable-File-Checksum')});
  });
  on('fileError', (file, message) => say('failed', {message}));
  uploader.on(library.added, () => uploader.upload());
  const part = (number) => content.slice(content.size * number / job.files, content.size * (number + 1) / job.files);
  const nameOf = (number) => job.files === 1 ? job.file_name : `${number}-${job.file_name}`;
  const files = Array.from({length: job.files}, (_, number) => new File([part(number)], nameOf(number), {type: job.type}));
  uploader.addFiles(files);
}

window.addEventListener('load', main);
